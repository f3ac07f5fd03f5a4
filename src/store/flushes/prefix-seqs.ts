// Prefixes of one set of flushes, each with the seq of its newest delete_prefix. They have a keydir of their own, so a
// million prefixes cost no more than a million keys, in memory and at a start.
//
// A key takes one lookup for each different length of a prefix up to its own length, however many prefixes there are.
//
// Invariant: each prefix has two seqs, the newest one and the newest one that was durable when that one came. So a
// flush that may yet be taken back hides no older one. The keydir's field for the expiry holds the second seq.

import { KEY_BYTES_LIMIT } from '../../limits.js';
import { PrefixHash, hashWords } from '../../log/bytes/key-hash.js';
import type { HashSeed } from '../../log/bytes/key-hash.js';
import { Keydir } from '../keydir/keydir.js';
import type { KeydirState } from '../keydir/state.js';

/** Together with `words`, the whole table. */
export interface PrefixSeqsState {
  readonly table: KeydirState;
  readonly seed: HashSeed;
  readonly lengths: readonly number[];
}

export class PrefixSeqs {
  readonly #table: Keydir;
  readonly #seed: HashSeed;
  readonly #hash: PrefixHash;
  /** The different lengths of the prefixes, in bytes, ascending. */
  #lengths: number[] = [];
  readonly #hasLength = new Uint8Array(KEY_BYTES_LIMIT + 1);

  constructor(seed: HashSeed) {
    this.#seed = seed;
    this.#table = new Keydir({ seed, recency: false });
    this.#hash = new PrefixHash(seed);
  }

  get count(): number {
    return this.#table.count;
  }

  get state(): PrefixSeqsState {
    return { table: this.#table.state, seed: this.#seed, lengths: this.#lengths };
  }

  /** The memory of the table, as in Keydir.words. */
  get words(): Uint32Array[] {
    return this.#table.words;
  }

  /** Restores a table from its state, with `words` of zeros that the caller fills. */
  static restored({ table, seed, lengths }: PrefixSeqsState): PrefixSeqs {
    const prefixes = new PrefixSeqs(seed);
    prefixes.#table.restore(table, seed);
    for (const length of lengths) prefixes.#noteLength(length);
    return prefixes;
  }

  /** Notes a newer seq of the prefix. Returns a function that undoes this. The seqs up to the watermark are durable. */
  add(prefix: Buffer, seq: number, watermark: number): () => void {
    const table = this.#table;
    const found = table.find(prefix);
    if (found === 0) {
      const ref = table.insert(prefix);
      table.setSeq(ref, seq);
      this.#noteLength(prefix.length);
      return () => table.remove(ref);
    }
    const newest = table.seq(found);
    const durable = table.expiresAt(found);
    if (newest <= watermark) table.setExpiresAt(found, newest);
    table.setSeq(found, seq);
    return () => {
      table.setSeq(found, newest);
      table.setExpiresAt(found, durable);
    };
  }

  /**
   * Notes a durable seq at a start, in any order. The prefix is packed in `words` from `start` on, its last word padded
   * with zeros.
   */
  replay(words: Uint32Array, start: number, byteCount: number, seq: number): void {
    const table = this.#table;
    const hash = hashWords(words, start, byteCount, this.#seed);
    const found = table.findPacked(hash, words, start, byteCount);
    const ref = found === 0 ? table.insertPacked(hash, words, start, byteCount) : found;
    if (found === 0) this.#noteLength(byteCount);
    if (table.seq(ref) < seq) table.setSeq(ref, seq);
  }

  /**
   * Returns a seq above `itemSeq`, up to `seqMax`, of a prefix of the key; 0: there is none. The key is packed in `words`
   * from index 0. `words` change meanwhile, but are as before when the method returns.
   */
  killerOf(itemSeq: number, words: Uint32Array, byteCount: number, seqMax: number): number {
    const table = this.#table;
    this.#hash.begin(words);
    for (const length of this.#lengths) {
      if (length > byteCount) break;
      const hash = this.#hash.hashOf(length);
      const ref = this.#find(hash, words, length);
      if (ref === 0) continue;
      const newest = table.seq(ref);
      const seq = newest <= seqMax ? newest : table.expiresAt(ref);
      if (seq > itemSeq && seq <= seqMax) return seq;
    }
    return 0;
  }

  /** Masks the bytes that follow the prefix in its last word, as long as it searches. */
  #find(hash: number, words: Uint32Array, length: number): number {
    const rest = length & 3;
    if (rest === 0) return this.#table.findPacked(hash, words, 0, length);
    const last = length >>> 2;
    const whole = words[last]!;
    words[last] = whole & ((1 << (rest << 3)) - 1);
    const ref = this.#table.findPacked(hash, words, 0, length);
    words[last] = whole;
    return ref;
  }

  #noteLength(length: number): void {
    if (this.#hasLength[length] === 1) return;
    this.#hasLength[length] = 1;
    const at = this.#lengths.findIndex((other) => other > length);
    this.#lengths.splice(at < 0 ? this.#lengths.length : at, 0, length);
  }
}
