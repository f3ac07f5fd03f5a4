// Segment scanner: reads the batches of a segment one after the other and returns those with correct checksums. It
// names the first defect and repairs nothing (docs/format.md). Recovery, compaction, hints and kv-dump use it.
//
// Invariants:
// - A batch is returned whole or not at all: its header and every frame have been checked.
// - Memory is bounded by the window, whatever the file's size.

import { assert } from '../../assert.js';
import type { File } from '../../env/env.js';
import {
  ALIGNMENT_BYTES,
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  SEGMENT_HEADER_BYTES,
  checkFrame,
  decodeBatchHeader,
  frameBytesAt,
  frameRecord,
} from '../bytes/format.js';
import type { BatchHeader, Defect, LogRecord } from '../bytes/format.js';

const WINDOW_BYTES = 1024 * 1024;
const NO_BYTES = Buffer.alloc(0);
const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(BATCH_MAGIC);

export interface ScannedFrame {
  readonly record: LogRecord;
  /** Place of the frame in the segment. */
  readonly offset: number;
  readonly bytes: number;
}

/** A batch as views of the scanner's window, valid until the next call of `next` or `resync`. */
export interface ScannedBatch {
  readonly offset: number;
  readonly header: BatchHeader;
  readonly frames: readonly ScannedFrame[];
}

/** Called with a frame: its index in `source`, its offset in the segment, and its size. */
export type TakeFrame = (source: Buffer, at: number, offset: number, bytes: number) => void;

export interface ScanDefect {
  readonly offset: number;
  readonly defect: Defect;
}

export class SegmentScanner {
  readonly #file: File;
  readonly #salt: number;
  #end: number;
  #position: number;
  #window: Buffer = NO_BYTES;
  #windowStart = 0;
  #defect: ScanDefect | undefined;
  /**
   * True to read into the same memory each time, for callers that keep no view of the window. A new mebibyte costs
   * more than its scan, because the system clears it page by page.
   */
  reusesWindow = false;
  #memory: Buffer = NO_BYTES;

  /** Scans the batches of `file`, whose salt is `salt`, from byte `start` to byte `end` or the file's end. */
  constructor(file: File, salt: number, end: number, start = SEGMENT_HEADER_BYTES) {
    this.#file = file;
    this.#salt = salt;
    this.#end = end;
    this.#position = start;
  }

  /** End of the last batch that was returned. */
  get position(): number {
    return this.#position;
  }

  /** The defect that stopped `next` before the end; undefined at the end. */
  get defect(): ScanDefect | undefined {
    return this.#defect;
  }

  /** Returns the next batch; undefined at the end or at a defect. */
  async next(): Promise<ScannedBatch | undefined> {
    const offset = this.#position;
    const header = await this.#advance();
    return header === undefined ? undefined : this.#framesOf(header, offset);
  }

  /**
   * As next, but without copies: calls `take` for each frame with the window, the frame's index in it and its offset
   * in the segment.
   */
  async nextInto(take: TakeFrame): Promise<BatchHeader | undefined> {
    const offset = this.#position;
    const header = await this.#advance();
    if (header !== undefined) this.#eachFrame(header, offset, take);
    return header;
  }

  /** Checks the next batch and moves on to its end. */
  async #advance(): Promise<BatchHeader | undefined> {
    if (this.#defect !== undefined || this.#position >= this.#end) return undefined;
    const header = await this.#checkBatch(this.#position);
    if (typeof header === 'string') {
      this.#defect = { offset: this.#position, defect: header };
      return undefined;
    }
    this.#position += header.batchBytes;
    return header;
  }

