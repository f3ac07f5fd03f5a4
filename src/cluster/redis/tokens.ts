// CAS tokens of the items in a Redis cluster. The server makes them, so that a plain set needs no script in Redis.
//
// A token is the time in µs, rounded so that its last 4 bits are the number that this server drew from the cluster when it
// started. So two servers with different numbers never give the same token, and one server never gives a
// token twice.
//
// Invariants: tokens grow, also when the clock goes back. They stay below 2^53, where Lua counts exactly (until 2255).

/** Number of servers whose tokens are different. */
export const SERVER_NUMBERS = 16;

export class Tokens {
  #last = 0;
  readonly #serverNumber: number;

  /** `serverNumber`: 0 to SERVER_NUMBERS - 1. */
  constructor(serverNumber: number) {
    this.#serverNumber = serverNumber;
  }

  /** Returns the next token; `wallMs` may have a fraction. */
  next(wallMs: number): number {
    const micros = Math.floor((wallMs * 1000) / SERVER_NUMBERS) * SERVER_NUMBERS;
    this.#last = Math.max(this.#last + SERVER_NUMBERS, micros + this.#serverNumber);
    return this.#last;
  }

  /** Notes the token of an item: later tokens are larger. A token of 2^53 and more is a client's own and does not count. */
  observe(token: bigint): void {
    if (token <= BigInt(this.#last) || token > BigInt(Number.MAX_SAFE_INTEGER)) return;
    const seen = Number(token);
    this.#last = seen - (seen % SERVER_NUMBERS) + this.#serverNumber;
  }
}
