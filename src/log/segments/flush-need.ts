// Of a segment, which flushes are needed because only they tell that puts in it are dead: their records may not go
// before it. Known of items that were forgotten; those in the keydir speak for themselves.
//
// Invariant: a range that covers all of them. One seq is needed for each such put, whichever flush killed it.

export interface FlushNeedState {
  readonly from: number;
  readonly to: number;
}

export class FlushNeed {
  /** Seqs; both 0: none. */
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

  /** Whether any seq of that other range is in it. */
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

  /** Forgets everything and returns what it was. */
  take(): FlushNeedState {
    const { state } = this;
    this.#from = 0;
    this.#to = 0;
    return state;
  }
}
