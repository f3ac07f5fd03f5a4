// The free records of the keydir's pages, a list for each size, and the sizes that records and pages have. A free
// record says in its first three words how long it is and which ones stand beside it in its list (entries.ts).
//
// Invariants:
// - Every free record of at least RECORD_WORDS_MIN words is in the list of its size; shorter ones are in none.
// - A free record may be split, never joined: the start of a record stays one.

import { assert } from '../../assert.js';
import { KEY_BYTES_LIMIT } from '../../limits.js';

export const PAGE_BITS = 18;
export const PAGE_WORDS = 1 << PAGE_BITS;
export const WORD_MASK = PAGE_WORDS - 1;
export const HEADER_WORDS = 7;
export const HEADER_WORDS_WITH_RECENCY = 9;
const KEY_WORDS_MAX = (KEY_BYTES_LIMIT + 3) >>> 2;
export const RECORD_WORDS_MIN = HEADER_WORDS + 1;
const RECORD_WORDS_MAX = HEADER_WORDS_WITH_RECENCY + KEY_WORDS_MAX;

assert(RECORD_WORDS_MAX * 2 < PAGE_WORDS, 'A page holds the longest records');

export class FreeRecords {
  /** The keydir's own pages. */
  readonly #pages: readonly (Uint32Array | undefined)[];
  /** First free record of each size in words. */
  #first = new Uint32Array(0);
  #wordsMax = 0;

  constructor(pages: readonly (Uint32Array | undefined)[]) {
    this.#pages = pages;
  }

  get memoryBytes(): number {
    return this.#first.byteLength;
  }

  /** [words, ref] of the first of each size. */
  get state(): (readonly [number, number])[] {
    return Array.from(this.#first, (ref, words) => [words, ref] as const).filter(
      ([, ref]) => ref > 0,
    );
  }

  restore(state: readonly (readonly [number, number])[]): void {
    this.#wordsMax = state.at(-1)?.[0] ?? 0;
    this.#first = new Uint32Array(this.#wordsMax + 1);
    for (const [words, ref] of state) this.#first[words] = ref;
  }

  /** The record becomes free. */
  put(ref: number, words: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    page[at] = words;
    // The rest of a page may be too short to be of use; it only says its size.
    if (words < RECORD_WORDS_MIN) return;
    if (words >= this.#first.length) {
      const longer = new Uint32Array(Math.min(RECORD_WORDS_MAX + 1, words * 2));
      longer.set(this.#first);
      this.#first = longer;
    }
    const next = this.#first[words]!;
    page[at + 1] = next;
    page[at + 2] = 0;
    if (next !== 0) this.#pages[next >>> PAGE_BITS]![(next & WORD_MASK) + 2] = ref;
    this.#first[words] = ref;
    if (words > this.#wordsMax) this.#wordsMax = words;
  }

  unlink(ref: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const next = page[at + 1]!;
    const before = page[at + 2]!;
    if (next !== 0) this.#pages[next >>> PAGE_BITS]![(next & WORD_MASK) + 2] = before;
    if (before === 0) this.#first[page[at]!] = next;
    else this.#pages[before >>> PAGE_BITS]![(before & WORD_MASK) + 1] = next;
  }

  /** One of exactly that size; 0: there is none. */
  take(words: number): number {
    const ref = this.#first[words] ?? 0;
    if (ref !== 0) this.unlink(ref);
    return ref;
  }

  /** Makes a record of a longer free one, so that keys of new lengths use the room of old ones. 0: there is none. */
  split(words: number): number {
    for (let size = words + RECORD_WORDS_MIN; size <= this.#wordsMax; size += 1) {
      const ref = this.take(size);
      if (ref === 0) continue;
      this.put(ref + words, size - words);
      return ref;
    }
    return 0;
  }
}
