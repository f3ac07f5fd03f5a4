// Entry lists: what the replay of a segment adds to the keydir, in memory or after the header of a hint
// (docs/format.md, "Hints"). An entry has a record's place and key, without its value.
//
//   entry: 0 offset/8 u32 | 4 frame bytes/8 u32 | 8 seq u48 | 14 expires at u48 | 20 type u8 | 21 marks u8
//          22 key bytes u16 | 24 value bytes u16 | 26 zero u16 | 28 hash of the key u32
//          32 key, value, zeros to a multiple of 4
//
// Invariants:
// - Entries begin at multiples of 4 and are read as 32-bit words, key included: loading makes no object
//   and no view per entry. So the machine must be little-endian.
// - An entry has the value only where a replay needs it: the seq that a touch or flush applies to, the file of a
//   large value. Zeros follow a key without a value.
// - The hash field is set in lists in hash order (entry-order.ts); in others it may be 0.

import { assert } from '../../assert.js';
import { returnedMemory } from './returned-memory.js';
import { ALIGNMENT_BYTES, RECORD_MARK, RECORD, frameKeyAt, frameSeqAt } from './format.js';
import type { LogRecord, RecordType } from './format.js';

export const ENTRY_BYTES = 32;

const BUFFER_BYTES_MIN = 64 * 1024;
const WORD_BYTES = 4;
const NO_VALUE = Buffer.alloc(0);
const HIGH = 2 ** 32;

/** One record as the keydir needs it. `key` and `value` are views. */
export interface ReplayEntry {
  readonly type: RecordType;
  readonly marks: number;
  readonly flags: number;
  readonly seq: number;
  readonly expiresAt: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly offset: number;
  /** Size of the frame. */
  readonly bytes: number;
}

/** Entries back to back. */
export interface EntryList {
  readonly bytes: Buffer;
  /** Byte at which the first entry begins. */
  readonly start: number;
  readonly count: number;
}

/** Checks whether a replay needs the record's value, not only its place. */
export function replaysValue(record: Pick<LogRecord, 'type' | 'marks'>): boolean {
  const namesSeq = record.type === RECORD.touch || record.type === RECORD.flush;
  return namesSeq || (record.marks & RECORD_MARK.largeValue) !== 0;
}

/** Checks whether the record is a flush that takes effect later. A flush with a value carried out earlier ones. */
export function isFlushPromise(record: Pick<LogRecord, 'type' | 'expiresAt' | 'value'>): boolean {
  return record.type === RECORD.flush && record.expiresAt !== 0 && record.value.length === 0;
}

/** A list that grows in memory, so large lists belong in a background thread. Its bytes own their memory. */
export class EntryListBuilder implements EntryList {
  readonly start = 0;
  #bytes: Buffer;
  #words: Uint32Array;
  #end = 0;
  #count = 0;
  /** The buffer that the last frame was read from, and its words. */
  #source: Buffer = NO_VALUE;
  #sourceWords: Uint32Array = new Uint32Array(0);
  /** The highest seq that was added. */
  lastSeq = 0;

  /** Allocates room for `bytes` of entries; the part that stays unused costs no memory. */
  constructor(bytes = BUFFER_BYTES_MIN) {
    this.#bytes = Buffer.from(returnedMemory(padded(Math.max(bytes, BUFFER_BYTES_MIN))));
    this.#words = wordsOf({ bytes: this.#bytes });
  }

  get count(): number {
    return this.#count;
  }

  /** A view of all entries so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /**
   * Adds the frame at `at` of `source`, which is at `offset` of its segment, with the hash of its key if that is
   * known. Requires: the frame was checked and begins at a whole word.
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
    // A frame has seq and expiry in the same layout as an entry, and also type, marks and key bytes.
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

  /** Adds the entry at word `at` of another list; its frame is now at `offset`. */
  addEntry(words: Uint32Array, at: number, offset: number): void {
    const length = nextWord(words, at) - at;
    const to = this.#add(length * WORD_BYTES, seqAt(words, at));
    const target = this.#words;
    for (let word = 1; word < length; word += 1) target[to + word] = words[at + word]!;
    target[to] = offset / ALIGNMENT_BYTES;
  }

  /** Frames are read as words too: they begin at multiples of 8 in their segment and in the buffers read from it. */
  #readFrom(source: Buffer): void {
    this.#source = source;
    this.#sourceWords = wordsOf({ bytes: source });
  }

  /** Makes room for one more entry; returns its first word. */
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

/** Returns the words of a list, for the functions below. */
export function wordsOf({ bytes }: Pick<EntryList, 'bytes'>): Uint32Array {
  assert(bytes.byteOffset % WORD_BYTES === 0, 'Entries stand at whole words');
  assert(IS_LITTLE_ENDIAN, 'The machine is little-endian');
  return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / WORD_BYTES));
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Returns the word at which the first entry begins. */
export function firstWord({ start }: EntryList): number {
  return start / WORD_BYTES;
}

/** Returns the word at which the entry after the entry at `at` begins. */
export function nextWord(words: Uint32Array, at: number): number {
  return at + padded(ENTRY_BYTES + keyBytesAt(words, at) + valueBytesAt(words, at)) / WORD_BYTES;
}

export function typeAt(words: Uint32Array, at: number): number {
  return words[at + 5]! & 0xff;
}

export function marksAt(words: Uint32Array, at: number): number {
  return (words[at + 5]! >>> 8) & 0xff;
}

/** Adds marks to an entry. */
export function addMarksAt(words: Uint32Array, at: number, marks: number): void {
  words[at + 5]! |= marks << 8;
}

export function keyBytesAt(words: Uint32Array, at: number): number {
  return words[at + 5]! >>> 16;
}

/** Returns the word at which the key begins. The key's last word is padded with zeros, unless a value follows. */
export function keyWord(at: number): number {
  return at + ENTRY_BYTES / WORD_BYTES;
}

export function valueBytesAt(words: Uint32Array, at: number): number {
  return words[at + 6]!;
}

/** Returns the key's hash as a signed number. */
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

/** Returns the frame's offset in the segment. */
export function offsetAt(words: Uint32Array, at: number): number {
  return words[at]! * ALIGNMENT_BYTES;
}

/** Returns the frame's size in bytes. */
export function lengthAt(words: Uint32Array, at: number): number {
  return words[at + 1]! * ALIGNMENT_BYTES;
}

/** Returns the entry at word `at` as an object; for rare cases, because it is slow. */
export function entryAt(words: Uint32Array, at: number): ReplayEntry {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return decodeEntry(bytes, at * WORD_BYTES);
}

/** Visits `count` entries from `start` on; returns the byte at which the last one ends. */
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
    // Most entries have no value, and a view costs more than the rest of an entry.
    value: end === valueAt ? NO_VALUE : bytes.subarray(valueAt, end),
    offset: bytes.readUInt32LE(at) * ALIGNMENT_BYTES,
    bytes: bytes.readUInt32LE(at + 4) * ALIGNMENT_BYTES,
  };
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
