// Buckets: the memory of the keydir's index. A bucket takes one cache line. Buckets are allocated in blocks, so
// that tables of any size grow in place and leave no holes behind.
//
//   bucket  word 0..2   tags: one byte of hash for each of 12 refs, 0: empty
//                3      number of keys that passed this full bucket on the way to theirs
//                4..15  refs
//
// Invariant: a free block is all zeros, except for its first word, the number of the next free block.

import type { BucketsState } from './state.js';

export const BUCKET_BITS = 4;
const BUCKETS_BITS = 3;
export const BLOCK_BITS = BUCKETS_BITS + BUCKET_BITS;
const BLOCK_WORDS = 1 << BLOCK_BITS;
const PAGE_BITS = 18;
const PAGE_WORDS = 1 << PAGE_BITS;
export const BLOCKS_BITS = PAGE_BITS - BLOCK_BITS;
/** Large allocations begin 16 bytes into a memory page; this offset aligns the buckets to cache lines. */
export const ALIGN_WORDS = 12;

export const BUCKETS_PER_BLOCK = 1 << BUCKETS_BITS;
export const REFS_PER_BUCKET = 12;

export class KeydirBuckets {
  /** The index reads them on its hot path: the words of a bucket are pages[pageOf(…)][wordOf(…) + 0..15]. */
  readonly pages: Uint32Array[] = [];
  #used = 0;
  #free = 0;

  get memoryBytes(): number {
    return this.pages.length * (PAGE_WORDS + ALIGN_WORDS) * 4;
  }

  get state(): BucketsState {
    return { used: this.#used, free: this.#free };
  }

  /** The used part of every page: the memory itself, not a copy. */
  get words(): Uint32Array[] {
    const end = wordOf(this.#used, 0) + BLOCK_WORDS;
    const last = this.pages.length - 1;
    return this.pages.map((page, number) =>
      page.subarray(ALIGN_WORDS, number === last ? end : ALIGN_WORDS + PAGE_WORDS),
    );
  }

  /** Restores `state`, with `words` of zeros that the caller fills. Requires: there are no buckets. */
  restore({ used, free }: BucketsState): void {
    this.#used = used;
    this.#free = free;
    const pages = used === 0 ? 0 : pageOf(used) + 1;
    for (let page = 0; page < pages; page += 1) this.#addPage();
  }

  /** Returns the number of an empty block. */
  allocate(): number {
    const free = this.#free;
    if (free !== 0) {
      const page = this.pages[pageOf(free)]!;
      const at = wordOf(free, 0);
      this.#free = page[at]!;
      page[at] = 0;
      return free;
    }
    this.#used += 1;
    const block = this.#used;
    if (pageOf(block) === this.pages.length) this.#addPage();
    return block;
  }

  #addPage(): void {
    this.pages.push(new Uint32Array(PAGE_WORDS + ALIGN_WORDS));
  }

  empty(block: number): void {
    const at = wordOf(block, 0);
    this.pages[pageOf(block)]!.fill(0, at, at + BLOCK_WORDS);
  }

  /** Requires: the block is empty. */
  release(block: number): void {
    this.pages[pageOf(block)]![wordOf(block, 0)] = this.#free;
    this.#free = block;
  }

  clear(): void {
    this.pages.length = 0;
    this.#used = 0;
    this.#free = 0;
  }
}

export function pageOf(block: number): number {
  return block >>> BLOCKS_BITS;
}

/** Returns the place of the bucket's words in its page; of `bucket` only its place in the block counts. */
export function wordOf(block: number, bucket: number): number {
  return (
    ALIGN_WORDS +
    ((block & ((1 << BLOCKS_BITS) - 1)) << BLOCK_BITS) +
    ((bucket & (BUCKETS_PER_BLOCK - 1)) << BUCKET_BITS)
  );
}
