// What values on their way in take, shared by all connections: memory of those up to 1 MiB, open files of the larger
// ones. Who is in the middle of a value has a claim for the whole of it, or waits, unread, until there is room.
//
// Invariants:
// - A claim is for a whole value: who has one needs nothing more to come to its end, so nobody waits for each other.
// - Claims never exceed `claimsMax`, and what those who wait have in memory already never exceeds `waitingMax`.
// - While others wait, a claim has an end: who sends nothing for a while, or is not done after a longer one, is
//   dropped (README.md, "Limits").

import type { Clock } from '../env/env.js';

/** While others wait: longest silence in the middle of a value, and longest time for one. */
const SILENCE_MS_MAX = 2000;
const CLAIM_MS_MAX = 10_000;

/** A connection, as seen from here. */
export interface Receiver {
  /** Ms since the client last sent; 0 while it is the server that does not read. */
  owedMs(nowMs: number): number;
  /** Its claim is granted. */
  goOn(): void;
  destroy(): void;
}

export interface ReceiptBounds {
  /** In bytes, or in files. One claim is never larger. */
  readonly claimsMax: number;
  readonly waitingMax: number;
}

interface Claim {
  readonly amount: number;
  readonly sinceMs: number;
}

interface Waiting {
  readonly amount: number;
  /** In memory already. */
  readonly arrived: number;
}

export class Receipts {
  readonly #bounds: ReceiptBounds;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'defer'>;
  readonly #claims = new Map<Receiver, Claim>();
  /** In the order in which they asked. */
  readonly #waiting = new Map<Receiver, Waiting>();
  #claimed = 0;
  #arrived = 0;
  #isServing = false;

  constructor(bounds: ReceiptBounds, clock: Pick<Clock, 'monotonicMs' | 'defer'>) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** Claimed, and waiting in memory. */
  get amount(): number {
    return this.#claimed + this.#arrived;
  }

  get count(): number {
    return this.#claims.size + this.#waiting.size;
  }

  /**
   * `granted`: the value may come. `waits`: nothing is to be read before goOn(). `refused`: so many wait that
   * there is no room for what this one has sent.
   */
  claim(who: Receiver, amount: number, arrived: number): 'granted' | 'waits' | 'refused' {
    if (this.#claims.has(who)) return 'granted';
    if (this.#waiting.has(who)) return 'waits';
    if (this.#waiting.size === 0 && this.#claimed + amount <= this.#bounds.claimsMax) {
      this.#grant(who, amount);
      return 'granted';
    }
    if (this.#arrived + arrived > this.#bounds.waitingMax) return 'refused';
    this.#waiting.set(who, { amount, arrived });
    this.#arrived += arrived;
    return 'waits';
  }

  /** Its value is done, or it has gone. */
  release(who: Receiver): void {
    this.#claimed -= this.#claims.get(who)?.amount ?? 0;
    this.#claims.delete(who);
    this.#stopWaiting(who);
    this.#serveSoon();
  }

  /** Call every second: drops who holds up others. Returns how many. */
  relieve(nowMs: number): number {
    let dropped = 0;
    for (const [who, { sinceMs }] of this.#claims) {
      if (dropped >= this.#waiting.size) break;
      const isSlow = nowMs - sinceMs >= CLAIM_MS_MAX || who.owedMs(nowMs) >= SILENCE_MS_MAX;
      if (!isSlow || who.owedMs(nowMs) === 0) continue;
      dropped += 1;
      who.destroy();
    }
    return dropped;
  }

  #grant(who: Receiver, amount: number): void {
    this.#claims.set(who, { amount, sinceMs: this.#clock.monotonicMs() });
    this.#claimed += amount;
  }

  /** Not at once: whoever releases is in the middle of a request. */
  #serveSoon(): void {
    if (this.#isServing || this.#waiting.size === 0) return;
    this.#isServing = true;
    this.#clock.defer(() => {
      this.#isServing = false;
      this.#serve();
    });
  }

  #serve(): void {
    for (const [who, { amount }] of this.#waiting) {
      if (this.#claimed + amount > this.#bounds.claimsMax) return;
      this.#stopWaiting(who);
      this.#grant(who, amount);
      who.goOn();
    }
  }

  #stopWaiting(who: Receiver): void {
    this.#arrived -= this.#waiting.get(who)?.arrived ?? 0;
    this.#waiting.delete(who);
  }
}
