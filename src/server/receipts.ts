// Receipts: shares the resources for incoming values among all connections: memory for values up to 1 MiB, open files
// for larger ones. A receiver is a connection in the middle of a value. It has a claim for the whole value, or it waits,
// and the server does not read from it, until there is room.
//
// Invariants:
// - A claim covers a whole value. Its holder needs nothing more to finish, so no two receivers wait for each other.
// - Claims never exceed `claimsMax`, and the bytes that waiting receivers have in memory never exceed `waitingMax`.
// - While others wait, the holder of a claim must make progress. It is dropped when it sends no further piece within
//   the patience, or is not done within CLAIM_MS_MAX (docs/errors.md). The more receivers wait, the shorter the
//   patience, so all that wait behind stalled clients get their turn within a second or two.
// - Room goes in turns to the receiver that has waited longest and to the one that came last. So a full queue does not
//   keep out those behind it, and nobody waits for ever.
// - A part of the room is a reserve for newcomers, for when all else is taken. A holder of a reserve claim that is quiet
//   when another newcomer needs the room goes back to waiting, unread, with the bytes that it has sent. So a client
//   that sends its value promptly is done in some ms, even if other clients have stopped in the middle of theirs.
//   Only a client that comes together with hundreds that will stall looks like one of them.

import type { Clock } from '../env/env.js';

/** While others wait, a value may take this long. */
const CLAIM_MS_MAX = 10_000;
/** While others wait, a receiver must send this many bytes within the patience. */
const PIECE_BYTES = 16 * 1024;
/** The patience while few receivers wait, and while many do. */
const PATIENCE_MS_MAX = 1000;
const PATIENCE_MS_MIN = 250;
const CHECK_MS = 50;
/** A receiver that has been quiet for this long gives its reserve claim up to a newcomer. */
const QUICK_MS = 20;
/** A waiting receiver is a newcomer for this long. */
const NEW_MS = 250;

/** A connection in the middle of a value. */
export interface Receiver {
  /** Number of all bytes that the client has sent. */
  readonly bytesReceived: number;
  /** True while the server itself does not read. */
  readonly isHeldUp: boolean;
  /** The claim is granted, or granted again. */
  goOn(): void;
  /** The claim is taken back: read nothing before goOn(). */
  holdUp(): void;
  destroy(): void;
}

interface ReceiptBounds {
  /** Bound of all claims, in bytes or in files; a single claim is never larger. */
  readonly claimsMax: number;
  /** The part of `claimsMax` that is the reserve for newcomers. */
  readonly reserveMax: number;
  readonly waitingMax: number;
}

interface Claim {
  readonly amount: number;
  readonly isReserve: boolean;
  readonly sinceMs: number;
  /** Time of the last whole piece, and the bytes received by then. */
  movedMs: number;
  movedBytes: number;
}

interface Waiting {
  readonly amount: number;
  /** Bytes in memory already, or the room that the receiver holds for them. */
  readonly arrived: number;
  readonly sinceMs: number;
}

export class Receipts {
  readonly #bounds: ReceiptBounds;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'defer' | 'setTimer'>;
  readonly #onDropped: () => void;
  readonly #claims = new Map<Receiver, Claim>();
  /** The waiting receivers in the order in which they asked. */
  readonly #waiting = new Map<Receiver, Waiting>();
  /** The same order, for access to its end. Some have left meanwhile. Receivers that were held up are not in it. */
  #lastCome: Receiver[] = [];
  #isLastsTurn = true;
  #isWatching = false;
  #claimed = 0;
  /** The part of `#claimed` that is in the reserve. */
  #reserved = 0;
  #arrived = 0;
  #isServing = false;

