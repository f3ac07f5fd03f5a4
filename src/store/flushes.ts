// flush_all and delete_prefix: which items are gone by one record. A flush kills the items with a smaller
// seq (and its prefix), at once or at its time; the sweeper clears them away afterwards, so that even ten
// million cost no pause.
// Invariant: a flush is forgotten only when no item that it kills is left in the keydir.

export interface Flush {
  readonly seq: number;
  /** Unix ms; 0: at once. */
  readonly atMs: number;
  /** Kills only keys that begin so; empty: all. */
  readonly prefix: Buffer;
}

export class Flushes {
  /** By seq. */
  #flushes: readonly Flush[] = [];

  /** There may be items to clear away. */
  get any(): boolean {
    return this.#flushes.length > 0;
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
      if (seq <= itemSeq || seq > seqMax || atMs > nowMs) continue;
      if (prefix.length === 0 || startsWith(key(), prefix)) return seq;
    }
    return 0;
  }

  add(flush: Flush): void {
    this.#flushes = [...this.#flushes, flush].sort((a, b) => a.seq - b.seq);
  }

  /** The flush did not come to be. */
  takeBack(flush: Flush): void {
    this.#flushes = this.#flushes.filter((other) => other !== flush);
  }

  /** All items that flushes up to `seq`, due at `nowMs`, have killed are cleared away. */
  settle(seq: number, nowMs: number): void {
    this.#flushes = this.#flushes.filter((flush) => flush.seq > seq || flush.atMs > nowMs);
  }
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return (
    key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
  );
}
