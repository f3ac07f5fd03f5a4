// flush_all and delete_prefix: which items are gone by one record. A flush kills the items with a smaller seq
// (and its prefix); a walk of the sweeper clears them away afterwards, so that even ten million cost no pause.
//
// Open flushes are kept in sets by their seqs: a young one takes the new ones, the others are closed. A walk that
// began after sets were closed retires them all at once when it ends (pass.ts), so that a million flushes
// need no more walks than one. No set open: a look-up costs nothing.
//
// Invariants:
// - A set is retired only when no item that it kills is left in the keydir, and nothing can put one back.
// - The sets' seqs ascend: a seq at which sets were closed lies between two of them.

import { KEY_BYTES_LIMIT } from '../../limits.js';
import { packKey } from '../../log/bytes/key-hash.js';
import type { HashSeed } from '../../log/bytes/key-hash.js';
import { FlushPromises } from './promises.js';
import type { FlushPromise } from './promises.js';
import { FlushSet } from './set.js';
import type { FlushSetState } from './set.js';
import type { KeydirView } from '../keydir/keydir.js';

/** With `words`, all that is open (docs/format.md, "IMAGE"). */
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
  /** There may be items that a flush has killed. */
  isOpen = false;
  /** The key that is looked up, as bytes and as words. */
  readonly #key = Buffer.alloc(KEY_BYTES_LIMIT);
  readonly #words = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);

  constructor(seed: HashSeed) {
    this.#seed = seed;
    this.#young = new FlushSet(seed);
  }

  /** Seq of the newest that is open; 0: none. */
  get newest(): number {
    return this.#young.newest || (this.#closed.findLast((set) => !set.isEmpty)?.newest ?? 0);
  }

  get state(): FlushesState {
    return { sets: this.#openSets().map(({ state }) => state), promises: this.promises.all };
  }

  /** As Keydir.words. */
  get words(): Uint32Array[] {
    return this.#openSets().flatMap(({ words }) => words);
  }

  /** Becomes what `state` was of; the caller fills `words` or calls `clear`. Requires: nothing is open. */
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

  /** The newest of all flushes; gives back how to undo that. An empty prefix: of all keys. */
  add(seq: number, prefix: Buffer, watermark: number): () => void {
    const undo = this.#young.add(seq, prefix, watermark);
    this.isOpen = true;
    return () => {
      undo();
      this.#changed();
    };
  }

  /** One that the log has: in any order, and not to be taken back. The prefix is packed, 0 bytes: all keys. */
  replay(seq: number, words: Uint32Array, start: number, byteCount: number): void {
    this.#young.replay(seq, words, start, byteCount);
    this.isOpen = true;
  }

  /** Seq of a flush up to `seqMax` that has killed the item of `ref`; 0: it lives. */
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

  /** What comes from now on is apart from what is open; returns how many sets are closed. */
  close(): number {
    if (!this.#young.isEmpty) {
      this.#closed.push(this.#young);
      this.#young = new FlushSet(this.#seed);
    }
    return this.#closed.length;
  }

  /** The oldest `count` closed sets have no item left that they kill. */
  retire(count: number): void {
    this.#closed.splice(0, count);
    this.#changed();
  }

  /** No item that the flush of that seq has killed is in the keydir. Requires: that flush was added. */
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
