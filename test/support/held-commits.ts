// The durability of a MemoryStore, controlled by the test: seqs, the watermark, and what a failed commit takes back.
// When it is not held, every seq given out in one turn of the loop becomes durable after that turn.

import { CommitDurability, type FailureCause } from '../../src/log/durability.js';

export class HeldCommits extends CommitDurability {
  readonly #held: boolean;
  #undo: { seq: number; call: () => void }[] = [];
  #scheduled = false;

  constructor(held: boolean) {
    super();
    this.#held = held;
  }

  /** Returns the seq of the next record. */
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

  /** Registers a call for when the newest record is taken back. The calls run in reverse order. */
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

  /** Fails everything above the watermark. On a full disk the seqs are used again. */
  failAll(cause: FailureCause = 'no-space'): void {
    for (const one of this.#undo.toReversed()) one.call();
    this.#undo = [];
    if (cause === 'no-space') this.lastSeq = this.watermark;
    this.fail(cause, new Error(cause));
  }
}
