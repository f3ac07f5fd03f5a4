// The durability of a MemoryStore, in the hands of the test: seqs, the watermark, and what a failed
// commit takes back. Not held, everything given out in one turn of the loop becomes durable after it.

import { CommitDurability, type FailureCause } from '../../src/log/durability.js';

export class HeldCommits extends CommitDurability {
  readonly #held: boolean;
  #undo: { seq: number; call: () => void }[] = [];
  #scheduled = false;

  constructor(held: boolean) {
    super();
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
    this.tell();
  }

  /** Fails everything above the watermark; on a full disk the seqs are used again. */
  failAll(cause: FailureCause = 'no-space'): void {
    for (const one of this.#undo.toReversed()) one.call();
    this.#undo = [];
    if (cause === 'no-space') this.lastSeq = this.watermark;
    this.fail(cause, new Error(cause));
  }
}
