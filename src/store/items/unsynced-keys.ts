// Unsynced keys: the keys that were deleted or touched by records that are not durable yet, each with the newest such seq.
//
// The keys are in two generations, so that no work per key is needed when a batch of a hundred thousand records becomes
// durable. When the older generation is durable as a whole, it is dropped, and the younger one becomes the older.
//
// Invariant: a key whose newest noted seq is above the watermark is here with that seq. Others may be here as well.

/** A larger generation is left to the garbage collector: the time to clear it grows with the number of its keys. */
const CLEARED_MAX = 1024;

export class UnsyncedKeys {
  #older = new Map<string, number>();
  #younger = new Map<string, number>();
  /** Newest seq of each generation. */
  #olderUpto = 0;
  #youngerUpto = 0;
  /** True when no key is here. A plain field, because every request reads it. */
  isEmpty = true;

  /** Notes that the record of `seq`, the newest one, has changed the key key[start..end). */
  note(key: Buffer, start: number, end: number, seq: number): void {
    this.#younger.set(key.toString('latin1', start, end), seq);
    this.#youngerUpto = seq;
    this.isEmpty = false;
  }

  /** Returns the newest seq that was noted for the key, or a durable seq, or 0. */
  seqOf(key: Buffer, start: number, end: number): number {
    if (this.isEmpty) return 0;
    const name = key.toString('latin1', start, end);
    return this.#younger.get(name) ?? this.#older.get(name) ?? 0;
  }

  /** Notes that records up to `watermark` are durable. */
  settle(watermark: number): void {
    if (this.#olderUpto > watermark) return;
    const durable = this.#older;
    this.#older = this.#younger;
    this.#olderUpto = this.#youngerUpto;
    this.#younger = emptied(durable);
    if (this.#olderUpto > watermark) return;
    this.#older = emptied(this.#older);
    this.isEmpty = true;
  }

  /** Forgets all keys: everything above the watermark was taken back. */
  clear(): void {
    this.#older = new Map();
    this.#younger = new Map();
    this.#olderUpto = this.#youngerUpto = 0;
    this.isEmpty = true;
  }
}

function emptied(keys: Map<string, number>): Map<string, number> {
  if (keys.size > CLEARED_MAX) return new Map();
  keys.clear();
  return keys;
}
