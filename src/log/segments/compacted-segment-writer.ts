// Compacted segment writer: writes batches of frames with the new salt and places, and at the end a seal with the
// highest seq and time of the batches that were read. It also makes the segment's hint.

import type { File } from '../../env/env.js';
import { returnedBuffer } from '../../log/bytes/returned-memory.js';
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
  placeSeed,
} from '../bytes/format.js';
import type { FrameChanges, LogRecord } from '../bytes/format.js';
import { HintBuilder } from '../bytes/hint.js';
import { seqAt } from '../bytes/entry-list.js';
import { hashKey } from '../bytes/key-hash.js';
import type { HashSeed } from '../bytes/key-hash.js';
import { writeFully } from './whole-file.js';
import type { ManifestEntry } from '../bytes/manifest.js';

/** Room for the largest record after the frames gathered before it. */
const BUFFER_BYTES = 4 * 1024 * 1024;
const GATHER_BYTES_MAX = 1024 * 1024;
/** Bytes per sync, few enough that the disk's queue stays short for the commits of clients. */
const SYNC_BYTES = 2 * 1024 * 1024;

/** The segment to write. */
interface Output {
  readonly storeId: string;
  readonly output: Omit<ManifestEntry, 'bytes'>;
  readonly createdAtMs: number;
  /** The seed of the hashes in its hint. */
  readonly hashSeed: HashSeed;
}

interface Finished {
  readonly committedBytes: number;
  readonly frameBytes: number;
  /** Owns its memory. */
  readonly hint: Buffer;
}

export class CompactedSegmentWriter {
  readonly #file: File;
  readonly #place: Output['output'];
  readonly #buffer = returnedBuffer(BUFFER_BYTES);
  readonly #hashSeed: HashSeed;
  readonly #hint = new HintBuilder();
  /** The offset in the file of the batch that gathers. */
  #offset = SEGMENT_HEADER_BYTES;
  #bytes = BATCH_HEADER_BYTES;
  #frames = 0;
  /** Size of all frames so far. */
  #frameBytes = 0;
  #firstSeq = 0;
  #timeMs = 0;
  #judgedMs = 0;
  #lastSeq = 0;
  #unsyncedBytes = 0;

  private constructor(file: File, { output, hashSeed }: Output) {
    this.#file = file;
    this.#place = output;
    this.#hashSeed = hashSeed;
  }

  static async create(file: File, task: Output): Promise<CompactedSegmentWriter> {
    const storeId = Buffer.from(task.storeId, 'hex');
    const header = encodeSegmentHeader({
      ...task.output,
      storeId,
      createdAtMs: task.createdAtMs,
    });
    await writeFully(file, header, 0);
    return new CompactedSegmentWriter(file, task);
  }

  /** Length of the file so far, with the batch that gathers. */
  get bytes(): number {
    return this.#offset + this.#bytes;
  }

  /** Notes the time and last seq of a batch that was read: the output's are at least these. */
  noteBatch(timeMs: number, lastSeq: number): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
  }

  /** Notes that records expired by `nowMs` are left out: the seal, which comes last, has this time. */
  noteJudged(nowMs: number): void {
    this.#judgedMs = Math.max(this.#judgedMs, nowMs);
  }

  /** Adds a record. A promise, if returned, resolves when the record is added. */
  add(record: LogRecord): Promise<void> | undefined {
    if (this.#hasRoom(frameBytes(record.key.length, record.value.length, record.marks))) {
      this.#encode(record);
      return undefined;
    }
    return this.#flush().then(() => this.#encode(record));
  }

  /**
   * Adds, as `add` does, a copy of the checked frame at `at` of `source`, whose checksum has the seed `seed`. Its
   * entry, with the changes and the hash, is at word `entry` of `words`.
   */
  copy(
    source: Buffer,
    at: number,
    seed: number,
    changes: FrameChanges | undefined,
    words: Uint32Array,
    entry: number,
  ): Promise<void> | undefined {
    if (this.#hasRoom(frameBytesAt(source, at))) {
      this.#copy(source, at, seed, changes, words, entry);
      return undefined;
    }
    return this.#flush().then(() => this.#copy(source, at, seed, changes, words, entry));
  }

  #hasRoom(bytes: number): boolean {
    return this.#frames === 0 || this.#bytes + bytes <= GATHER_BYTES_MAX;
  }

  #encode(record: LogRecord): void {
    const place = this.#offset + this.#bytes;
    const bytes = encodeFrame(
      this.#buffer,
      this.#bytes,
      record,
      record.seq,
      this.#place.salt,
      place,
    );
    const hash = hashKey(record.key, this.#hashSeed);
    this.#hint.addFrame(this.#buffer, this.#bytes, place, hash);
    this.#added(bytes, record.seq);
  }

  #copy(
    source: Buffer,
    at: number,
    seed: number,
    changes: FrameChanges | undefined,
    words: Uint32Array,
    entry: number,
  ): void {
    const place = this.#offset + this.#bytes;
    const newSeed = placeSeed(this.#place.salt, place);
    const bytes = copyFrame(this.#buffer, this.#bytes, source, at, changes, seed, newSeed);
    this.#hint.addEntry(words, entry, place);
    this.#added(bytes, seqAt(words, entry));
  }

  #added(bytes: number, seq: number): void {
    if (this.#frames === 0) this.#firstSeq = seq;
    this.#bytes += bytes;
    this.#frameBytes += bytes;
    this.#frames += 1;
  }

  /** Seals and syncs the file; returns its length, the size of its frames and its hint. */
  async finish(): Promise<Finished> {
    if (this.#frames > 0) await this.#flush();
    this.noteBatch(this.#judgedMs, 0);
    await this.#flush();
    await this.#file.sync();
    const committedBytes = this.#offset;
    const facts = { lastSeq: this.#lastSeq, timeMs: this.#timeMs };
    const place = { ...this.#place, committedBytes };
    const hint = this.#hint.finish(place, facts, this.#hashSeed, true);
    return { committedBytes, frameBytes: this.#frameBytes, hint };
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
