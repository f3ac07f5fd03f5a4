// Records of the keydir: one per key, made of 32-bit words in pages outside the JavaScript heap. A record costs
// 28 bytes (36 with the recency links) plus its key padded to words, and no work of the garbage collector.
// record.ts has the layout.
//
// Invariants:
// - A ref is page * PAGE_WORDS + word; 0 is no ref (the first word of page 0 is never used).
// - A page is a gapless row of records, live or free, up to the first record whose word 0 is zero.
// - The start of a record stays the start of a record as long as its page exists: a free record may be
//   split, but is never joined with another. So a walk that continues later finds its place again.
// - A page without live records is freed, unless it is the page being filled.

import { assert, broken } from '../../assert.js';
import { KEY_BYTES_LIMIT, SEQ_MAX } from '../../limits.js';
import { PAGE_BITS, PAGE_WORDS, WORD_MASK, firstRecordWord, walkRecords } from './record-walk.js';
import type { KeydirRecord } from './record.js';
import type { EntriesState } from './state.js';

/** Refs stay below 2^31: V8 boxes larger integers. 8 GiB of records, about 150 million keys. */
const PAGES_MAX = 2 ** (31 - PAGE_BITS);
const HEADER_WORDS = 7;
const HEADER_WORDS_WITH_RECENCY = 9;
const KEY_WORDS_MAX = (KEY_BYTES_LIMIT + 3) >>> 2;
const RECORD_WORDS_MIN = HEADER_WORDS + 1;
const RECORD_WORDS_MAX = HEADER_WORDS_WITH_RECENCY + KEY_WORDS_MAX;
const HIGH = 2 ** 32;
const U48_MAX = 2 ** 48 - 1;
/** Frames are 8-byte aligned; 27 bits of length reach 1 GiB, 32 bits of offset 32 GiB. */
const UNIT = 8;
const LENGTH_UNITS_MAX = 2 ** 27 - 1;
const OFFSET_MAX = (HIGH - 1) * UNIT;
const MARK_BITS = 5;
const MARKS_MAX = 2 ** MARK_BITS - 1;

assert(RECORD_WORDS_MAX * 2 < PAGE_WORDS, 'A page holds the longest records');
assert(SEQ_MAX === U48_MAX, 'A seq has 48 bits');

export class KeydirEntries {
  readonly #headerWords: number;
  #pages: (Uint32Array | undefined)[] = [];
  /** Number of live records of each page. */
  #live: number[] = [];
  /** Numbers of pages that were freed. */
  #vacant: number[] = [];
  /** The page being filled, and its first word that was never used. */
  #filling = 0;
  #end = PAGE_WORDS;
  /** The first free record of each size in words. */
  #free = new Uint32Array(0);
  #freeWordsMax = 0;

  constructor(recency: boolean) {
    this.#headerWords = recency ? HEADER_WORDS_WITH_RECENCY : HEADER_WORDS;
  }

