// The durability of a MemoryStore, in the hands of the test: seqs, the watermark, and what a failed
// commit takes back. Not held, everything given out in one turn of the loop becomes durable after it.

export class HeldCommits {
  watermark = 0;
  lastSeq = 0;
  readonly durable: (() => void)[] = [];
  readonly failed: ((cause: 'no-space' | 'poisoned') => void)[] = [];
  readonly #held: boolean;
  #undo: { seq: number; call: () => void }[] = [];
  #scheduled = false;

  constructor(held: boolean) {
    this.#held = held;
  }

  /** The seq of the next record. */
  next(): number {
    this.lastSeq += 1;
    if (!this.#held && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.release();
      });
    }
    return this.lastSeq;
  }

  /** Called in reverse order when the newest record is taken back. */
  onUndo(call: () => void): void {
    this.#undo.push({ seq: this.lastSeq, call });
  }

  /** Makes everything up to `seq` durable. */
  release(seq = this.lastSeq): void {
    if (seq <= this.watermark) return;
    this.watermark = seq;
    this.#undo = this.#undo.filter((one) => one.seq > seq);
    for (const call of this.durable) call();
  }

  /** Fails everything above the watermark; on a full disk the seqs are used again. */
  fail(cause: 'no-space' | 'poisoned' = 'no-space'): void {
    for (const one of this.#undo.toReversed()) one.call();
    this.#undo = [];
    if (cause === 'no-space') this.lastSeq = this.watermark;
    for (const call of this.failed) call(cause);
  }
}
