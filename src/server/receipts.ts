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
// - A part of the room is a reserve for newcomers, who find it while all else is taken. Who has a claim on it and is
//   still when another newcomer wants it goes back to those who wait, unread, with what it has sent: so a client that
//   sends its value promptly is through in some ms, whoever else has stopped in the middle of theirs. Only who comes
//   in one crowd with hundreds that will stall cannot be told from them.

import type { Clock } from '../env/env.js';

/** While others wait: how long a value may take. */
const CLAIM_MS_MAX = 10_000;
/** While others wait: who sends less than a piece in this time does not get on; for one who waits, and for many. */
const PIECE_BYTES = 16 * 1024;
const PATIENCE_MS_MAX = 1000;
const PATIENCE_MS_MIN = 250;
const CHECK_MS = 50;
/** Who has been still for so long gives up the reserve to a newcomer. */
const QUICK_MS = 20;
/** So long after it came one is a newcomer. */
const NEW_MS = 250;

/** A connection, as seen from here. */
export interface Receiver {
  /** Of all that the client has sent. */
  readonly bytesReceived: number;
  /** It is the server that does not read. */
  readonly isHeldUp: boolean;
  /** Its claim is granted, or given back. */
  goOn(): void;
  /** Its claim is taken back: nothing is to be read before goOn(). */
  holdUp(): void;
  destroy(): void;
}

interface ReceiptBounds {
  /** In bytes, or in files. One claim is never larger. */
  readonly claimsMax: number;
  /** Of these, for newcomers. */
  readonly reserveMax: number;
  readonly waitingMax: number;
}

interface Claim {
  readonly amount: number;
  readonly isReserve: boolean;
  readonly sinceMs: number;
  /** When the last piece was there, and what had been received by then. */
  movedMs: number;
  movedBytes: number;
}

interface Waiting {
  readonly amount: number;
  /** In memory already, or room that it has for it. */
  readonly arrived: number;
  readonly sinceMs: number;
}

export class Receipts {
  readonly #bounds: ReceiptBounds;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'defer' | 'setTimer'>;
  readonly #onDropped: () => void;
  readonly #claims = new Map<Receiver, Claim>();
  /** In the order in which they asked. */
  readonly #waiting = new Map<Receiver, Waiting>();
  /** The same, for the end of it; some have left meanwhile. Who was held up is not among them. */
  #lastCome: Receiver[] = [];
  #isLastsTurn = true;
  #isWatching = false;
  #claimed = 0;
  /** Of these, of the reserve. */
  #reserved = 0;
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
    if (this.#waiting.size === 0 && this.#hasRoom(amount)) {
      this.#grant(who, amount, false);
      return 'granted';
    }
    if (this.#clearReserve(amount)) {
      this.#grant(who, amount, true);
      return 'granted';
    }
    if (this.#arrived + arrived > this.#bounds.waitingMax) return 'refused';
    this.#lastCome.push(who);
    this.#wait(who, amount, arrived);
    return 'waits';
  }

  #wait(who: Receiver, amount: number, arrived: number): void {
    this.#waiting.set(who, { amount, arrived, sinceMs: this.#clock.monotonicMs() });
    this.#arrived += arrived;
    this.#watch();
  }

  /** Its value is done, or it has gone. */
  release(who: Receiver): void {
    this.#revoke(who);
    this.#stopWaiting(who);
    this.#serveSoon();
  }

  #grant(who: Receiver, amount: number, isReserve: boolean): void {
    const sinceMs = this.#clock.monotonicMs();
    const movedBytes = who.bytesReceived;
    this.#claims.set(who, { amount, isReserve, sinceMs, movedMs: sinceMs, movedBytes });
    this.#claimed += amount;
    if (isReserve) this.#reserved += amount;
  }

  #revoke(who: Receiver): void {
    const claim = this.#claims.get(who);
    if (claim === undefined) return;
    this.#claims.delete(who);
    this.#claimed -= claim.amount;
    if (claim.isReserve) this.#reserved -= claim.amount;
  }

  /** Beside the reserve. */
  #hasRoom(amount: number): boolean {
    const { claimsMax, reserveMax } = this.#bounds;
    return this.#claimed - this.#reserved + amount <= claimsMax - reserveMax;
  }

  /** Makes so much room in the reserve; false: it cannot be had from those who are still. */
  #clearReserve(amount: number): boolean {
    const { reserveMax, waitingMax } = this.#bounds;
    if (amount > reserveMax) return false;
    const nowMs = this.#clock.monotonicMs();
    for (const [who, claim] of this.#claims) {
      if (this.#reserved + amount <= reserveMax) break;
      // What waits unread leaves room for what newcomers have sent.
      if (this.#arrived + claim.amount > waitingMax / 2) break;
      if (!claim.isReserve || who.isHeldUp) continue;
      this.#noteMove(who, claim, nowMs);
      if (nowMs - claim.movedMs < QUICK_MS) continue;
      this.#revoke(who);
      this.#wait(who, claim.amount, claim.amount);
      who.holdUp();
    }
    return this.#reserved + amount <= reserveMax;
  }

  /** A claim that has got on by a piece did so by now. */
  #noteMove(who: Receiver, claim: Claim, nowMs: number): void {
    if (!who.isHeldUp && who.bytesReceived - claim.movedBytes < PIECE_BYTES) return;
    claim.movedMs = nowMs;
    claim.movedBytes = who.bytesReceived;
  }

  /** For as long as somebody waits. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const check = (): void => {
      this.#isWatching = false;
      if (this.#waiting.size === 0) return;
      this.#relieve();
      this.#serveNew();
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
      this.#noteMove(who, claim, nowMs);
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
      const [first] = this.#waiting.keys();
      const who = this.#isLastsTurn ? (this.#last() ?? first) : first;
      if (who === undefined || !this.#hasRoom(this.#waiting.get(who)!.amount)) break;
      this.#isLastsTurn = !this.#isLastsTurn;
      this.#goOn(who, false);
    }
    this.#serveNew();
  }

  /** From the reserve. */
  #serveNew(): void {
    const newMs = this.#clock.monotonicMs() - NEW_MS;
    for (let who = this.#last(); who !== undefined; who = this.#last()) {
      const { amount, sinceMs } = this.#waiting.get(who)!;
      if (sinceMs <= newMs || !this.#clearReserve(amount)) return;
      this.#goOn(who, true);
    }
  }

  #goOn(who: Receiver, isReserve: boolean): void {
    const { amount } = this.#waiting.get(who)!;
    this.#stopWaiting(who);
    this.#grant(who, amount, isReserve);
    who.goOn();
  }

  /** Of those who wait and have not had their turn, the one who came last. */
  #last(): Receiver | undefined {
    const last = this.#lastCome;
    while (last.length > 0 && !this.#waiting.has(last.at(-1)!)) last.pop();
    if (last.length > 2 * this.#waiting.size) {
      this.#lastCome = last.filter((who) => this.#waiting.has(who));
    }
    return this.#lastCome.at(-1);
  }

  #stopWaiting(who: Receiver): void {
    this.#arrived -= this.#waiting.get(who)?.arrived ?? 0;
    this.#waiting.delete(who);
  }
}