  /** `onDropped` is called for each receiver that is dropped because it delayed others. */
  constructor(
    bounds: ReceiptBounds,
    clock: Pick<Clock, 'monotonicMs' | 'defer' | 'setTimer'>,
    onDropped: () => void,
  ) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#onDropped = onDropped;
  }

  /** Sum of the claims and of the waiting bytes in memory. */
  get amount(): number {
    return this.#claimed + this.#arrived;
  }

  get count(): number {
    return this.#claims.size + this.#waiting.size;
  }

  /**
   * Claims `amount` for a value. `granted`: the value may come. `waits`: read nothing before goOn(). `refused`: so many
   * receivers wait that there is no room for the bytes that this one has sent.
   */
  claim(receiver: Receiver, amount: number, arrived: number): 'granted' | 'waits' | 'refused' {
    if (this.#claims.has(receiver)) return 'granted';
    if (this.#waiting.has(receiver)) return 'waits';
    if (this.#waiting.size === 0 && this.#hasRoom(amount)) {
      this.#grant(receiver, amount, false);
      return 'granted';
    }
    if (this.#clearReserve(amount)) {
      this.#grant(receiver, amount, true);
      return 'granted';
    }
    if (this.#arrived + arrived > this.#bounds.waitingMax) return 'refused';
    this.#lastCome.push(receiver);
    this.#wait(receiver, amount, arrived);
    return 'waits';
  }

  #wait(receiver: Receiver, amount: number, arrived: number): void {
    this.#waiting.set(receiver, { amount, arrived, sinceMs: this.#clock.monotonicMs() });
    this.#arrived += arrived;
    this.#watch();
  }

  /** Ends the claim or the waiting, because the value is done or the connection has closed. */
  release(receiver: Receiver): void {
    this.#revoke(receiver);
    this.#stopWaiting(receiver);
    this.#serveSoon();
  }

  #grant(receiver: Receiver, amount: number, isReserve: boolean): void {
    const sinceMs = this.#clock.monotonicMs();
    const movedBytes = receiver.bytesReceived;
    this.#claims.set(receiver, { amount, isReserve, sinceMs, movedMs: sinceMs, movedBytes });
    this.#claimed += amount;
    if (isReserve) this.#reserved += amount;
  }

  #revoke(receiver: Receiver): void {
    const claim = this.#claims.get(receiver);
    if (claim === undefined) return;
    this.#claims.delete(receiver);
    this.#claimed -= claim.amount;
    if (claim.isReserve) this.#reserved -= claim.amount;
  }

  /** True when there is room for `amount` outside the reserve. */
  #hasRoom(amount: number): boolean {
    const { claimsMax, reserveMax } = this.#bounds;
    return this.#claimed - this.#reserved + amount <= claimsMax - reserveMax;
  }

  /** Makes room for `amount` in the reserve by holding up quiet receivers; returns false when that is not enough. */
  #clearReserve(amount: number): boolean {
    const { reserveMax, waitingMax } = this.#bounds;
    if (amount > reserveMax) return false;
    const nowMs = this.#clock.monotonicMs();
    for (const [receiver, claim] of this.#claims) {
      if (this.#reserved + amount <= reserveMax) break;
      // Half of `waitingMax` is kept free for the bytes that newcomers have sent.
      if (this.#arrived + claim.amount > waitingMax / 2) break;
      if (!claim.isReserve || receiver.isHeldUp) continue;
      this.#noteMove(receiver, claim, nowMs);
      if (nowMs - claim.movedMs < QUICK_MS) continue;
      this.#revoke(receiver);
      this.#wait(receiver, claim.amount, claim.amount);
      receiver.holdUp();
    }
    return this.#reserved + amount <= reserveMax;
  }

  /** Records progress at `nowMs` when a whole piece has come since the last one, or while the server does not read. */
  #noteMove(receiver: Receiver, claim: Claim, nowMs: number): void {
    if (!receiver.isHeldUp && receiver.bytesReceived - claim.movedBytes < PIECE_BYTES) return;
    claim.movedMs = nowMs;
    claim.movedBytes = receiver.bytesReceived;
  }

  /** Checks every CHECK_MS for as long as a receiver waits. */
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
    // Deferred, so that input that has arrived during a long turn is read first.
    this.#clock.setTimer(CHECK_MS, () => this.#clock.defer(check));
  }

  /** Drops receivers that delay others. */
  #relieve(): void {
    const nowMs = this.#clock.monotonicMs();
    const share = this.#claims.size / (this.#claims.size + this.#waiting.size);
    const patienceMs = Math.max(PATIENCE_MS_MIN, PATIENCE_MS_MAX * share);
    let droppedMax = this.#waiting.size;
    for (const [receiver, claim] of this.#claims) {
      this.#noteMove(receiver, claim, nowMs);
      const isStill = nowMs - claim.movedMs >= patienceMs;
      if (receiver.isHeldUp || (!isStill && nowMs - claim.sinceMs < CLAIM_MS_MAX)) continue;
      if (droppedMax <= 0) return;
      droppedMax -= 1;
      this.#onDropped();
      receiver.destroy();
    }
  }

  /** Serves in a later turn, because the caller of release() is in the middle of a request. */
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
      const receiver = this.#isLastsTurn ? (this.#last() ?? first) : first;
      if (receiver === undefined || !this.#hasRoom(this.#waiting.get(receiver)!.amount)) break;
      this.#isLastsTurn = !this.#isLastsTurn;
      this.#goOn(receiver, false);
    }
    this.#serveNew();
  }

  /** Serves waiting newcomers from the reserve. */
  #serveNew(): void {
    const newMs = this.#clock.monotonicMs() - NEW_MS;
    for (let receiver = this.#last(); receiver !== undefined; receiver = this.#last()) {
      const { amount, sinceMs } = this.#waiting.get(receiver)!;
      if (sinceMs <= newMs || !this.#clearReserve(amount)) return;
      this.#goOn(receiver, true);
    }
  }

  #goOn(receiver: Receiver, isReserve: boolean): void {
    const { amount } = this.#waiting.get(receiver)!;
    this.#stopWaiting(receiver);
    this.#grant(receiver, amount, isReserve);
    receiver.goOn();
  }

  /** Returns the receiver that came last among those that still wait. */
  #last(): Receiver | undefined {
    const last = this.#lastCome;
    while (last.length > 0 && !this.#waiting.has(last.at(-1)!)) last.pop();
    if (last.length > 2 * this.#waiting.size) {
      this.#lastCome = last.filter((receiver) => this.#waiting.has(receiver));
    }
    return this.#lastCome.at(-1);
  }

  #stopWaiting(receiver: Receiver): void {
    this.#arrived -= this.#waiting.get(receiver)?.arrived ?? 0;
    this.#waiting.delete(receiver);
  }
}
