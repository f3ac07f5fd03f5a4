// Flushes (flush_all and delete_prefix): say which items one record has deleted. A flush kills the items with a smaller
// seq (and its prefix). A walk of the sweeper removes them afterwards, so that even ten million cost no pause.
//
// Open flushes are kept in sets by their seqs: the young set takes new flushes, the others are closed. A walk that
// began after sets were closed retires them all at once when it ends (pass.ts). So a million flushes need no more
// walks than one. While no flush is open, a lookup costs nothing.
//
// Invariants:
// - A set is retired only when no item that it kills is left in the keydir, and nothing can put one back.
// - The sets' seqs ascend, and no two sets overlap.

import { KEY_BYTES_LIMIT } from '../../limits.js';
import { packKey } from '../../log/bytes/key-hash.js';
import type { HashSeed } from '../../log/bytes/key-hash.js';
import { FlushPromises } from './promises.js';
import type { FlushPromise } from './promises.js';
import { FlushSet } from './set.js';
import type { FlushSetState } from './set.js';
import type { KeydirView } from '../keydir/keydir.js';

/** Together with `words`, all open flushes (docs/format.md, "IMAGE"). */
export interface FlushesState {
  readonly sets: readonly FlushSetState[];
  readonly promises: readonly FlushPromise[];
}

export class Flushes {
  readonly promises = new FlushPromises();
  readonly #seed: HashSeed;
  #young: FlushSet;
  /** Oldest first. */
  #closed: FlushSet[] = [];
  /** True while the keydir may hold items that a flush has killed. */
  isOpen = false;
  /** The key of a lookup, as bytes and as words. */
  readonly #key = Buffer.alloc(KEY_BYTES_LIMIT);
  readonly #words = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);

  constructor(seed: HashSeed) {
    this.#seed = seed;
    this.#young = new FlushSet(seed);
  }

  /** Seq of the newest open flush; 0: none. */
  get newest(): number {
    return this.#young.newest || (this.#closed.findLast((set) => !set.isEmpty)?.newest ?? 0);
  }

  get state(): FlushesState {
    return { sets: this.#openSets().map(({ state }) => state), promises: this.promises.all };
  }

  /** The memory of all sets, as in Keydir.words. */
  get words(): Uint32Array[] {
    return this.#openSets().flatMap(({ words }) => words);
  }

  /** Restores `state`; the caller then fills `words` or calls `clear`. Requires: no flush is open. */
  restore({ sets, promises }: FlushesState): void {
    this.#closed = sets.map((set) => FlushSet.restored(set, this.#seed));
    for (const promise of promises) this.promises.add(promise);
    this.#changed();
  }

  clear(): void {
    this.#closed = [];
    this.#young = new FlushSet(this.#seed);
    this.promises.clear();
    this.#changed();
  }

  /** Adds the newest flush of all, with an empty prefix for all keys. Returns a function that undoes this. */
  add(seq: number, prefix: Buffer, watermark: number): () => void {
    const undo = this.#young.add(seq, prefix, watermark);
    this.isOpen = true;
    return () => {
      undo();
      this.#changed();
    };
  }

  /** Adds a durable flush at a start, in any order. The prefix is packed; 0 bytes: all keys. */
  replay(seq: number, words: Uint32Array, start: number, byteCount: number): void {
    this.#young.replay(seq, words, start, byteCount);
    this.isOpen = true;
  }

  /** Returns the seq of a flush up to `seqMax` that has killed the item of `ref`; 0: none has. */
  killerOf(keydir: KeydirView, ref: number, seqMax: number): number {
    const seq = keydir.seq(ref);
    let killer = this.#killerIn(this.#young, keydir, ref, seq, seqMax);
    for (let at = this.#closed.length - 1; at >= 0 && killer === 0; at -= 1) {
      killer = this.#killerIn(this.#closed[at]!, keydir, ref, seq, seqMax);
    }
    return killer;
  }

  #killerIn(set: FlushSet, keydir: KeydirView, ref: number, seq: number, seqMax: number): number {
    if (set.newest <= seq) return 0;
    const killer = set.killerOfAll(seq, seqMax);
    if (killer !== 0 || !set.hasPrefixes) return killer;
    const bytes = keydir.copyKey(ref, this.#key);
    packKey(this.#key.subarray(0, bytes), this.#words);
    return set.killerByPrefix(seq, this.#words, bytes, seqMax);
  }

  /** Closes the young set, so that new flushes go into another. Returns the number of closed sets. */
  close(): number {
    if (!this.#young.isEmpty) {
      this.#closed.push(this.#young);
      this.#young = new FlushSet(this.#seed);
    }
    return this.#closed.length;
  }

  /** Drops the oldest `count` closed sets. Requires: no item that they kill is left. */
  retire(count: number): void {
    this.#closed.splice(0, count);
    this.#changed();
  }

  /** Checks whether no item that the flush of that seq killed is in the keydir. Requires: that flush was added. */
  isRetired(seq: number): boolean {
    for (const { first } of this.#closed) if (seq >= first) return false;
    return seq < this.#young.first;
  }

  #openSets(): FlushSet[] {
    return [...this.#closed, this.#young].filter((set) => !set.isEmpty);
  }

  #changed(): void {
    this.isOpen = this.#openSets().length > 0;
  }
}
