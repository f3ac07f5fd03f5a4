// A page of the value cache: entries are appended one after the other, and only their hit mark changes later.
//
//   entry  word 0..1  CAS token u64          2  keydir ref
//               3     seq, low 32 bits       4  seq, high 16 bits | HIT
//               5     the client's flags     6  bytes of the value
//          then the value, padded to a multiple of 8 bytes

import { assert } from '../../assert.js';
import { copyBytes } from '../../copy-bytes.js';

const HEADER_BYTES = 28;
const HIGH = 2 ** 32;
const HIT = 0x10000;
const NOTHING = Buffer.alloc(0);

/** Returns the bytes that an entry takes in its page. */
export function entryBytes(valueBytes: number): number {
  return (HEADER_BYTES + valueBytes + 7) & ~7;
}

/** A value in the cache: one object, which each lookup reuses. */
export class CachedValue {
  /** The value is source[start .. start + valueBytes): copy it before 64 KiB more are put, unless it is lasting. */
  source: Buffer = NOTHING;
  words: Uint32Array | undefined;
  start = 0;
  valueBytes = 0;
  isLasting = false;
  flags = 0;
  /** Values in files of their own are not cached. This field makes a CachedValue a Loaded (values.ts). */
  readonly large = undefined;
  /** The page's memory, as CAS tokens. */
  tokens: BigUint64Array | undefined;

  /** Drops the reference to the page. */
  clear(): void {
    this.source = NOTHING;
    this.words = undefined;
    this.tokens = undefined;
    this.start = 0;
    this.valueBytes = 0;
  }

  /** Makes a view on each call. */
  get value(): Buffer {
    return this.source.subarray(this.start, this.start + this.valueBytes);
  }

  get cas(): bigint {
    return this.tokens?.[(this.start - HEADER_BYTES) >>> 3] ?? 0n;
  }
}

export class ValueCachePage {
  /** The page's index among the pages of the cache. */
  readonly number: number;
  /** The whole page. Emptying a page that was lent gives it new memory. */
  bytes: Buffer;
  /** The same memory as words. A value begins at a word. */
  words: Uint32Array;
  /** Bytes taken by entries, dead ones too: the offset of the next entry. */
  used = 0;
  #tokens: BigUint64Array;
  #isLent = false;

  constructor(number: number, bytes: number) {
    const memory = new ArrayBuffer(bytes);
    this.number = number;
    this.bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
    this.#tokens = new BigUint64Array(memory);
  }

  hasRoom(entryBytes: number): boolean {
    return this.used + entryBytes <= this.bytes.length;
  }

  /** Notes that a caller keeps a view: the present memory stays as it is, also when the page is emptied. */
  lend(): void {
    this.#isLent = true;
  }

  /** Forgets all entries. */
  empty(): void {
    this.used = 0;
    if (!this.#isLent) return;
    this.#isLent = false;
    const memory = new ArrayBuffer(this.bytes.length);
    this.bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
    this.#tokens = new BigUint64Array(memory);
  }

  /** Reads the entry at `offset` into `found` and marks it hit. Returns false when the entry has another seq. */
  find(offset: number, seq: number, found: CachedValue): boolean {
    const { words } = this;
    const at = offset >>> 2;
    const highs = words[at + 4]!;
    if ((highs & 0xffff) * HIGH + words[at + 3]! !== seq) return false;
    words[at + 4] = highs | HIT;
    found.source = this.bytes;
    found.words = words;
    found.start = offset + HEADER_BYTES;
    found.flags = words[at + 5]!;
    found.valueBytes = words[at + 6]!;
    found.tokens = this.#tokens;
    return true;
  }

  /** Appends an entry with the value value[start..end). Returns its offset. Requires: room. */
  append(
    ref: number,
    seq: number,
    flags: number,
    cas: bigint | undefined,
    value: Buffer,
    start: number,
    end: number,
  ): number {
    const offset = this.used;
    const valueBytes = end - start;
    const at = offset >>> 2;
    const high = Math.floor(seq / HIGH);
    const low = seq - high * HIGH;
    const { words } = this;
    if (cas === undefined) {
      words[at] = low;
      words[at + 1] = high;
    } else {
      this.#tokens[offset >>> 3] = cas;
    }
    words[at + 2] = ref;
    words[at + 3] = low;
    words[at + 4] = high;
    words[at + 5] = flags;
    words[at + 6] = valueBytes;
    copyBytes(this.bytes, offset + HEADER_BYTES, value, start, end);
    this.used = offset + ((HEADER_BYTES + valueBytes + 7) & ~7);
    return offset;
  }

  /** Appends a copy of another page's entry, without its hit mark. Returns its offset. Requires: room. */
  adopt(from: ValueCachePage, offset: number): number {
    const to = this.used;
    const bytes = from.entryBytesAt(offset);
    assert(this.hasRoom(bytes), 'The page has room for an adopted entry');
    this.bytes.set(from.bytes.subarray(offset, offset + bytes), to);
    this.words[(to >>> 2) + 4]! &= ~HIT;
    this.used += bytes;
    return to;
  }

  entryBytesAt(offset: number): number {
    return entryBytes(this.words[(offset >>> 2) + 6]!);
  }

  ref(offset: number): number {
    return this.words[(offset >>> 2) + 2]!;
  }

  seq(offset: number): number {
    const at = offset >>> 2;
    return (this.words[at + 4]! & 0xffff) * HIGH + this.words[at + 3]!;
  }

  cas(offset: number): bigint {
    return this.#tokens[offset >>> 3]!;
  }

  flags(offset: number): number {
    return this.words[(offset >>> 2) + 5]!;
  }

  valueBytes(offset: number): number {
    return this.words[(offset >>> 2) + 6]!;
  }

  isHit(offset: number): boolean {
    return (this.words[(offset >>> 2) + 4]! & HIT) !== 0;
  }

  markHit(offset: number): void {
    this.words[(offset >>> 2) + 4]! |= HIT;
  }
}
