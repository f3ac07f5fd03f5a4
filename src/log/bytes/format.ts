// The bytes of a segment: layouts, magics, sizes, checksums. The functions are pure and work on buffers.
// docs/format.md describes the same bytes for readers; a test compares the two.
//
// A segment is a header and then batches without gaps. Each batch is a header and then frames:
//
//   | segment header 64 | batch header 48 | frame | frame | … | batch header 48 | frame | … | zeros …
//
// Invariants:
// - All numbers are little-endian; batches and frames start at multiples of 8.
// - Each CRC-32 covers everything after it in its header (and a frame's key, value and padding). It is
//   seeded with the segment's random salt and the offset in the file. So bytes of another segment, of a
//   recycled file, of a client's value or from another offset never pass as a valid frame.
// - Lengths are checked against limits before they are trusted.

import { crc32 } from 'node:zlib';

import { assert, broken } from '../../assert.js';
import { copyBytes } from '../../copy-bytes.js';
import { KEY_BYTES_LIMIT, SEQ_MAX } from '../../limits.js';
import { checksum, reseeded } from './checksum.js';
import { SEGMENT_MAGIC } from './magic.js';
import { readUInt64, writeUInt64 } from './uint64.js';

export const FORMAT_VERSION = 1;
export const ALIGNMENT_BYTES = 8;

export const SEGMENT_HEADER_BYTES = 64;
export const STORE_ID_BYTES = 16;

/** "BTCH" in the file. */
export const BATCH_MAGIC = 0x48435442;
export const BATCH_HEADER_BYTES = 48;
/** No batch is larger: a length above it is damage. Group commit gathers at most half of it. */
export const BATCH_BYTES_LIMIT = 8 * 1024 * 1024;

export const FRAME_HEADER_BYTES = 32;
export const CHOSEN_CAS_BYTES = 8;

export const RECORD = { put: 1, delete: 2, touch: 3, flush: 4, deletePrefix: 5 } as const;
export type RecordType = (typeof RECORD)[keyof typeof RECORD];

/** Mark bits of a put record. */
export const RECORD_MARK = { chosenCas: 1, stale: 2, won: 4, largeValue: 8 } as const;
const MARKS_ALL =
  RECORD_MARK.chosenCas | RECORD_MARK.stale | RECORD_MARK.won | RECORD_MARK.largeValue;

/** The reason of a delete record, kept in its flags field. */
export const DELETE_REASON = { deleted: 0, evicted: 1, expired: 2, idle: 3 } as const;

/** A seal has no frame. A clean seal is the last batch that an orderly stop writes. */
export const BATCH_KIND = { records: 0, seal: 1, cleanSeal: 3 } as const;

export interface SegmentHeader {
  readonly storeId: Buffer;
  /** The segment numbers that this file stands for: one number, or a compacted run of them. */
  readonly first: number;
  readonly last: number;
  /** Number of times that these numbers were rewritten. */
  readonly generation: number;
  readonly salt: number;
  readonly createdAtMs: number;
}

export interface BatchHeader {
  /** Size of the header and the frames. */
  readonly batchBytes: number;
  readonly frameCount: number;
  readonly kind: number;
  /** The log end that was already durable when this batch was built. */
  readonly durableSegment: number;
  readonly durableOffset: number;
  /** Seq of its first record; for a seal, the last seq that was given to a record before it. */
  readonly firstSeq: number;
  /** The store's clock when it was built, Unix ms. */
  readonly timeMs: number;
}

/** One logical change. Key and value of a decoded record are views of the source buffer. */
export interface LogRecord {
  readonly type: RecordType;
  readonly marks: number;
  readonly flags: number;
  readonly seq: number;
  /** Unix ms, 0: never. A flush takes effect then (0: at once); with a value, it carried out delayed ones up to then. */
  readonly expiresAt: number;
  readonly key: Buffer;
  readonly value: Buffer;
  /** Meaningful with RECORD_MARK.chosenCas. */
  readonly cas: bigint;
}

/** A record to encode. Key and value are the bytes from start to before end of their buffers; by default all. */
export interface RecordSource extends LogRecord {
  readonly keyStart?: number;
  readonly keyEnd?: number;
  readonly valueStart?: number;
  readonly valueEnd?: number;
}

