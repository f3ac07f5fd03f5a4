// A batch that gathers records: it encodes frames into the buffer that will be written. Their locations in the
// segment are therefore known before the write.
//
// Invariants:
// - One batch is one write into one segment.
// - It has, for each record, the function that takes the change back if the write fails.

import { assert, broken } from '../../assert.js';
import {
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  decodeFrame,
  encodeBatchHeader,
  encodeFrame,
} from '../bytes/format.js';
import type { LogRecord, RecordSource } from '../bytes/format.js';
import type { Segment } from '../segments/segment.js';

/** A record without its seq, which append() gives it. */
export type NewRecord = Omit<RecordSource, 'seq'>;
/** Takes back the change of the record with this key and seq. */
export type Undo = (key: Buffer, seq: number) => void;

/** A batch takes no further record above this; a single record may be larger. */
const GATHER_BYTES_MAX = BATCH_BYTES_LIMIT / 2;
const BUFFER_BYTES_MIN = 64 * 1024;
/** Buffers kept for reuse: one being written, one gathering, one to spare. */
const POOL_BUFFERS_MAX = 3;

const pool: Buffer[] = [];

/** Frees the buffers kept for reuse. */
export function forgetSpareBatches(): void {
  pool.length = 0;
}

export class Batch {
  readonly segment: Segment;
  /** Its offset in the segment. */
  readonly offset: number;
  readonly kind: number;
  readonly #undo: Undo[];
  #buffer: Buffer;
  /** Size of the header and the frames so far. */
  bytes: number;
  /** The offset in the segment at which it ends. */
  end: number;
  frameCount: number;
  /** Seq of its newest record; 0 for a seal. */
  lastSeq: number;
  #firstSeq: number;

  constructor(segment: Segment, offset: number, kind: number = BATCH_KIND.records) {
    this.segment = segment;
    this.offset = offset;
    this.kind = kind;
    this.#undo = [];
    this.#buffer = pool.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES_MIN);
    this.bytes = BATCH_HEADER_BYTES;
    this.end = offset + BATCH_HEADER_BYTES;
    this.frameCount = this.lastSeq = this.#firstSeq = 0;
  }

  hasRoom(bytes: number): boolean {
    return this.frameCount === 0 || this.bytes + bytes <= GATHER_BYTES_MAX;
  }

  /** Encodes a record with `seq`, whose frame has `bytes` bytes; returns the frame's place in the segment. */
  add(record: NewRecord, seq: number, bytes: number, undo: Undo): number {
    if (this.kind !== BATCH_KIND.records) broken('A seal holds no record');
    if (this.bytes + bytes > this.#buffer.length) this.#grow(this.bytes + bytes);
    const place = this.end;
    encodeFrame(this.#buffer, this.bytes, record, seq, this.segment.salt, place);
    this.bytes += bytes;
    this.end += bytes;
    this.frameCount += 1;
    if (this.#firstSeq === 0) this.#firstSeq = seq;
    this.lastSeq = seq;
    this.#undo.push(undo);
    return place;
  }

  /** Takes every record back, newest first. */
  takeBack(): void {
    const records: LogRecord[] = [];
    for (let at = BATCH_HEADER_BYTES; at < this.bytes;) {
      const frame = decodeFrame(this.#buffer, at, this.segment.salt, this.offset + at);
      assert(typeof frame !== 'string', 'A batch reads back what it encoded');
      records.push(frame.record);
      at += frame.bytes;
    }
    for (let at = records.length - 1; at >= 0; at -= 1) {
      const { key, seq } = records[at]!;
      this.#undo[at]!(key, seq);
    }
  }

  /**
   * Returns the bytes to write, with the complete header, followed by `zeroBytes` zeros. The header of a batch
   * without records gets `sealSeq`.
   */
  compose(
    durable: { segment: number; offset: number },
    sealSeq: number,
    timeMs: number,
    zeroBytes = 0,
  ): Buffer {
    const end = this.bytes + zeroBytes;
    if (zeroBytes > 0) {
      this.#grow(end);
      this.#buffer.fill(0, this.bytes, end);
    }
    const header = {
      batchBytes: this.bytes,
      frameCount: this.frameCount,
      kind: this.kind,
      durableSegment: durable.segment,
      durableOffset: durable.offset,
      firstSeq: this.frameCount === 0 ? sealSeq : this.#firstSeq,
      timeMs,
    };
    encodeBatchHeader(this.#buffer, 0, header, this.segment.salt, this.offset);
    return this.#buffer.subarray(0, end);
  }

  /** Returns the frame at `place` of the segment if it is in this batch. It is a view: copy it before `recycle`. */
  frameAt(segment: Segment, place: number, bytes: number): Buffer | undefined {
    if (segment !== this.segment || place < this.offset || place >= this.end) return undefined;
    const at = place - this.offset;
    return this.#buffer.subarray(at, at + bytes);
  }

  /** Gives the buffer back; the batch must not be used afterwards. */
  recycle(): void {
    if (pool.length < POOL_BUFFERS_MAX) pool.push(this.#buffer);
  }

  #grow(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    assert(bytes <= BATCH_BYTES_LIMIT, 'A record fits a batch');
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.bytes);
    this.#buffer = larger;
  }
}
