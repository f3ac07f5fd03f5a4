// What replaying a segment tells the keydir, as a list of entries in memory and, behind a header, in a hint
// (docs/format.md, "Hints"): each record's place and key, without the values.
//
//   entry: 0 offset/8 u32 | 4 frame bytes/8 u32 | 8 seq u48 | 14 expires at u48 | 20 type u8 | 21 marks u8
//          22 key bytes u16 | 24 value bytes u16 | 26 zero u16 | 28 hash of the key u32
//          32 key, value, zeros to a multiple of 4
//
// Invariants:
// - Entries begin at multiples of 4 and are read as 32-bit words, key included: loading makes no object
//   and no view for each. So the machine must be little-endian.
// - The value is there only where a replay needs it (touch, flush: the seq it is meant for; a large value: where
//   that lies); behind a key without one there are zeros.
// - The hash is there in lists in hash order (entry-order.ts), else 0.

import { assert } from '../../assert.js';
import { returnedMemory } from './returned-memory.js';
import { ALIGNMENT_BYTES, RECORD_MARK, RECORD, frameKeyAt, frameSeqAt } from './format.js';
import type { LogRecord, RecordType } from './format.js';

export const ENTRY_BYTES = 32;

const BUFFER_BYTES_MIN = 64 * 1024;
const WORD_BYTES = 4;
const NO_VALUE = Buffer.alloc(0);
const HIGH = 2 ** 32;

/** What one record of the log means to the keydir. `key` and `value` are views. */
export interface ReplayEntry {
  readonly type: RecordType;
  readonly marks: number;
  readonly flags: number;
  readonly seq: number;
  readonly expiresAt: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly offset: number;
  /** Of the frame. */
  readonly bytes: number;
}

/** Entries back to back. */
export interface EntryList {
  readonly bytes: Buffer;
  /** Where the first one begins. */
  readonly start: number;
  readonly count: number;
}

/** True when a replay needs the record's value, not only its place. */
export function replaysValue(record: Pick<LogRecord, 'type' | 'marks'>): boolean {
  const namesSeq = record.type === RECORD.touch || record.type === RECORD.flush;
  return namesSeq || (record.marks & RECORD_MARK.largeValue) !== 0;
}

/** A flush for a later time; one with a value has carried out such ones. */
export function isFlushPromise(record: Pick<LogRecord, 'type' | 'expiresAt' | 'value'>): boolean {
  return record.type === RECORD.flush && record.expiresAt !== 0 && record.value.length === 0;
}

/** A list that grows; memory grows with it, so large ones belong into a worker. Its bytes own their memory. */
export class EntryListBuilder implements EntryList {
  readonly start = 0;
  #bytes: Buffer;
  #words: Uint32Array;
  #end = 0;
  #count = 0;
  /** What frames were read from last, and its words. */
  #source: Buffer = NO_VALUE;
  #sourceWords: Uint32Array = new Uint32Array(0);
  /** The highest that was added. */
  lastSeq = 0;

  /** Makes room for `bytes` of entries at once; what is never used of it costs no memory. */
  constructor(bytes = BUFFER_BYTES_MIN) {
    this.#bytes = Buffer.from(returnedMemory(padded(Math.max(bytes, BUFFER_BYTES_MIN))));
    this.#words = wordsOf({ bytes: this.#bytes });
  }

  get count(): number {
    return this.#count;
  }

  /** All entries so far. A view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /**
   * Adds the frame at `at` of `source`, which stands at `offset` of its segment, with the hash of its key where
   * that is known. Requires: it was checked, and stands at a whole word.
   */
  addFrame(source: Buffer, at: number, offset: number, hash = 0): void {
    if (source !== this.#source) this.#readFrom(source);
    const from = this.#sourceWords;
    const frame = at / WORD_BYTES;
    const kind = from[frame + 2]!;
    const marks = (kind >>> 8) & 0xff;
    const type = (kind & 0xff) as RecordType;
    const valueBytes = replaysValue({ type, marks }) ? from[frame + 3]! : 0;
    const content = (kind >>> 16) + valueBytes;
    const to = this.#add(padded(ENTRY_BYTES + content), frameSeqAt(source, at));
    const words = this.#words;
    words[to] = offset / ALIGNMENT_BYTES;
    words[to + 1] = from[frame + 1]! / ALIGNMENT_BYTES;
    // Seq and expiry stand in a frame as they do here, and so do type, marks and key bytes.
    words[to + 2] = from[frame + 5]!;
    words[to + 3] = from[frame + 6]!;
    words[to + 4] = from[frame + 7]!;
    words[to + 5] = kind;
    words[to + 6] = valueBytes;
    words[to + 7] = hash;
    const first = keyWord(to);
    const key = frameKeyAt(source, at) / WORD_BYTES;
    const whole = content >>> 2;
    for (let word = 0; word < whole; word += 1) words[first + word] = from[key + word]!;
    const rest = content & 3;
    if (rest > 0) words[first + whole] = from[key + whole]! & ((1 << (rest * 8)) - 1);
  }

  /** Adds the entry at word `at` of another list, whose frame stands at `offset` now. */
  addEntry(words: Uint32Array, at: number, offset: number): void {
    const length = nextWord(words, at) - at;
    const to = this.#add(length * WORD_BYTES, seqAt(words, at));
    const target = this.#words;
    for (let word = 1; word < length; word += 1) target[to + word] = words[at + word]!;
    target[to] = offset / ALIGNMENT_BYTES;
  }

  /** Frames are read as words too: they stand at multiples of 8 in their segment, and so in what is read of it. */
  #readFrom(source: Buffer): void {
    this.#source = source;
    this.#sourceWords = wordsOf({ bytes: source });
  }

