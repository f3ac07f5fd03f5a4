// The memory of the keydir's index: buckets of one cache line, handed out in blocks, so that tables of
// any size grow in place and leave no holes behind.
//
//   bucket  word 0..2   tags: one byte of hash for each of 12 refs, 0: empty
//                3      how many keys were put past this full bucket (sticks at OVERFLOW_MAX)
//                4..15  refs
//
// Invariant: a free block is all zeros but for its first word, the number of the next free block.

import type { BucketsState } from './state.js';

export const BUCKET_BITS = 4;
const BUCKETS_BITS = 3;
export const BLOCK_BITS = BUCKETS_BITS + BUCKET_BITS;
const BLOCK_WORDS = 1 << BLOCK_BITS;
const PAGE_BITS = 18;
const PAGE_WORDS = 1 << PAGE_BITS;
export const BLOCKS_BITS = PAGE_BITS - BLOCK_BITS;
/** Large allocations begin 16 bytes into a memory page; this puts the buckets on cache lines. */
export const ALIGN_WORDS = 12;

export const BUCKETS_A_BLOCK = 1 << BUCKETS_BITS;
export const REFS_A_BUCKET = 12;

export class KeydirBuckets {
  /** Read by the index on its hot path: the words of bucket b are pages[pageOf(…)][wordOf(…) + 0..15]. */
  readonly pages: Uint32Array[] = [];
  #used = 0;
  #free = 0;

  get memoryBytes(): number {
    return this.pages.length * (PAGE_WORDS + ALIGN_WORDS) * 4;
  }

  get state(): BucketsState {
    return { used: this.#used, free: this.#free };
  }

  /** Every page, as far as it is used: the memory itself. */
  get words(): Uint32Array[] {
    const end = wordOf(this.#used, 0) + BLOCK_WORDS;
    const last = this.pages.length - 1;
    return this.pages.map((page, number) =>
      page.subarray(ALIGN_WORDS, number === last ? end : ALIGN_WORDS + PAGE_WORDS),
    );
  }

  /** Becomes what `state` was of; `words`, all zeros then, are for the caller to fill. Requires: it is empty. */
  restore({ used, free }: BucketsState): void {
    this.#used = used;
    this.#free = free;
    const pages = used === 0 ? 0 : pageOf(used) + 1;
    for (let page = 0; page < pages; page += 1) this.#addPage();
  }

  /** The number of an empty block. */
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

/** Where the bucket's words begin in its page; of `bucket` only the place in the block counts. */
export function wordOf(block: number, bucket: number): number {
  return (
    ALIGN_WORDS +
    ((block & ((1 << BLOCKS_BITS) - 1)) << BLOCK_BITS) +
    ((bucket & (BUCKETS_A_BLOCK - 1)) << BUCKET_BITS)
  );
}
