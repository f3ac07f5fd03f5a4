// flush_all and delete_prefix: which items are gone by one record. A flush kills the items with a smaller
// seq (and its prefix); the sweeper clears them away afterwards, so that even ten million cost no pause.
//
// A flush for a later time is a promise: when that has come, and before anything else is stored, a second
// record carries it out, a flush like any other. So what was stored in between goes as well, what comes
// after stays, and a restart knows: while the second record is missing, all that the log has is older.
//
// Invariant: a flush is forgotten only when no item that it kills is left in the keydir.

export interface Flush {
  readonly seq: number;
  /** Unix ms, for one that is still to be carried out; 0: at once. */
  readonly atMs: number;
  /** Kills only keys that begin so; empty: all. */
  readonly prefix: Buffer;
  /** Seq of the flush for a later time that this one carries out. */
  readonly carriesOut?: number;
}

export class Flushes {
  /** By seq. */
  #flushes: readonly Flush[] = [];
  #nextMs = Infinity;

  /** There may be items to clear away. */
  get any(): boolean {
    return this.#flushes.length > 0;
  }

  /** Oldest first. */
  get all(): readonly Flush[] {
    return this.#flushes;
  }

  /** Unix ms at which a flush is to be carried out; Infinity: there is none. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** One that is to be carried out now. */
  due(nowMs: number): Flush | undefined {
    return this.#flushes.find((flush) => flush.atMs !== 0 && flush.atMs <= nowMs);
  }

  /** Seq of the newest flush that is due; 0: none. */
  newestDue(nowMs: number): number {
    return this.#flushes.reduce(
      (newest, { seq, atMs }) => (atMs <= nowMs ? Math.max(newest, seq) : newest),
      0,
    );
  }

  /** Seq of the oldest flush up to `seqMax` that has killed an item of `itemSeq` by `nowMs`; 0: it lives. */
  killerOf(itemSeq: number, key: () => Buffer, nowMs: number, seqMax: number): number {
    for (const { seq, atMs, prefix } of this.#flushes) {
      // What is there when the time comes is older than the time, whatever its seq.
      const isOlder = atMs !== 0 || itemSeq < seq;
      if (!isOlder || seq > seqMax || atMs > nowMs) continue;
      if (prefix.length === 0 || startsWith(key(), prefix)) return seq;
    }
    return 0;
  }

  /** In any order. */
  add(flush: Flush): void {
    if (this.#flushes.some(({ carriesOut }) => carriesOut === flush.seq)) return;
    const others = this.#flushes.filter(({ seq }) => seq !== flush.carriesOut);
    this.#set([...others, flush].sort((a, b) => a.seq - b.seq));
  }

  /** The flush did not come to be. */
  takeBack(flush: Flush): void {
    this.#set(this.#flushes.filter((other) => other !== flush));
  }

  /** All items that flushes up to `seq` have killed are cleared away. */
  settle(seq: number): void {
    this.#set(this.#flushes.filter((flush) => flush.seq > seq || flush.atMs !== 0));
  }

  /** The record of that seq is needed: what it promises is not done, or only above the watermark. */
  isPromise(seq: number, watermark: number): boolean {
    return this.#flushes.some(
      (flush) =>
        (flush.seq === seq && flush.atMs !== 0) ||
        (flush.carriesOut === seq && flush.seq > watermark),
    );
  }

  #set(flushes: readonly Flush[]): void {
    this.#flushes = flushes;
    this.#nextMs = Math.min(...flushes.map(({ atMs }) => (atMs === 0 ? Infinity : atMs)), Infinity);
  }
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return (
    key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
  );
}
