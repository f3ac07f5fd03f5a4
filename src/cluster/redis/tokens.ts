// CAS tokens of the items in a Redis cluster: made by the server, so that a plain set needs no script in Redis.
//
// A token is the time in µs, rounded so that its last 4 bits are the number that this server drew from the cluster at its
// start: two servers never give the same one, and one server never gives one twice.
//
// Invariants: tokens grow, also when the clock goes back; they stay below 2^53, where Lua counts exactly (until 2255).

/** As many servers as can tell their tokens apart. */
export const SERVER_NUMBERS = 16;

export class Tokens {
  #last = 0;
  readonly #serverNumber: number;

  /** `serverNumber`: 0..SERVER_NUMBERS-1. */
  constructor(serverNumber: number) {
    this.#serverNumber = serverNumber;
  }

  /** The next token; `wallMs` may have a fraction. */
  next(wallMs: number): number {
    const micros = Math.floor((wallMs * 1000) / SERVER_NUMBERS) * SERVER_NUMBERS;
    this.#last = Math.max(this.#last + SERVER_NUMBERS, micros + this.#serverNumber);
    return this.#last;
  }

  /** An item has this token: those that come are larger. A client's own, of 2^53 and more, does not count. */
  observe(token: bigint): void {
    if (token <= BigInt(this.#last) || token > BigInt(Number.MAX_SAFE_INTEGER)) return;
    const seen = Number(token);
    this.#last = seen - (seen % SERVER_NUMBERS) + this.#serverNumber;
  }
}
