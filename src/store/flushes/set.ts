// Flush set: the flushes of one span of seqs, reduced to what decides which items they kill. All flush_alls together
// are one number, their newest seq, which covers every older flush. Each prefix has its newest seq.
//
// Invariant: a flush kills the items with a smaller seq. An undo is called only while the set has no newer flush: a
// failed commit is taken back from its end.

import type { HashSeed } from '../../log/bytes/key-hash.js';
import { PrefixSeqs } from './prefix-seqs.js';
import type { PrefixSeqsState } from './prefix-seqs.js';

/** Together with `words`, the whole set. */
export interface FlushSetState {
  readonly first: number;
  readonly newest: number;
  readonly all: number;
  readonly allBefore: number;
  readonly prefixes: PrefixSeqsState | null;
}

export class FlushSet {
  readonly #seed: HashSeed;
  /** No flush of the set has a smaller seq. Infinity while the set never had one. */
  #first = Infinity;
  /** The highest seq in the set; 0: it is empty. */
  #newest = 0;
  /** Seq of the newest flush of everything; 0: none. */
  #all = 0;
  /** Seq of the newest flush of everything that was durable when #all came; 0: none. */
  #allBefore = 0;
  #prefixes: PrefixSeqs | undefined;

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  get isEmpty(): boolean {
    return this.#newest === 0;
  }

  get first(): number {
    return this.#first;
  }

  get newest(): number {
    return this.#newest;
  }

  get state(): FlushSetState {
    const [first, newest, all, allBefore] = [this.#first, this.#newest, this.#all, this.#allBefore];
    return { first, newest, all, allBefore, prefixes: this.#prefixes?.state ?? null };
  }

  /** The memory of the set, as in Keydir.words. */
  get words(): Uint32Array[] {
    return this.#prefixes?.words ?? [];
  }

  /** Restores a set from its state, with `words` of zeros that the caller fills. Requires: the set was not empty. */
  static restored(
    { first, newest, all, allBefore, prefixes }: FlushSetState,
    seed: HashSeed,
  ): FlushSet {
    const set = new FlushSet(seed);
    set.#first = first;
    set.#newest = newest;
    set.#all = all;
    set.#allBefore = allBefore;
    set.#prefixes = prefixes === null ? undefined : PrefixSeqs.restored(prefixes);
    return set;
  }

  /** Adds the newest flush of all, with an empty prefix for all keys. Returns a function that undoes this. */
  add(seq: number, prefix: Buffer, watermark: number): () => void {
    const before = { first: this.#first, newest: this.#newest };
    const undo =
      prefix.length === 0 ? this.#addAll(seq, watermark) : this.#addPrefix(seq, prefix, watermark);
    this.#first = Math.min(this.#first, seq);
    this.#newest = seq;
    return () => {
      undo();
      this.#first = before.first;
      this.#newest = before.newest;
    };
  }

  #addAll(seq: number, watermark: number): () => void {
    const [all, allBefore, prefixes] = [this.#all, this.#allBefore, this.#prefixes];
    if (all <= watermark) this.#allBefore = all;
    this.#all = seq;
    this.#prefixes = undefined;
    return () => {
      this.#all = all;
      this.#allBefore = allBefore;
      this.#prefixes = prefixes;
    };
  }

  #addPrefix(seq: number, prefix: Buffer, watermark: number): () => void {
    const before = this.#prefixes;
    this.#prefixes ??= new PrefixSeqs(this.#seed);
    const undo = this.#prefixes.add(prefix, seq, watermark);
    return () => {
      undo();
      this.#prefixes = before;
    };
  }

  /** Adds a durable flush at a start, in any order. The prefix is packed; 0 bytes: all keys. */
  replay(seq: number, words: Uint32Array, start: number, byteCount: number): void {
    if (byteCount === 0) {
      if (seq > this.#newest) this.#prefixes = undefined;
      this.#all = Math.max(this.#all, seq);
    } else if (seq > this.#all) {
      this.#prefixes ??= new PrefixSeqs(this.#seed);
      this.#prefixes.replay(words, start, byteCount, seq);
    }
    this.#first = Math.min(this.#first, seq);
    this.#newest = Math.max(this.#newest, seq);
  }

  /** Returns the seq of a flush of everything, up to `seqMax`, that kills an item of `itemSeq`; 0: none does. */
  killerOfAll(itemSeq: number, seqMax: number): number {
    const all = this.#all <= seqMax ? this.#all : this.#allBefore;
    return all > itemSeq && all <= seqMax ? all : 0;
  }

  get hasPrefixes(): boolean {
    return this.#prefixes !== undefined;
  }

  /** Returns the same for a delete_prefix and an item whose key is packed in `words` (see PrefixSeqs). */
  killerByPrefix(itemSeq: number, words: Uint32Array, byteCount: number, seqMax: number): number {
    return this.#prefixes?.killerOf(itemSeq, words, byteCount, seqMax) ?? 0;
  }
}