/** The reason why bytes are not a valid header or frame. */
export type Defect = 'magic' | 'length' | 'checksum' | 'content';

/** Returns the seed of checksums at `offset` of a segment with this salt. */
export function placeSeed(salt: number, offset: number): number {
  return (salt ^ (offset / ALIGNMENT_BYTES)) >>> 0;
}

// ── segment header ────────────────────────────────────────────────────────────────────────────────

/**
 *   0 magic 8 | 8 version u32 | 12 crc u32 | 16 store id 16 | 32 first u32 | 36 last u32
 *  40 generation u32 | 44 salt u32 | 48 predecessor u32 | 52 zero u32 | 56 created at, Unix ms u64
 */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  assert(header.storeId.length === STORE_ID_BYTES, 'A store id has its size');
  assert(header.first >= 1 && header.first <= header.last, 'A segment stands for a run of numbers');
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(SEGMENT_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  header.storeId.copy(bytes, 16);
  bytes.writeUInt32LE(header.first, 32);
  bytes.writeUInt32LE(header.last, 36);
  bytes.writeUInt32LE(header.generation, 40);
  bytes.writeUInt32LE(header.salt, 44);
  bytes.writeUInt32LE(header.first - 1, 48);
  writeUInt64(bytes, 56, Math.floor(header.createdAtMs));
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  return bytes;
}

export type DecodedHeader =
  | { readonly ok: true; readonly header: SegmentHeader }
  | { readonly ok: false; readonly defect: Defect }
  | { readonly ok: false; readonly defect: 'version'; readonly version: number };

export function decodeSegmentHeader(bytes: Buffer): DecodedHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { ok: false, defect: 'length' };
  if (bytes.toString('latin1', 0, 8) !== SEGMENT_MAGIC) return { ok: false, defect: 'magic' };
  const version = bytes.readUInt32LE(8);
  if (version !== FORMAT_VERSION) return { ok: false, defect: 'version', version };
  const crc = crc32(bytes.subarray(16, SEGMENT_HEADER_BYTES));
  if (crc !== bytes.readUInt32LE(12)) return { ok: false, defect: 'checksum' };
  const first = bytes.readUInt32LE(32);
  const last = bytes.readUInt32LE(36);
  if (first < 1 || first > last || bytes.readUInt32LE(48) !== first - 1) {
    return { ok: false, defect: 'content' };
  }
  return {
    ok: true,
    header: {
      storeId: Buffer.from(bytes.subarray(16, 32)),
      first,
      last,
      generation: bytes.readUInt32LE(40),
      salt: bytes.readUInt32LE(44),
      createdAtMs: readUInt64(bytes, 56),
    },
  };
}

// ── batch header ──────────────────────────────────────────────────────────────────────────────────

/**
 *   0 magic u32 | 4 crc u32 | 8 batch bytes u32 | 12 frame count u32 | 16 durable segment u32
 *  20 kind u32 | 24 durable offset u64 | 32 first seq u64 | 40 time, Unix ms u64
 *
 * Writes to `target` at `at`; the batch will be at `offset` of a segment with this salt.
 */
export function encodeBatchHeader(
  target: Buffer,
  at: number,
  header: BatchHeader,
  salt: number,
  offset: number,
): void {
  target.writeUInt32LE(BATCH_MAGIC, at);
  target.writeUInt32LE(header.batchBytes, at + 8);
  target.writeUInt32LE(header.frameCount, at + 12);
  target.writeUInt32LE(header.durableSegment, at + 16);
  target.writeUInt32LE(header.kind, at + 20);
  writeUInt64(target, at + 24, header.durableOffset);
  writeUInt64(target, at + 32, header.firstSeq);
  writeUInt64(target, at + 40, Math.floor(header.timeMs));
  const seed = placeSeed(salt, offset);
  target.writeUInt32LE(checksum(target, at + 8, at + BATCH_HEADER_BYTES, seed), at + 4);
}

