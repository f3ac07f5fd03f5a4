// Writes a compacted segment: batches of frames with the new salt and places, a seal at the end that
// carries the highest seq and time of what was read, and the hint that goes with it.

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

/** Room for the largest record beside what was gathered before it. */
const BUFFER_BYTES = 4 * 1024 * 1024;
const GATHER_BYTES_MAX = 1024 * 1024;
/** Synced so often that the disk's queue stays short for the commits of clients. */
const SYNC_BYTES = 2 * 1024 * 1024;

/** The segment to be. */
interface Output {
  readonly storeId: string;
  readonly output: Omit<ManifestEntry, 'bytes'>;
  readonly createdAtMs: number;
  /** For its hint. */
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
  /** Where the gathering batch stands in the file. */
  #offset = SEGMENT_HEADER_BYTES;
  #bytes = BATCH_HEADER_BYTES;
  #frames = 0;
  /** Of all frames so far. */
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

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#offset + this.#bytes;
  }

  /** A batch with that time and last seq was read: the output is no older. */
  noteBatch(timeMs: number, lastSeq: number): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
  }

  /** Records that had expired by then are not in it: its seal, which comes last, says so. */
  noteJudged(nowMs: number): void {
    this.#judgedMs = Math.max(this.#judgedMs, nowMs);
  }

  /** Adds a record; resolves, if it gives a promise, when it is added. */
  add(record: LogRecord): Promise<void> | undefined {
    if (this.#hasRoom(frameBytes(record.key.length, record.value.length, record.marks))) {
      this.#encode(record);
      return undefined;
    }
    return this.#flush().then(() => this.#encode(record));
  }

  /**
   * Adds a copy of the frame at `at` of `source`, which was checked and stood where the checksum seed was
   * `seed`; as add. Its entry is at word `entry` of `words`, with the changes and the hash.
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

  /** Seals and syncs; returns the file's length, the bytes of records in it and its hint. */
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