  /** Room for one more entry; returns its first word. */
  #add(bytes: number, seq: number): number {
    const start = this.#end;
    this.#end += bytes;
    if (this.#end > this.#bytes.length) this.#grow(start);
    this.#count += 1;
    if (seq > this.lastSeq) this.lastSeq = seq;
    return start / WORD_BYTES;
  }

  #grow(held: number): void {
    const larger = Buffer.from(returnedMemory(padded(this.#end * 2)));
    this.#bytes.copy(larger, 0, 0, held);
    this.#bytes = larger;
    this.#words = wordsOf({ bytes: larger });
  }
}

/** The words of a list, to be read with the functions below. */
export function wordsOf({ bytes }: Pick<EntryList, 'bytes'>): Uint32Array {
  assert(bytes.byteOffset % WORD_BYTES === 0, 'Entries stand at whole words');
  assert(IS_LITTLE_ENDIAN, 'The machine is little-endian');
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / WORD_BYTES));
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** The first entry's word. */
export function firstWord({ start }: EntryList): number {
  return start / WORD_BYTES;
}

/** The word where the entry behind the one at `at` begins. */
export function nextWord(words: Uint32Array, at: number): number {
  return at + padded(ENTRY_BYTES + keyBytesAt(words, at) + valueBytesAt(words, at)) / WORD_BYTES;
}

export function typeAt(words: Uint32Array, at: number): number {
  return words[at + 5]! & 0xff;
}

export function marksAt(words: Uint32Array, at: number): number {
  return (words[at + 5]! >>> 8) & 0xff;
}

/** Adds marks to those of the entry. */
export function addMarksAt(words: Uint32Array, at: number, marks: number): void {
  words[at + 5]! |= marks << 8;
}

export function keyBytesAt(words: Uint32Array, at: number): number {
  return words[at + 5]! >>> 16;
}

/** The word where the key begins. Its last word is padded with zeros, unless a value follows. */
export function keyWord(at: number): number {
  return at + ENTRY_BYTES / WORD_BYTES;
}

export function valueBytesAt(words: Uint32Array, at: number): number {
  return words[at + 6]!;
}

/** The key's hash, signed. */
export function hashAt(words: Uint32Array, at: number): number {
  return words[at + 7]! | 0;
}

export function setHashAt(words: Uint32Array, at: number, hash: number): void {
  words[at + 7] = hash;
}

export function seqAt(words: Uint32Array, at: number): number {
  return (words[at + 3]! & 0xffff) * HIGH + words[at + 2]!;
}

export function expiresAtAt(words: Uint32Array, at: number): number {
  return words[at + 4]! * 2 ** 16 + (words[at + 3]! >>> 16);
}

export function setExpiresAtAt(words: Uint32Array, at: number, ms: number): void {
  words[at + 3] = ((words[at + 3]! & 0xffff) | ((ms % 2 ** 16) << 16)) >>> 0;
  words[at + 4] = Math.floor(ms / 2 ** 16);
}

/** Place of the frame in the segment. */
export function offsetAt(words: Uint32Array, at: number): number {
  return words[at]! * ALIGNMENT_BYTES;
}

/** Bytes of the frame. */
export function lengthAt(words: Uint32Array, at: number): number {
  return words[at + 1]! * ALIGNMENT_BYTES;
}

/** The entry at that word as an object, for what is rare. */
export function entryAt(words: Uint32Array, at: number): ReplayEntry {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return decodeEntry(bytes, at * WORD_BYTES);
}

/** Visits `count` entries from `start` on; returns where the last one ends. */
export function visitEntries(
  bytes: Buffer,
  start: number,
  count: number,
  visit: (entry: ReplayEntry) => void,
): number {
  let at = start;
  for (let i = 0; i < count; i += 1) {
    visit(decodeEntry(bytes, at));
    at += padded(ENTRY_BYTES + bytes.readUInt16LE(at + 22) + bytes.readUInt16LE(at + 24));
  }
  return at;
}

function decodeEntry(bytes: Buffer, at: number): ReplayEntry {
  const keyAt = at + ENTRY_BYTES;
  const valueAt = keyAt + bytes.readUInt16LE(at + 22);
  const end = valueAt + bytes.readUInt16LE(at + 24);
  return {
    type: bytes[at + 20] as RecordType,
    marks: bytes[at + 21]!,
    flags: 0,
    seq: bytes.readUIntLE(at + 8, 6),
    expiresAt: bytes.readUIntLE(at + 14, 6),
    key: bytes.subarray(keyAt, valueAt),
    // Most have none, and making a view costs more than the rest of an entry.
    value: end === valueAt ? NO_VALUE : bytes.subarray(valueAt, end),
    offset: bytes.readUInt32LE(at) * ALIGNMENT_BYTES,
    bytes: bytes.readUInt32LE(at + 4) * ALIGNMENT_BYTES,
  };
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