  get memoryBytes(): number {
    return (this.#pages.length - this.#vacant.length) * PAGE_WORDS * 4 + this.#free.byteLength;
  }

  get state(): EntriesState {
    return {
      headerWords: this.#headerWords,
      live: Array.from(this.#live, (live, page) => (this.#pages[page] === undefined ? null : live)),
      filling: this.#filling,
      end: this.#end,
      free: Array.from(this.#free, (ref, words) => [words, ref] as const).filter(
        ([, ref]) => ref > 0,
      ),
    };
  }

  /** The used part of every page. */
  get words(): Uint32Array[] {
    return this.#pages.flatMap((page, number) => {
      if (page === undefined) return [];
      return [number === this.#filling ? page.subarray(0, this.#end) : page];
    });
  }

  /** Restores `state`, with `words` of zeros that the caller fills. Returns false for records of another size. */
  restore({ headerWords, live, filling, end, free }: EntriesState): boolean {
    if (headerWords !== this.#headerWords) return false;
    this.#pages = live.map((count) => (count === null ? undefined : new Uint32Array(PAGE_WORDS)));
    this.#live = live.map((count) => count ?? 0);
    this.#vacant = [...live.keys()].filter((page) => live[page] === null);
    this.#filling = filling;
    this.#end = end;
    this.#freeWordsMax = free.at(-1)?.[0] ?? 0;
    this.#free = new Uint32Array(this.#freeWordsMax + 1);
    for (const [words, ref] of free) this.#free[words] = ref;
    return true;
  }

  /** Returns a new record with the key that is packed in `words` from `start` on; all other fields are 0. */
  create(words: Uint32Array, start: number, keyLength: number): number {
    const keyWords = (keyLength + 3) >>> 2;
    const ref = this.#allocate(this.#headerWords + keyWords);
    const page = this.#pages[ref >>> PAGE_BITS]!;
    this.#live[ref >>> PAGE_BITS]! += 1;
    const at = ref & WORD_MASK;
    page[at] = keyLength << 16;
    const keyAt = at + this.#headerWords;
    for (let word = at + 1; word < keyAt; word += 1) page[word] = 0;
    for (let word = 0; word < keyWords; word += 1) page[keyAt + word] = words[start + word]!;
    return ref;
  }

  /** Frees a record. A later `create` may return the same ref. */
  release(ref: number): void {
    const page = ref >>> PAGE_BITS;
    this.#putFree(ref, this.#headerWords + ((this.keyLength(ref) + 3) >>> 2));
    this.#live[page]! -= 1;
    if (this.#live[page] === 0 && page !== this.#filling) this.#dropPage(page);
  }

  clear(): void {
    const headerWords = this.#headerWords;
    this.restore({ headerWords, live: [], filling: 0, end: PAGE_WORDS, free: [] });
  }

  /** Bytes of the key; 0: the record is free. */
  keyLength(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![ref & WORD_MASK]! >>> 16;
  }

  /** Returns the page of the record, in which the key's packed words begin at keyStart. */
  page(ref: number): Uint32Array {
    return this.#pages[ref >>> PAGE_BITS]!;
  }

  keyStart(ref: number): number {
    return (ref & WORD_MASK) + this.#headerWords;
  }

  /** Checks whether the record's key is the one packed in `words` from `start` on. */
  matches(ref: number, words: Uint32Array, start: number, keyLength: number): boolean {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    if (page[at]! >>> 16 !== keyLength) return false;
    const keyAt = at + this.#headerWords;
    const keyWords = (keyLength + 3) >>> 2;
    for (let word = 0; word < keyWords; word += 1) {
      if (page[keyAt + word] !== words[start + word]) return false;
    }
    return true;
  }

  /** Copies the key's bytes to the start of `target`. Returns their number. Requires: room for them. */
  copyKey(ref: number, target: Uint8Array): number {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const length = this.keyLength(ref);
    const start = this.keyStart(ref);
    for (let at = 0; at < length; at += 1) {
      target[at] = page[start + (at >>> 2)]! >>> ((at & 3) << 3);
    }
    return length;
  }

  segment(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![ref & WORD_MASK]! & 0xffff;
  }

  offset(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 1]! * UNIT;
  }

  length(ref: number): number {
    return (this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 2]! >>> MARK_BITS) * UNIT;
  }

  setLocation(ref: number, segment: number, offset: number, length: number): void {
    assert(segment >= 0 && segment <= 0xffff, 'A segment slot has 16 bits');
    assert(offset >= 0 && offset <= OFFSET_MAX && offset % UNIT === 0, 'An offset is 8 * u32');
    const units = length / UNIT;
    assert(length % UNIT === 0 && units >= 0 && units <= LENGTH_UNITS_MAX, 'A length is 8 * u27');
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    page[at] = (page[at]! & 0xffff0000) | segment;
    page[at + 1] = offset / UNIT;
    page[at + 2] = (units << MARK_BITS) | (page[at + 2]! & MARKS_MAX);
  }

  marks(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 2]! & MARKS_MAX;
  }

  setMarks(ref: number, marks: number): void {
    assert(marks >= 0 && marks <= MARKS_MAX, 'Marks have 5 bits');
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = (ref & WORD_MASK) + 2;
    page[at] = (page[at]! & ~MARKS_MAX) | marks;
  }

