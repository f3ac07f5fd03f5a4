// A hint: what replaying one sealed segment would tell the keydir, without the values. Rebuildable at
// any time: a missing, damaged or stale one changes nothing but the start-up time (docs/format.md).
//
//   | header 64 | entry | entry | … |
//   entry: 0 offset/8 u32 | 4 frame bytes/8 u32 | 8 seq u48 | 14 expires at u48 | 20 type u8 | 21 marks u8
//          22 key bytes u16 | 24 value bytes u16 | 26 zero u16 | 28 key, value, zeros to a multiple of 4
//
// Invariant: a hint is used only when it names the very segment beside it: store, numbers, generation,
// salt and length; and when the checksum over all entries holds. The value is kept only where a replay
// needs it (touch: the seq it is meant for; a large value: where that lies).

import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Fs } from '../env/env.js';
import { hintName } from './files.js';
import { ALIGNMENT_BYTES, FORMAT_VERSION, FRAME_HEADER_BYTES, MARK, RECORD } from './format.js';
import type { LogRecord, RecordType } from './format.js';
import type { Segment } from './segment.js';
import type { ScannedFrame } from './segment-scanner.js';
import { readWholeFile, replaceFile } from './whole-file.js';

export const HINT_MAGIC = 'CAIRNHNT';
export const HINT_HEADER_BYTES = 64;
export const HINT_ENTRY_BYTES = 28;

const BUFFER_BYTES_MIN = 64 * 1024;
const NO_VALUE = Buffer.alloc(0);

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

/** True when a replay needs the record's value, not only its place. */
export function replaysValue(record: Pick<LogRecord, 'type' | 'marks'>): boolean {
  return record.type === RECORD.touch || (record.marks & MARK.largeValue) !== 0;
}

/** What the segment was when its hint was made, and what else its replay would have told. */
export interface HintFacts {
  readonly lastSeq: number;
  /** Highest batch time, Unix ms. */
  readonly timeMs: number;
}

type HintPlace = Pick<Segment, 'first' | 'last' | 'generation' | 'salt' | 'committedBytes'>;

/** Hint entries back to back, growing; memory grows with them, so large ones belong into a worker. */
export class HintEntries {
  #bytes: Buffer;
  #end: number;
  #count = 0;

