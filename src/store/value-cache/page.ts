// A page of the value cache: entries one after the other, appended, never changed but for their hit mark.
//
//   entry  word 0..1  CAS token u64          2  keydir ref
//               3     seq, low 32 bits       4  seq, high 16 bits | HIT
//               5     the client's flags     6  bytes of the value
//          then the value, padded to a multiple of 8 bytes

import { assert } from '../../assert.js';

const HEADER_BYTES = 28;
const HIGH = 2 ** 32;
const HIT = 0x10000;

/** Bytes that an entry takes in its page. */
export function entryBytes(valueBytes: number): number {
  return (HEADER_BYTES + valueBytes + 7) & ~7;
}

/** Where the value of the entry at `offset` begins. */
export function valueStart(offset: number): number {
  return offset + HEADER_BYTES;
}

export class ValueCachePage {
  /** Its place among the pages of the cache. */
  readonly number: number;
  #bytes: Buffer;
  #words: Uint32Array;
  #tokens: BigUint64Array;
  #used = 0;
  #isLent = false;

  constructor(number: number, bytes: number) {
    const memory = new ArrayBuffer(bytes);
    this.number = number;
    this.#bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#tokens = new BigUint64Array(memory);
  }

  /** All of the page. Other memory once it was lent and emptied. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** The same memory. A value begins at a word. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** Bytes taken by entries, dead ones too: the offset of the next. */
  get used(): number {
    return this.#used;
  }

  hasRoom(entryBytes: number): boolean {
    return this.#used + entryBytes <= this.#bytes.length;
  }

  /** Somebody keeps a view: what is in the page now stays as it is, also when the page is emptied. */
  lend(): void {
    this.#isLent = true;
  }

  /** Forgets all entries. */
  empty(): void {
    this.#used = 0;
    if (!this.#isLent) return;
    this.#isLent = false;
    const memory = new ArrayBuffer(this.#bytes.length);
    this.#bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    this.#tokens = new BigUint64Array(memory);
  }

  /** Appends an entry of the value `value[start..end)`. Requires: room. Returns its offset. */
  append(
    ref: number,
    seq: number,
    flags: number,
    cas: bigint | undefined,
    value: Buffer,
    start: number,
    end: number,
  ): number {
    const offset = this.#used;
    const valueBytes = end - start;
    const at = offset >>> 2;
    const high = Math.floor(seq / HIGH);
    const low = seq - high * HIGH;
    if (cas === undefined) {
      this.#words[at] = low;
      this.#words[at + 1] = high;
    } else {
      this.#tokens[offset >>> 3] = cas;
    }
    this.#words[at + 2] = ref;
    this.#words[at + 3] = low;
    this.#words[at + 4] = high;
    this.#words[at + 5] = flags;
    this.#words[at + 6] = valueBytes;
    value.copy(this.#bytes, offset + HEADER_BYTES, start, end);
    this.#used += entryBytes(valueBytes);
    return offset;
  }

  /** Appends a copy of another page's entry, not hit yet. Requires: room. Returns its offset. */
  adopt(from: ValueCachePage, offset: number): number {
    const to = this.#used;
    const bytes = from.entryBytesAt(offset);
    assert(this.hasRoom(bytes), 'An adopted entry has room');
    this.#bytes.set(from.#bytes.subarray(offset, offset + bytes), to);
    this.#words[(to >>> 2) + 4]! &= ~HIT;
    this.#used += bytes;
    return to;
  }

  entryBytesAt(offset: number): number {
    return entryBytes(this.#words[(offset >>> 2) + 6]!);
  }

  ref(offset: number): number {
    return this.#words[(offset >>> 2) + 2]!;
  }

  seq(offset: number): number {
    const at = offset >>> 2;
    return (this.#words[at + 4]! & 0xffff) * HIGH + this.#words[at + 3]!;
  }

  cas(offset: number): bigint {
    return this.#tokens[offset >>> 3]!;
  }

  flags(offset: number): number {
    return this.#words[(offset >>> 2) + 5]!;
  }

  valueBytes(offset: number): number {
    return this.#words[(offset >>> 2) + 6]!;
  }

  isHit(offset: number): boolean {
    return (this.#words[(offset >>> 2) + 4]! & HIT) !== 0;
  }

  markHit(offset: number): void {
    this.#words[(offset >>> 2) + 4]! |= HIT;
  }
}
