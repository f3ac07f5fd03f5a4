// Writes a compacted segment: batches of frames with the new salt and places, a seal at the end that
// carries the highest seq and time of what was read, and the hint that goes with it.

import type { File } from '../../env/env.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  SEGMENT_HEADER_BYTES,
  copyFrame,
  encodeBatchHeader,
  encodeFrame,
  encodeSegmentHeader,
  frameBytes,
  frameBytesAt,
  frameSeqAt,
} from '../../log/format.js';
import type { FrameChanges, LogRecord } from '../../log/format.js';
import { HintBuilder } from '../../log/hint.js';
import type { HashSeed } from '../../log/key-hash.js';
import { writeFully } from '../../log/whole-file.js';
import type { CompactTask } from './messages.js';

/** Room for the largest record beside what was gathered before it. */
const BUFFER_BYTES = 4 * 1024 * 1024;
const GATHER_BYTES_MAX = 1024 * 1024;
/** Synced so often that the disk's queue stays short for the commits of clients. */
const SYNC_BYTES = 2 * 1024 * 1024;

/** What of a compaction concerns its output. */
type OutputTask = Pick<CompactTask, 'storeId' | 'output' | 'createdAtMs' | 'hashSeed'>;

export class CompactedSegmentWriter {
  readonly #file: File;
  readonly #place: CompactTask['output'];
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #hashSeed: HashSeed;
  readonly #hint = new HintBuilder();
  /** Where the gathering batch stands in the file. */
  #offset = SEGMENT_HEADER_BYTES;
  #bytes = BATCH_HEADER_BYTES;
  #frames = 0;
  #firstSeq = 0;
  #timeMs = 0;
  #lastSeq = 0;
  #unsyncedBytes = 0;

  private constructor(file: File, { output, hashSeed }: OutputTask) {
    this.#file = file;
    this.#place = output;
    this.#hashSeed = hashSeed;
  }

  static async create(file: File, task: OutputTask): Promise<CompactedSegmentWriter> {
    const storeId = Buffer.from(task.storeId, 'hex');
    const header = encodeSegmentHeader({
      ...task.output,
      storeId,
      createdAtMs: task.createdAtMs,
    });
    await writeFully(file, header, 0);
    return new CompactedSegmentWriter(file, task);
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#offset + this.#bytes;
  }

  /** A batch with that time and last seq was read: the output is no older. */
  noteBatch(timeMs: number, lastSeq: number): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
  }

  /** Adds a record; resolves, if it gives a promise, when there is room for the next one. */
  add(record: LogRecord): Promise<void> | undefined {
    const bytes = frameBytes(record.key.length, record.value.length, record.marks);
    return this.#whenRoom(bytes, () => {
      const { salt } = this.#place;
      encodeFrame(this.#buffer, this.#bytes, record, salt, this.#offset + this.#bytes);
      this.#added(bytes, record.seq);
    });
  }

  /** Adds a copy of the frame at `at` of `source`, which was checked; as add. */
  copy(source: Buffer, at: number, changes: FrameChanges | undefined): Promise<void> | undefined {
    const bytes = frameBytesAt(source, at);
    return this.#whenRoom(bytes, () => {
      const { salt } = this.#place;
      copyFrame(this.#buffer, this.#bytes, source, at, changes, salt, this.#offset + this.#bytes);
      this.#added(bytes, frameSeqAt(source, at));
    });
  }

  #whenRoom(bytes: number, write: () => void): Promise<void> | undefined {
    if (this.#frames > 0 && this.#bytes + bytes > GATHER_BYTES_MAX) {
      return this.#flush().then(write);
    }
    write();
    return undefined;
  }

  #added(bytes: number, seq: number): void {
    this.#hint.addFrame(this.#buffer, this.#bytes, this.#offset + this.#bytes);
    if (this.#frames === 0) this.#firstSeq = seq;
    this.#bytes += bytes;
    this.#frames += 1;
  }

  /** Seals and syncs; returns the file's length and the bytes of its hint. */
  async finish(): Promise<{ readonly committedBytes: number; readonly hint: Buffer }> {
    if (this.#frames > 0) await this.#flush();
    await this.#flush();
    await this.#file.sync();
    const committedBytes = this.#offset;
    const facts = { lastSeq: this.#lastSeq, timeMs: this.#timeMs };
    const place = { ...this.#place, committedBytes };
    return { committedBytes, hint: this.#hint.finish(place, facts, this.#hashSeed) };
  }

  async #flush(): Promise<void> {
    const isSeal = this.#frames === 0;
    const header = {
      batchBytes: this.#bytes,
      frameCount: this.#frames,
      kind: isSeal ? BATCH_KIND.seal : BATCH_KIND.records,
      durableSegment: 0,
      durableOffset: 0,
      firstSeq: isSeal ? this.#lastSeq : this.#firstSeq,
      timeMs: this.#timeMs,
    };
    encodeBatchHeader(this.#buffer, 0, header, this.#place.salt, this.#offset);
    await writeFully(this.#file, this.#buffer.subarray(0, this.#bytes), this.#offset);
    this.#offset += this.#bytes;
    this.#unsyncedBytes += this.#bytes;
    this.#bytes = BATCH_HEADER_BYTES;
    this.#frames = 0;
    if (this.#unsyncedBytes < SYNC_BYTES) return;
    await this.#file.sync();
    this.#unsyncedBytes = 0;
  }
}