  /** Leaves `reservedBytes` free at the start. */
  constructor(reservedBytes = 0) {
    this.#end = reservedBytes;
    this.#bytes = Buffer.alloc(BUFFER_BYTES_MIN);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  add({ record, offset, bytes }: ScannedFrame): void {
    const value = replaysValue(record) ? record.value : NO_VALUE;
    const room = HINT_ENTRY_BYTES + record.key.length + value.length + 3;
    if (this.#end + room > this.#bytes.length) {
      const larger = Buffer.alloc((this.#bytes.length + room) * 2);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    const target = this.#bytes;
    const at = this.#end;
    target.writeUInt32LE(offset / ALIGNMENT_BYTES, at);
    target.writeUInt32LE(bytes / ALIGNMENT_BYTES, at + 4);
    target.writeUIntLE(record.seq, at + 8, 6);
    target.writeUIntLE(record.expiresAt, at + 14, 6);
    target[at + 20] = record.type;
    target[at + 21] = record.marks;
    target.writeUInt16LE(record.key.length, at + 22);
    target.writeUInt16LE(value.length, at + 24);
    record.key.copy(target, at + HINT_ENTRY_BYTES);
    value.copy(target, at + HINT_ENTRY_BYTES + record.key.length);
    this.#end += padded(HINT_ENTRY_BYTES + record.key.length + value.length);
    this.#count += 1;
  }
}

/** Makes the hint of one segment from its frames. */
export class HintBuilder {
  readonly #entries = new HintEntries(HINT_HEADER_BYTES);

  add(frame: ScannedFrame): void {
    this.#entries.add(frame);
  }

  /**
   * Header: 0 magic 8 | 8 version u32 | 12 crc u32 of all after it | 16 first u32 | 20 last u32
   * 24 generation u32 | 28 salt u32 | 32 segment bytes u48 | 38 last seq u48 | 44 time u48 | 50 zero u16
   * 52 entries u32 | 56 zero u64
   */
  finish(place: HintPlace, facts: HintFacts): Buffer {
    const { bytes, count } = this.#entries;
    bytes.write(HINT_MAGIC, 0, 'latin1');
    bytes.writeUInt32LE(FORMAT_VERSION, 8);
    bytes.writeUInt32LE(place.first, 16);
    bytes.writeUInt32LE(place.last, 20);
    bytes.writeUInt32LE(place.generation, 24);
    bytes.writeUInt32LE(place.salt, 28);
    bytes.writeUIntLE(place.committedBytes, 32, 6);
    bytes.writeUIntLE(facts.lastSeq, 38, 6);
    bytes.writeUIntLE(Math.floor(facts.timeMs), 44, 6);
    bytes.writeUInt32LE(count, 52);
    bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
    return bytes;
  }
}

export async function writeHint(
  fs: Fs,
  dir: string,
  place: HintPlace,
  hint: Buffer,
): Promise<void> {
  await replaceFile(fs, dir, hintName(place.last, place.generation), hint);
}

/** Calls `visit` for each entry of the segment's hint, in log order; undefined when there is no good one. */
export async function loadHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
  visit: (entry: ReplayEntry) => void,
): Promise<HintFacts | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const bytes = await readWholeFile(fs, path);
  if (bytes === undefined || !isHintOf(bytes, segment)) return undefined;
  visitEntries(bytes, HINT_HEADER_BYTES, hintCount(bytes), visit);
  return { lastSeq: bytes.readUIntLE(38, 6), timeMs: bytes.readUIntLE(44, 6) };
}

/** Whether a start would use the segment's hint. */
export async function hintState(
  fs: Fs,
  dir: string,
  segment: HintPlace,
): Promise<{ readonly name: string; readonly state: 'good' | 'missing' | 'unusable' }> {
  const name = hintName(segment.last, segment.generation);
  const bytes = await readWholeFile(fs, join(dir, name));
  if (bytes === undefined) return { name, state: 'missing' };
  return { name, state: isHintOf(bytes, segment) ? 'good' : 'unusable' };
}

/**
 * How many entries the segment's hint has, by the unproved word of its header but no more than the
 * segment could hold; 0 when there is none. Good for making room.
 */
export async function peekHintCount(fs: Fs, dir: string, segment: HintPlace): Promise<number> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const header = await readWholeFile(fs, path, HINT_HEADER_BYTES);
  if (header === undefined || header.length < HINT_HEADER_BYTES) return 0;
  return Math.min(hintCount(header), Math.floor(segment.committedBytes / FRAME_HEADER_BYTES));
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
    const keyAt = at + HINT_ENTRY_BYTES;
    const valueAt = keyAt + bytes.readUInt16LE(at + 22);
    const end = valueAt + bytes.readUInt16LE(at + 24);
    visit({
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
    });
    at += padded(end - at);
  }
  return at;
}

/** Entries in a whole hint. */
export function hintCount(hint: Buffer): number {
  return hint.readUInt32LE(52);
}

function isHintOf(bytes: Buffer, segment: HintPlace): boolean {
  return (
    bytes.length >= HINT_HEADER_BYTES &&
    bytes.toString('latin1', 0, 8) === HINT_MAGIC &&
    bytes.readUInt32LE(8) === FORMAT_VERSION &&
    bytes.readUInt32LE(12) === crc32(bytes.subarray(16)) &&
    bytes.readUInt32LE(16) === segment.first &&
    bytes.readUInt32LE(20) === segment.last &&
    bytes.readUInt32LE(24) === segment.generation &&
    bytes.readUInt32LE(28) === segment.salt &&
    bytes.readUIntLE(32, 6) === segment.committedBytes
  );
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
