// CAS tokens of the items in a Redis cluster. The server makes them, so that a plain set needs no script in Redis.
//
// A token is the time in units of half a µs, rounded so that its last 5 bits are twice the number that this server drew from the
// cluster when it started. They are one more if a script made the token from that of the item (scripts.ts, NEXT_TOKEN).
// So two servers never give the same token, and one server never gives a token twice.
//
// Invariants:
// - Tokens grow, also when the clock goes back. They stay below 2^53, where Lua counts exactly (until 2112).
// - No script makes a token that a server has drawn for another change. Otherwise read-back.ts would take that change for done.

/** Number of servers whose tokens are different. */
export const SERVER_NUMBERS = 16;
/** Distance of two tokens of a server. */
export const TOKEN_STEP = 2 * SERVER_NUMBERS;
const UNITS_PER_MS = 2000;

export class Tokens {
  #last = 0;
  readonly #lastBits: number;

  /** `serverNumber`: 0 to SERVER_NUMBERS - 1. */
  constructor(serverNumber: number) {
    this.#lastBits = 2 * serverNumber;
  }

  /** Returns the next token; `wallMs` may have a fraction. */
  next(wallMs: number): number {
    const time = Math.floor((wallMs * UNITS_PER_MS) / TOKEN_STEP) * TOKEN_STEP;
    this.#last = Math.max(this.#last + TOKEN_STEP, time + this.#lastBits);
    return this.#last;
  }

  /** Notes the token of an item: later tokens are larger. A token of 2^53 and more is a client's own and does not count. */
  observe(token: bigint): void {
    if (token <= BigInt(this.#last) || token > BigInt(Number.MAX_SAFE_INTEGER)) return;
    const seen = Number(token);
    this.#last = seen - (seen % TOKEN_STEP) + this.#lastBits;
  }
}
