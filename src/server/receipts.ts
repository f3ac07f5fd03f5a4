// What values on their way in take, shared by all connections: memory of those up to 1 MiB, open files of the larger
// ones. Who is in the middle of a value has a claim for the whole of it, or waits, unread, until there is room.
//
// Invariants:
// - A claim is for a whole value: who has one needs nothing more to come to its end, so nobody waits for each other.
// - Claims never exceed `claimsMax`, and what those who wait have in memory already never exceeds `waitingMax`.
// - While others wait, a claim has to get on: who does not send another piece of it within the patience that is left,
//   or is not done after a longer time, is dropped (docs/errors.md). The more wait, the shorter the patience, so
//   that those who wait behind strangers that stall all have their turn within a second or two.
// - Room goes in turns to who has waited longest and to who came last: those who fill the queue do not keep out
//   who comes behind them, and nobody waits for ever.

import type { Clock } from '../env/env.js';

/** While others wait: how long a value may take. */
const CLAIM_MS_MAX = 10_000;
/** While others wait: who sends less than a piece in this time does not get on; for one who waits, and for many. */
const PIECE_BYTES = 16 * 1024;
const PATIENCE_MS_MAX = 1000;
const PATIENCE_MS_MIN = 250;
const CHECK_MS = 100;

/** A connection, as seen from here. */
export interface Receiver {
  /** Of all that the client has sent. */
  readonly bytesReceived: number;
  /** It is the server that does not read. */
  readonly isHeldUp: boolean;
  /** Its claim is granted. */
  goOn(): void;
  destroy(): void;
}

interface ReceiptBounds {
  /** In bytes, or in files. One claim is never larger. */
  readonly claimsMax: number;
  readonly waitingMax: number;
}

interface Claim {
  readonly amount: number;
  readonly sinceMs: number;
  /** When the last piece was there, and what had been received by then. */
  movedMs: number;
  movedBytes: number;
}

interface Waiting {
  readonly amount: number;
  /** In memory already. */
  readonly arrived: number;
}

export class Receipts {
  readonly #bounds: ReceiptBounds;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'defer' | 'setTimer'>;
  readonly #onDropped: () => void;
  readonly #claims = new Map<Receiver, Claim>();
  /** In the order in which they asked. */
  readonly #waiting = new Map<Receiver, Waiting>();
  /** The same, for the end of it; some have left meanwhile. */
  #lastCome: Receiver[] = [];
  #isLastsTurn = true;
  #isWatching = false;
  #claimed = 0;
  #arrived = 0;
  #isServing = false;

  /** `onDropped`: who held up others was dropped. */
  constructor(
    bounds: ReceiptBounds,
    clock: Pick<Clock, 'monotonicMs' | 'defer' | 'setTimer'>,
    onDropped: () => void,
  ) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#onDropped = onDropped;
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
    this.#lastCome.push(who);
    this.#arrived += arrived;
    this.#watch();
    return 'waits';
  }

  /** Its value is done, or it has gone. */
  release(who: Receiver): void {
    this.#claimed -= this.#claims.get(who)?.amount ?? 0;
    this.#claims.delete(who);
    this.#stopWaiting(who);
    this.#serveSoon();
  }

  #grant(who: Receiver, amount: number): void {
    const sinceMs = this.#clock.monotonicMs();
    const movedBytes = who.bytesReceived;
    this.#claims.set(who, { amount, sinceMs, movedMs: sinceMs, movedBytes });
    this.#claimed += amount;
  }

  /** For as long as somebody waits. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const check = (): void => {
      this.#isWatching = false;
      if (this.#waiting.size === 0) return;
      this.#relieve();
      this.#watch();
    };
    // Not before what has come in a long turn was read.
    this.#clock.setTimer(CHECK_MS, () => this.#clock.defer(check));
  }

  /** Drops who holds up others. */
  #relieve(): void {
    const nowMs = this.#clock.monotonicMs();
    const share = this.#claims.size / (this.#claims.size + this.#waiting.size);
    const patienceMs = Math.max(PATIENCE_MS_MIN, PATIENCE_MS_MAX * share);
    let droppedMax = this.#waiting.size;
    for (const [who, claim] of this.#claims) {
      if (who.isHeldUp || who.bytesReceived - claim.movedBytes >= PIECE_BYTES) {
        claim.movedMs = nowMs;
        claim.movedBytes = who.bytesReceived;
      }
      const isStill = nowMs - claim.movedMs >= patienceMs;
      if (who.isHeldUp || (!isStill && nowMs - claim.sinceMs < CLAIM_MS_MAX)) continue;
      if (droppedMax <= 0) return;
      droppedMax -= 1;
      this.#onDropped();
      who.destroy();
    }
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
    for (;;) {
      const who = this.#next();
      if (who === undefined) return;
      const { amount } = this.#waiting.get(who)!;
      if (this.#claimed + amount > this.#bounds.claimsMax) return;
      this.#isLastsTurn = !this.#isLastsTurn;
      this.#stopWaiting(who);
      this.#grant(who, amount);
      who.goOn();
    }
  }

  /** The one who waits that is served next. */
  #next(): Receiver | undefined {
    const last = this.#lastCome;
    while (last.length > 0 && !this.#waiting.has(last.at(-1)!)) last.pop();
    if (last.length > 2 * this.#waiting.size) {
      this.#lastCome = last.filter((who) => this.#waiting.has(who));
    }
    if (this.#isLastsTurn) return this.#lastCome.at(-1);
    const [first] = this.#waiting.keys();
    return first;
  }

  #stopWaiting(who: Receiver): void {
    this.#arrived -= this.#waiting.get(who)?.arrived ?? 0;
    this.#waiting.delete(who);
  }
}
