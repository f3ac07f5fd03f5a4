// Flush need of a segment: the flushes that must stay as long as the segment, because only they prove that some of its
// puts are dead. It covers puts whose items were removed from the keydir; for the others the keydir has the answer.
//
// Invariant: the range of seqs includes, for each such put, one flush that made it dead; any such flush will do.

export interface FlushNeedState {
  readonly from: number;
  readonly to: number;
}

export class FlushNeed {
  /** First and last seq of the range; both 0: no flush is needed. */
  #from = 0;
  #to = 0;

  get state(): FlushNeedState {
    return { from: this.#from, to: this.#to };
  }

  get isEmpty(): boolean {
    return this.#to === 0;
  }

  has(seq: number): boolean {
    return seq >= this.#from && seq <= this.#to;
  }

  /** Checks whether the two ranges overlap. */
  meets({ from, to }: FlushNeedState): boolean {
    return to !== 0 && this.#to !== 0 && from <= this.#to && to >= this.#from;
  }

  note(seq: number): void {
    this.add({ from: seq, to: seq });
  }

  add({ from, to }: FlushNeedState): void {
    if (to === 0) return;
    this.#from = this.#to === 0 ? from : Math.min(this.#from, from);
    this.#to = Math.max(this.#to, to);
  }

  /** Empties the range and returns what it was. */
  take(): FlushNeedState {
    const { state } = this;
    this.#from = 0;
    this.#to = 0;
    return state;
  }
}