  seq(ref: number): number {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    return (page[at + 4]! >>> 16) * HIGH + page[at + 3]!;
  }

  setSeq(ref: number, seq: number): void {
    assert(seq >= 0 && seq <= SEQ_MAX, 'A seq has 48 bits');
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const high = Math.floor(seq / HIGH);
    page[at + 3] = seq - high * HIGH;
    page[at + 4] = (high << 16) | (page[at + 4]! & 0xffff);
  }

  expiresAt(ref: number): number {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    return (page[at + 4]! & 0xffff) * HIGH + page[at + 5]!;
  }

  setExpiresAt(ref: number, ms: number): void {
    assert(ms >= 0 && ms <= U48_MAX, 'An expiry has 48 bits');
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const high = Math.floor(ms / HIGH);
    page[at + 4] = (page[at + 4]! & 0xffff0000) | high;
    page[at + 5] = ms - high * HIGH;
  }

  /**
   * Copies place, length, seq and expiry from the entry of a replay at `at` of `words` (entry-list.ts).
   * Requires: the values fit, as all values do that the log wrote.
   */
  fill(ref: number, segment: number, words: Uint32Array, at: number, marks: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const to = ref & WORD_MASK;
    const highs = words[at + 3]!;
    page[to] = (page[to]! & 0xffff0000) | segment;
    page[to + 1] = words[at]!;
    page[to + 2] = (words[at + 1]! << MARK_BITS) | marks;
    page[to + 3] = words[at + 2]!;
    page[to + 4] = (highs << 16) | (words[at + 4]! >>> 16);
    page[to + 5] = (words[at + 4]! << 16) | (highs >>> 16);
  }

