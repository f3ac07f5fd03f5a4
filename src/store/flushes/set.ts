// The flushes of one span of seqs: which items they kill, and no more than that. A flush_all is one number,
// however often it comes, and swallows what came before it; a prefix counts by its newest seq.
//
// Invariant: a flush kills the items with a smaller seq. An undo is called only while nothing newer is there: a
// failed commit is taken back from its end.

import type { HashSeed } from '../../log/bytes/key-hash.js';
import { PrefixSeqs } from './prefix-seqs.js';
import type { PrefixSeqsState } from './prefix-seqs.js';

/** With `words`, all that a set is. */
export interface FlushSetState {
  readonly first: number;
  readonly newest: number;
  readonly all: number;
  readonly allBefore: number;
  readonly prefixes: PrefixSeqsState | null;
}

export class FlushSet {
  readonly #seed: HashSeed;
  /** No flush in it has a smaller seq. Infinity while it never had one. */
  #first = Infinity;
  /** The highest seq in it. */
  #newest = 0;
  /** Seq of the newest flush of everything, and of the newest that was durable when that came; 0: none. */
  #all = 0;
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

  /** As Keydir.words. */
  get words(): Uint32Array[] {
    return this.#prefixes?.words ?? [];
  }

  /** The set that `state` was of, its `words` zeros that the caller fills. Requires: that was not empty. */
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

  /** Adds the newest flush of all, of the keys with that prefix (empty: of all keys); gives back how to undo that. */
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

  /** As add, for what the log has: in any order, and not to be taken back. The prefix is packed, 0 bytes: all. */
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

  /** Seq of a flush of everything, up to `seqMax`, that kills an item of `itemSeq`; 0: none does. */
  killerOfAll(itemSeq: number, seqMax: number): number {
    const all = this.#all <= seqMax ? this.#all : this.#allBefore;
    return all > itemSeq && all <= seqMax ? all : 0;
  }

  get hasPrefixes(): boolean {
    return this.#prefixes !== undefined;
  }

  /** The same of a delete_prefix and an item whose key is packed in `words` (see PrefixSeqs). */
  killerByPrefix(itemSeq: number, words: Uint32Array, byteCount: number, seqMax: number): number {
    return this.#prefixes?.killerOf(itemSeq, words, byteCount, seqMax) ?? 0;
  }
}