/** Returns the batch header at `at`, or what is wrong with it. Does not check the frames. */
export function decodeBatchHeader(
  source: Buffer,
  at: number,
  salt: number,
  offset: number,
): BatchHeader | Defect {
  if (source.length - at < BATCH_HEADER_BYTES) return 'length';
  if (source.readUInt32LE(at) !== BATCH_MAGIC) return 'magic';
  const crc = checksum(source, at + 8, at + BATCH_HEADER_BYTES, placeSeed(salt, offset));
  if (crc !== source.readUInt32LE(at + 4)) return 'checksum';
  const header: BatchHeader = {
    batchBytes: source.readUInt32LE(at + 8),
    frameCount: source.readUInt32LE(at + 12),
    durableSegment: source.readUInt32LE(at + 16),
    kind: source.readUInt32LE(at + 20),
    durableOffset: readUInt64(source, at + 24),
    firstSeq: readUInt64(source, at + 32),
    timeMs: readUInt64(source, at + 40),
  };
  const { batchBytes } = header;
  if (batchBytes < BATCH_HEADER_BYTES || batchBytes > BATCH_BYTES_LIMIT) return 'length';
  if (batchBytes % ALIGNMENT_BYTES !== 0) return 'length';
  return header;
}

// ── frame ─────────────────────────────────────────────────────────────────────────────────────────

/** Returns the size of a frame whose key and value have these sizes, with padding. */
export function frameBytes(keyBytes: number, valueBytes: number, marks: number): number {
  const cas = (marks & RECORD_MARK.chosenCas) === 0 ? 0 : CHOSEN_CAS_BYTES;
  const bytes = FRAME_HEADER_BYTES + cas + keyBytes + valueBytes;
  return bytes + (-bytes & (ALIGNMENT_BYTES - 1));
}

/** Returns the size of the frame of a record. */
export function sourceBytes(record: Omit<RecordSource, 'seq'>): number {
  const { key, value, marks } = record;
  const { keyStart = 0, keyEnd = key.length, valueStart = 0, valueEnd = value.length } = record;
  return frameBytes(keyEnd - keyStart, valueEnd - valueStart, marks);
}

/**
 *   0 crc u32 | 4 frame bytes u32 | 8 type u8 | 9 marks u8 | 10 key bytes u16 | 12 value bytes u32
 *  16 flags u32 | 20 seq u48 | 26 expires at, Unix ms u48 | 32 [chosen cas u64] key value zeros
 *
 * Writes to `target` at `at`, which must have room; returns the frame's size.
 */
export function encodeFrame(
  target: Buffer,
  at: number,
  record: Omit<RecordSource, 'seq'>,
  seq: number,
  salt: number,
  offset: number,
): number {
  const { key, value, marks, flags, expiresAt } = record;
  const { keyStart = 0, keyEnd = key.length, valueStart = 0, valueEnd = value.length } = record;
  const keyBytes = keyEnd - keyStart;
  const valueBytes = valueEnd - valueStart;
  if (keyBytes > KEY_BYTES_LIMIT) broken('A key fits its length field');
  if (seq <= 0 || seq > SEQ_MAX) broken('A seq is positive and has 48 bits');
  if ((marks & ~MARKS_ALL) !== 0) broken('Only known marks are written');
  const bytes = frameBytes(keyBytes, valueBytes, marks);
  target.writeUInt32LE(bytes, at + 4);
  target[at + 8] = record.type;
  target[at + 9] = marks;
  target.writeUInt16LE(keyBytes, at + 10);
  target.writeUInt32LE(valueBytes, at + 12);
  target.writeUInt32LE(flags, at + 16);
  target.writeUIntLE(seq, at + 20, 6);
  target.writeUIntLE(expiresAt, at + 26, 6);
  let end = at + FRAME_HEADER_BYTES;
  if ((marks & RECORD_MARK.chosenCas) !== 0) {
    target.writeBigUInt64LE(record.cas, end);
    end += CHOSEN_CAS_BYTES;
  }
  end = copyBytes(target, end, key, keyStart, keyEnd);
  end = copyBytes(target, end, value, valueStart, valueEnd);
  while (end < at + bytes) target[end++] = 0;
  target.writeUInt32LE(checksum(target, at + 4, at + bytes, placeSeed(salt, offset)), at);
  return bytes;
}

/** The fields in which a copy of a frame differs from the frame. */
export interface FrameChanges {
  readonly expiresAt: number;
  /** Marks to add; not chosenCas, which would need room for the token. */
  readonly marks: number;
}