  /** Returns the first whole batch after a defect, at any later place; `next` goes on from there. */
  async resync(): Promise<ScannedBatch | undefined> {
    assert(this.#defect !== undefined, 'A scan resyncs only after a defect');
    let at = this.#defect.offset + ALIGNMENT_BYTES;
    while ((at = await this.#findMagic(at)) < this.#end) {
      const header = await this.#checkBatch(at);
      if (typeof header !== 'string') {
        this.#defect = undefined;
        this.#position = at + header.batchBytes;
        return this.#framesOf(header, at);
      }
      at += ALIGNMENT_BYTES;
    }
    return undefined;
  }

  /** Lets the scan go on to byte `end`, because the file has grown. Requires: `end` is not less than before. */
  extend(end: number): void {
    assert(end >= this.#end, 'A file that is scanned only grows');
    this.#end = end;
  }

  /** Goes on at `offset`, where a batch begins. */
  goTo(offset: number): void {
    this.#defect = undefined;
    this.#position = offset;
  }

  /** Returns the header of the batch at `offset`, which then is in the window; or what is wrong with the batch. */
  async #checkBatch(offset: number): Promise<BatchHeader | Defect> {
    if (!this.#holds(offset, BATCH_HEADER_BYTES)) await this.#fetch(offset, BATCH_HEADER_BYTES);
    const header = decodeBatchHeader(this.#window, offset - this.#windowStart, this.#salt, offset);
    if (typeof header === 'string') return header;
    const { batchBytes } = header;
    if (offset + batchBytes > this.#end) return 'length';
    if (!this.#holds(offset, batchBytes)) await this.#fetch(offset, batchBytes);
    if (!this.#holds(offset, batchBytes)) return 'length';
    const batchEnd = offset - this.#windowStart + batchBytes;
    const bounded = this.#window.subarray(0, batchEnd);
    let frames = 0;
    let at = batchEnd - batchBytes + BATCH_HEADER_BYTES;
    for (; at < batchEnd; frames += 1) {
      const bytes = checkFrame(bounded, at, this.#salt, this.#windowStart + at);
      if (typeof bytes === 'string') return bytes;
      at += bytes;
    }
    return frames === header.frameCount ? header : 'content';
  }

  #framesOf(header: BatchHeader, offset: number): ScannedBatch {
    const frames: ScannedFrame[] = [];
    this.#eachFrame(header, offset, (source, at, place, bytes) => {
      frames.push({ record: frameRecord(source, at), offset: place, bytes });
    });
    return { offset, header, frames };
  }

  #eachFrame(header: BatchHeader, offset: number, take: TakeFrame): void {
    const window = this.#window;
    const start = this.#windowStart;
    const end = offset - start + header.batchBytes;
    for (let at = offset - start + BATCH_HEADER_BYTES; at < end;) {
      const bytes = frameBytesAt(window, at);
      take(window, at, start + at, bytes);
      at += bytes;
    }
  }

  /** Returns the first offset from `from` on that has a batch's magic; the end when there is none. */
  async #findMagic(from: number): Promise<number> {
    for (let offset = from; offset < this.#end;) {
      if (!this.#holds(offset, BATCH_HEADER_BYTES)) await this.#fetch(offset, BATCH_HEADER_BYTES);
      const at = offset - this.#windowStart;
      const last = this.#window.length - BATCH_HEADER_BYTES;
      if (at > last) return this.#end;
      // indexOf is ten times as fast as reading every word; at each start most of the bytes are zeros.
      let found = this.#window.indexOf(MAGIC, at);
      while (found >= 0 && found <= last) {
        if ((found - at) % ALIGNMENT_BYTES === 0) return offset + found - at;
        found = this.#window.indexOf(MAGIC, found + 1);
      }
      offset += Math.floor((last - at) / ALIGNMENT_BYTES + 1) * ALIGNMENT_BYTES;
    }
    return this.#end;
  }

  #holds(offset: number, bytes: number): boolean {
    const start = this.#windowStart;
    return offset >= start && offset + bytes <= start + this.#window.length;
  }

  /** Makes the window hold `bytes` from `offset` on, as far as the file goes. */
  async #fetch(offset: number, bytes: number): Promise<void> {
    assert(bytes <= BATCH_BYTES_LIMIT, 'No batch is larger than its limit');
    const wanted = Math.min(Math.max(bytes, WINDOW_BYTES), Math.max(0, this.#end - offset));
    const target = this.#room(wanted);
    // If the read fails, the window must not show bytes that it no longer has.
    this.#window = NO_BYTES;
    const count = await this.#file.read(target, offset);
    this.#window = target.subarray(0, count);
    this.#windowStart = offset;
  }

  #room(bytes: number): Buffer {
    // A new buffer, because views of the batch returned before may still be in use.
    if (!this.reusesWindow) return Buffer.allocUnsafeSlow(bytes);
    if (this.#memory.length < bytes) this.#memory = Buffer.allocUnsafeSlow(bytes);
    return this.#memory.subarray(0, bytes);
  }
}
