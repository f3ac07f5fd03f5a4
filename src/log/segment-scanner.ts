// Reads the batches of a segment one after the other; yields what is proved by checksums, names the
// first defect, repairs nothing (docs/format.md). Recovery, compaction, hints and kv-dump all read here.
//
// Invariants:
// - A batch is yielded whole or not at all: its header and every frame have been checked.
// - Memory is bounded by the window, whatever the file's size.

import { assert } from '../assert.js';
import type { File } from '../env/env.js';
import {
  ALIGNMENT_BYTES,
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  SEGMENT_HEADER_BYTES,
  decodeBatchHeader,
  decodeFrame,
} from './format.js';
import type { BatchHeader, Defect, LogRecord } from './format.js';

const WINDOW_BYTES = 1024 * 1024;
const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(BATCH_MAGIC);

export interface ScannedFrame {
  readonly record: LogRecord;
  /** Place of the frame in the segment. */
  readonly offset: number;
  readonly bytes: number;
}

/** Views into the scanner's window: valid until the next call of `next` or `resync`. */
export interface ScannedBatch {
  readonly offset: number;
  readonly header: BatchHeader;
  readonly frames: readonly ScannedFrame[];
}

export interface ScanDefect {
  readonly offset: number;
  readonly defect: Defect;
}

export class SegmentScanner {
  readonly #file: File;
  readonly #salt: number;
  readonly #end: number;
  #position: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #defect: ScanDefect | undefined;

  /** Scans the batches of `file` (with that salt) from byte `start` to byte `end` or the file's end. */
  constructor(file: File, salt: number, end: number, start = SEGMENT_HEADER_BYTES) {
    this.#file = file;
    this.#salt = salt;
    this.#end = end;
    this.#position = start;
  }

  /** End of the last batch that was yielded. */
  get position(): number {
    return this.#position;
  }

  /** What stopped `next` before the end; undefined at the end. */
  get defect(): ScanDefect | undefined {
    return this.#defect;
  }

  /** The next batch; undefined at the end or at a defect. */
  async next(): Promise<ScannedBatch | undefined> {
    if (this.#defect !== undefined || this.#position >= this.#end) return undefined;
    const batch = await this.#batchAt(this.#position);
    if (typeof batch === 'string') {
      this.#defect = { offset: this.#position, defect: batch };
      return undefined;
    }
    this.#position = batch.offset + batch.header.batchBytes;
    return batch;
  }

  /** After a defect: the first whole batch at any later place, from where `next` goes on. */
  async resync(): Promise<ScannedBatch | undefined> {
    assert(this.#defect !== undefined, 'A scan resyncs only after a defect');
    let at = this.#defect.offset + ALIGNMENT_BYTES;
    while ((at = await this.#findMagic(at)) < this.#end) {
      const batch = await this.#batchAt(at);
      if (typeof batch !== 'string') {
        this.#defect = undefined;
        this.#position = at + batch.header.batchBytes;
        return batch;
      }
      at += ALIGNMENT_BYTES;
    }
    return undefined;
  }

  async #batchAt(offset: number): Promise<ScannedBatch | Defect> {
    let at = await this.#need(offset, BATCH_HEADER_BYTES);
    const header = decodeBatchHeader(this.#window, at, this.#salt, offset);
    if (typeof header === 'string') return header;
    if (offset + header.batchBytes > this.#end) return 'length';
    at = await this.#need(offset, header.batchBytes);
    if (this.#window.length - at < header.batchBytes) return 'length';
    const frames: ScannedFrame[] = [];
    const batchEnd = at + header.batchBytes;
    let frameAt = at + BATCH_HEADER_BYTES;
    const bounded = this.#window.subarray(0, batchEnd);
    while (frameAt < batchEnd) {
      const place = offset + frameAt - at;
      const frame = decodeFrame(bounded, frameAt, this.#salt, place);
      if (typeof frame === 'string') return frame;
      frames.push({ record: frame.record, offset: place, bytes: frame.bytes });
      frameAt += frame.bytes;
    }
    return frames.length === header.frameCount ? { offset, header, frames } : 'content';
  }

  /** First place from `from` on where a batch's magic stands; the end when there is none. */
  async #findMagic(from: number): Promise<number> {
    for (let offset = from; offset < this.#end;) {
      const at = await this.#need(offset, BATCH_HEADER_BYTES);
      const last = this.#window.length - BATCH_HEADER_BYTES;
      if (at > last) return this.#end;
      // A search of bytes is ten times as fast as reading every word: most of it is zeros, at each start.
      let found = this.#window.indexOf(MAGIC, at);
      while (found >= 0 && found <= last) {
        if ((found - at) % ALIGNMENT_BYTES === 0) return offset + found - at;
        found = this.#window.indexOf(MAGIC, found + 1);
      }
      offset += Math.floor((last - at) / ALIGNMENT_BYTES + 1) * ALIGNMENT_BYTES;
    }
    return this.#end;
  }

  /**
   * Makes the window hold `bytes` from `offset` on, as far as the file goes; returns where `offset`
   * stands in it.
   */
  async #need(offset: number, bytes: number): Promise<number> {
    assert(bytes <= BATCH_BYTES_LIMIT, 'No batch is larger than its limit');
    const windowEnd = this.#windowStart + this.#window.length;
    if (offset >= this.#windowStart && offset + bytes <= windowEnd)
      return offset - this.#windowStart;
    const wanted = Math.min(Math.max(bytes, WINDOW_BYTES), Math.max(0, this.#end - offset));
    // A fresh buffer: the batch yielded before may still be looked at through its views.
    const fresh = Buffer.allocUnsafeSlow(wanted);
    const count = await this.#file.read(fresh, offset);
    this.#window = fresh.subarray(0, count);
    this.#windowStart = offset;
    return 0;
  }
}
