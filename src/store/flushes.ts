// flush_all: which items are gone by it. A flush kills the items with a smaller seq, at once or at its
// time; the sweeper clears them away afterwards, so that even ten million cost no pause.
// Invariant: what a flush has killed once stays dead: the barrier never goes down, but by a taken-back flush.

export interface Flush {
  readonly seq: number;
  /** Unix ms; 0: at once. */
  readonly atMs: number;
}

export class Flushes {
  #flushes: readonly Flush[] = [];
  #barrierSeq = 0;

  /** Items with a smaller seq are gone at `nowMs`. */
  barrierSeq(nowMs: number): number {
    for (const { seq, atMs } of this.#flushes) {
      if (atMs <= nowMs && seq > this.#barrierSeq) this.#barrierSeq = seq;
    }
    return this.#barrierSeq;
  }

  /** Whether an item of `itemSeq` was gone at `nowMs` by the flushes up to `seq`. */
  wasFlushed(itemSeq: number, seq: number, nowMs: number): boolean {
    return this.#flushes.some(
      (flush) => flush.seq <= seq && flush.atMs <= nowMs && itemSeq < flush.seq,
    );
  }

  /** There may be items to clear away. */
  get any(): boolean {
    return this.#flushes.length > 0;
  }

  add(flush: Flush): void {
    this.#flushes = [...this.#flushes, flush];
  }

  /** The flush did not come to be. */
  takeBack(flush: Flush): void {
    this.#flushes = this.#flushes.filter((other) => other !== flush);
    this.#barrierSeq = 0;
  }

  /** All items below that barrier are cleared away: nothing is left that the flushes up to it could kill. */
  settle(barrierSeq: number): void {
    this.#flushes = this.#flushes.filter(({ seq }) => seq > barrierSeq);
  }
}
