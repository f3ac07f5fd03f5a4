// flush_all for a later time: a promise, which is no flush yet. When its time has come, and before anything else
// is stored, a second record carries it out, a flush like any other. So what was stored in between goes as well,
// what comes after stays, and a restart knows: while the second record is missing, all that the log has is older.
//
// Invariant: a promise is forgotten only when another record has carried it out.

export interface FlushPromise {
  readonly seq: number;
  /** Unix ms. */
  readonly atMs: number;
}

export class FlushPromises {
  /** By seq. */
  readonly #open = new Map<number, FlushPromise>();
  /** Seq of an open one by its time. */
  readonly #byTime = new Map<number, number>();
  /** A heap by time; those that are open no more leave it when they come to its top. */
  readonly #heap: FlushPromise[] = [];
  /** Seq of what carried them out by their own seq, as long as that may be taken back. */
  readonly #carriedOut = new Map<number, number>();

  /** Unix ms at which the next is to be carried out; Infinity: there is none. Asked for every request. */
  nextMs = Infinity;

  /** By seq. */
  get all(): FlushPromise[] {
    return [...this.#open.values()].toSorted((a, b) => a.seq - b.seq);
  }

  /** One that is to be carried out now. */
  due(nowMs: number): FlushPromise | undefined {
    const first = this.#first;
    return first !== undefined && first.atMs <= nowMs ? first : undefined;
  }

  /** Seq of an open one for that very time, which does all that another would; 0: none. */
  seqAt(atMs: number): number {
    return this.#byTime.get(atMs) ?? 0;
  }

  /** Gives back how to undo that. */
  add(promise: FlushPromise): () => void {
    this.#open.set(promise.seq, promise);
    this.#byTime.set(promise.atMs, promise.seq);
    this.#push(promise);
    this.nextMs = this.#first!.atMs;
    return () => this.#close(promise.seq);
  }

  /**
   * The flush of `seq` has carried out the promise of `promiseSeq`; gives back how to undo that. Nothing when the
   * log does not have the promise any more. What is up to the watermark cannot be taken back.
   */
  carryOut(promiseSeq: number, seq: number, watermark: number): () => void {
    const promise = this.#open.get(promiseSeq);
    if (promise === undefined) return () => {};
    this.#close(promiseSeq);
    for (const [other, by] of this.#carriedOut) {
      if (by > watermark) break;
      this.#carriedOut.delete(other);
    }
    this.#carriedOut.set(promiseSeq, seq);
    return () => {
      this.#carriedOut.delete(promiseSeq);
      this.add(promise);
    };
  }

  /** The record of that seq is needed: what it promises is not done, or only above the watermark. */
  isPromise(seq: number, watermark: number): boolean {
    return this.#open.has(seq) || (this.#carriedOut.get(seq) ?? 0) > watermark;
  }

  get #first(): FlushPromise | undefined {
    while (this.#heap.length > 0 && this.#open.get(this.#heap[0]!.seq) !== this.#heap[0])
      this.#pop();
    return this.#heap[0];
  }

  #close(seq: number): void {
    const promise = this.#open.get(seq);
    if (promise === undefined) return;
    this.#open.delete(seq);
    if (this.#byTime.get(promise.atMs) === seq) this.#byTime.delete(promise.atMs);
    this.nextMs = this.#first?.atMs ?? Infinity;
  }

  #push(promise: FlushPromise): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(promise);
    for (
      let above = (at - 1) >> 1;
      at > 0 && heap[above]!.atMs > promise.atMs;
      above = (at - 1) >> 1
    ) {
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = promise;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const other = below + 1;
      const least = other < heap.length && heap[other]!.atMs < heap[below]!.atMs ? other : below;
      if (heap[least]!.atMs >= last.atMs) break;
      heap[at] = heap[least]!;
      at = least;
    }
    heap[at] = last;
  }
}