  /** Reads all fields of the record, without its key. */
  load(ref: number, into: KeydirRecord): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const highs = page[at + 4]!;
    into.segment = page[at]! & 0xffff;
    into.offset = page[at + 1]! * UNIT;
    into.length = (page[at + 2]! >>> MARK_BITS) * UNIT;
    into.marks = page[at + 2]! & MARKS_MAX;
    into.seq = (highs >>> 16) * HIGH + page[at + 3]!;
    into.expiresAt = (highs & 0xffff) * HIGH + page[at + 5]!;
    into.lastUsedSeconds = page[at + 6]!;
  }

  /**
   * Sets all fields of the record. Its marks become those of the argument, `mark`, and those of its own that are in `kept`.
   * Requires: the bounds of the setters above.
   */
  store(ref: number, record: Readonly<KeydirRecord>, mark: number, kept: number): void {
    const { segment, offset, length, seq, expiresAt, lastUsedSeconds } = record;
    const units = length / UNIT;
    const isPlace = segment >= 0 && segment <= 0xffff && offset >= 0 && offset <= OFFSET_MAX;
    const isAligned = ((offset | length) & (UNIT - 1)) === 0 && units <= LENGTH_UNITS_MAX;
    const isTime = expiresAt >= 0 && expiresAt <= U48_MAX && lastUsedSeconds < HIGH;
    const isMarked = record.marks >= 0 && record.marks <= MARKS_MAX && seq >= 0 && seq <= SEQ_MAX;
    if (!(isPlace && isAligned && isTime && isMarked)) broken('A record fits its words');
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const seqHigh = Math.floor(seq / HIGH);
    const expiryHigh = Math.floor(expiresAt / HIGH);
    page[at] = (page[at]! & 0xffff0000) | segment;
    page[at + 1] = offset / UNIT;
    page[at + 2] = (units << MARK_BITS) | record.marks | mark | (page[at + 2]! & kept);
    page[at + 3] = seq - seqHigh * HIGH;
    page[at + 4] = (seqHigh << 16) | expiryHigh;
    page[at + 5] = expiresAt - expiryHigh * HIGH;
    page[at + 6] = lastUsedSeconds;
  }

  /** Notes a use at that second, and sets `mark`. */
  use(ref: number, seconds: number, mark: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    page[at + 2]! |= mark;
    page[at + 6] = seconds;
  }

  lastUsedSeconds(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 6]!;
  }

  setLastUsedSeconds(ref: number, seconds: number): void {
    assert(seconds >= 0 && seconds < HIGH, 'Seconds have 32 bits');
    this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 6] = seconds;
  }

  older(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 7]!;
  }

  setOlder(ref: number, older: number): void {
    this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 7] = older;
  }

  newer(ref: number): number {
    return this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 8]!;
  }

  setNewer(ref: number, newer: number): void {
    this.#pages[ref >>> PAGE_BITS]![(ref & WORD_MASK) + 8] = newer;
  }

  /** See Keydir.walk. */
  walk(cursor: number, budget: number, visit: (ref: number) => void): number {
    return walkRecords(this.#pages, this.#headerWords, cursor, budget, visit);
  }

  #allocate(words: number): number {
    if ((this.#free[words] ?? 0) !== 0) return this.#takeFree(words);
    if (this.#end + words > PAGE_WORDS) {
      const split = this.#splitFree(words);
      if (split !== 0) return split;
      this.#addPage();
    }
    const ref = this.#filling * PAGE_WORDS + this.#end;
    this.#end += words;
    return ref;
  }

  #addPage(): void {
    const left = PAGE_WORDS - this.#end;
    const full = this.#filling;
    if (left > 0) this.#putFree(full * PAGE_WORDS + this.#end, left);
    const number = this.#vacant.pop() ?? this.#pages.length;
    assert(number < PAGES_MAX, 'The keydir has room for another page');
    this.#pages[number] = new Uint32Array(PAGE_WORDS);
    this.#live[number] = 0;
    this.#filling = number;
    this.#end = firstRecordWord(number);
    if (full !== number && this.#live[full] === 0) this.#dropPage(full);
  }

  /** Frees a page that has only free records. */
  #dropPage(number: number): void {
    const words = this.#pages[number];
    if (words === undefined) return;
    for (let at = firstRecordWord(number); at < PAGE_WORDS; at += words[at]!) {
      if (words[at]! >= RECORD_WORDS_MIN) this.#unlinkFree(number * PAGE_WORDS + at);
    }
    this.#pages[number] = undefined;
    this.#vacant.push(number);
  }

  #putFree(ref: number, words: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    page[at] = words;
    // The rest of a page may be too short for a record; then it only holds its size.
    if (words < RECORD_WORDS_MIN) return;
    if (words >= this.#free.length) {
      const longer = new Uint32Array(Math.min(RECORD_WORDS_MAX + 1, words * 2));
      longer.set(this.#free);
      this.#free = longer;
    }
    const next = this.#free[words]!;
    page[at + 1] = next;
    page[at + 2] = 0;
    if (next !== 0) this.#pages[next >>> PAGE_BITS]![(next & WORD_MASK) + 2] = ref;
    this.#free[words] = ref;
    if (words > this.#freeWordsMax) this.#freeWordsMax = words;
  }

  #unlinkFree(ref: number): void {
    const page = this.#pages[ref >>> PAGE_BITS]!;
    const at = ref & WORD_MASK;
    const next = page[at + 1]!;
    const before = page[at + 2]!;
    if (next !== 0) this.#pages[next >>> PAGE_BITS]![(next & WORD_MASK) + 2] = before;
    if (before === 0) this.#free[page[at]!] = next;
    else this.#pages[before >>> PAGE_BITS]![(before & WORD_MASK) + 1] = next;
  }

  #takeFree(words: number): number {
    const ref = this.#free[words] ?? 0;
    if (ref !== 0) this.#unlinkFree(ref);
    return ref;
  }

  /** Cuts a record out of a longer free one, so that keys of new lengths use the room of old ones. */
  #splitFree(words: number): number {
    for (let size = words + RECORD_WORDS_MIN; size <= this.#freeWordsMax; size += 1) {
      const ref = this.#takeFree(size);
      if (ref === 0) continue;
      this.#putFree(ref + words, size - words);
      return ref;
    }
    return 0;
  }
}