/**
 * Copies the checked frame at `from` of `source` to `at` of `target`, with `changes` if given; the seeds are those
 * of its old and its new place. The checksum of an unchanged frame is adapted, not computed from its bytes: so it
 * shows a bit that flips in the copying to whoever reads the copy. Returns the frame's size.
 */
export function copyFrame(
  target: Buffer,
  at: number,
  source: Buffer,
  from: number,
  changes: FrameChanges | undefined,
  oldSeed: number,
  newSeed: number,
): number {
  const bytes = frameBytesAt(source, from);
  source.copy(target, at, from, from + bytes);
  if (changes === undefined) {
    target.writeUInt32LE(reseeded(source.readUInt32LE(from), bytes - 4, oldSeed, newSeed), at);
    return bytes;
  }
  target[at + 9]! |= changes.marks;
  target.writeUIntLE(changes.expiresAt, at + 26, 6);
  target.writeUInt32LE(checksum(target, at + 4, at + bytes, newSeed), at);
  return bytes;
}

/** Returns the size that the frame at `at` says it has. */
export function frameBytesAt(source: Buffer, at: number): number {
  return source.readUInt32LE(at + 4);
}

/** A decoded frame: the record and its size on disk. */
export interface Frame {
  readonly record: LogRecord;
  readonly bytes: number;
}

/**
 * Returns the size of the frame at `at` of `source`, which must hold it whole, or what is wrong with it. `offset`
 * is its place in a segment with this salt.
 */
export function checkFrame(
  source: Buffer,
  at: number,
  salt: number,
  offset: number,
): number | Defect {
  if (source.length - at < FRAME_HEADER_BYTES) return 'length';
  const bytes = source.readUInt32LE(at + 4);
  if (bytes < FRAME_HEADER_BYTES || bytes > source.length - at) return 'length';
  const crc = checksum(source, at + 4, at + bytes, placeSeed(salt, offset));
  if (crc !== source.readUInt32LE(at)) return 'checksum';
  const type = source[at + 8]!;
  const marks = source[at + 9]!;
  if (type < RECORD.put || type > RECORD.deletePrefix || (marks & ~MARKS_ALL) !== 0)
    return 'content';
  const keyBytes = source.readUInt16LE(at + 10);
  return frameBytes(keyBytes, source.readUInt32LE(at + 12), marks) === bytes ? bytes : 'content';
}

/** Returns the record of the frame at `at`. Requires: checkFrame accepted the frame. */
export function frameRecord(source: Buffer, at: number): LogRecord {
  const marks = source[at + 9]!;
  const keyAt = frameKeyAt(source, at);
  const valueAt = keyAt + source.readUInt16LE(at + 10);
  return {
    type: source[at + 8] as RecordType,
    marks,
    flags: source.readUInt32LE(at + 16),
    seq: frameSeqAt(source, at),
    expiresAt: source.readUIntLE(at + 26, 6),
    key: source.subarray(keyAt, valueAt),
    value: source.subarray(valueAt, valueAt + source.readUInt32LE(at + 12)),
    cas:
      (marks & RECORD_MARK.chosenCas) === 0 ? 0n : source.readBigUInt64LE(at + FRAME_HEADER_BYTES),
  };
}

export function frameSeqAt(source: Buffer, at: number): number {
  return source.readUIntLE(at + 20, 6);
}

/** Returns Unix ms; 0: never. */
export function frameExpiresAt(source: Buffer, at: number): number {
  return source.readUIntLE(at + 26, 6);
}

/** Returns the index at which the key of the frame at `at` begins. */
export function frameKeyAt(source: Buffer, at: number): number {
  const hasCas = (source[at + 9]! & RECORD_MARK.chosenCas) !== 0;
  return at + FRAME_HEADER_BYTES + (hasCas ? CHOSEN_CAS_BYTES : 0);
}

/** Returns the frame at `at`, or what is wrong with it, as checkFrame does. */
export function decodeFrame(
  source: Buffer,
  at: number,
  salt: number,
  offset: number,
): Frame | Defect {
  const bytes = checkFrame(source, at, salt, offset);
  return typeof bytes === 'string' ? bytes : { bytes, record: frameRecord(source, at) };
}

/** Returns the CAS token of a record: its seq, unless a client chose one. */
export function casOf(record: LogRecord): bigint {
  return (record.marks & RECORD_MARK.chosenCas) === 0 ? BigInt(record.seq) : record.cas;
}
