// Repaired store: writes the new store of a repair or a restore: sealed segments with hints, the files of large values,
// an empty active segment, and the MANIFEST last.

import { join } from 'node:path';

import { SEGMENT_BYTES_DEFAULT } from '../defaults.js';
import type { Env, File } from '../env/env.js';
import { largeValueName, segmentName } from '../log/bytes/file-names.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  SEGMENT_HEADER_BYTES,
  STORE_ID_BYTES,
  encodeBatchHeader,
} from '../log/bytes/format.js';
import type { LogRecord } from '../log/bytes/format.js';
import { writeHint } from '../log/segments/hint-file.js';
import { SEED_BYTES, hashSeed } from '../log/bytes/key-hash.js';
import type { HashSeed } from '../log/bytes/key-hash.js';
import {
  LARGE_CHUNK_BYTES,
  LargeValueFileWriter,
  readLargeValue,
  type LargeReference,
} from '../log/segments/large-value-file.js';
import type { ManifestEntry } from '../log/bytes/manifest.js';
import { writeManifest } from '../log/segments/manifest-file.js';
import { createSegment, newSalt } from '../log/recovery/recovery.js';
import { CompactedSegmentWriter } from '../log/segments/compacted-segment-writer.js';

interface Growing {
  readonly place: Omit<ManifestEntry, 'bytes'>;
  readonly file: File;
  readonly writer: CompactedSegmentWriter;
}

export class RepairedStore {
  readonly #env: Env;
  readonly #dir: string;
  readonly #storeId: Buffer;
  readonly #createdAtMs: number;
  readonly #hashSeed: HashSeed;
  readonly #sealed: ManifestEntry[] = [];
  #growing: Growing | undefined;
  #lastSeq = 0;
  #timeMs = 0;

  /** Requires: `dir` is empty. The store gets a new id, so files of the old store never pass for its own. */
  constructor(env: Env, dir: string, createdAtMs: number) {
    this.#env = env;
    this.#dir = dir;
    this.#createdAtMs = createdAtMs;
    this.#storeId = env.random.bytes(STORE_ID_BYTES);
    this.#hashSeed = hashSeed(env.random.bytes(SEED_BYTES));
  }

  /** Notes the last seq and time that the old log had reached before the next record. */
  note(lastSeq: number, timeMs: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
    this.#timeMs = Math.max(this.#timeMs, timeMs);
  }

  /** Adds a record. Requires: its seq is higher than that of the record before. */
  async add(record: LogRecord): Promise<void> {
    const growing = this.#growing ?? (await this.#begin());
    await growing.writer.add(record);
    if (growing.writer.bytes >= SEGMENT_BYTES_DEFAULT) await this.#seal(growing);
  }

  /** Copies the file of a large value. Throws KV_CORRUPTION when it is damaged. */
  async copyLarge(source: File, reference: LargeReference): Promise<void> {
    const path = join(this.#dir, largeValueName(reference.id));
    const file = await this.#env.fs.open(path, 'create');
    try {
      const writer = new LargeValueFileWriter(file, reference.id, reference.salt);
      const piece = Buffer.allocUnsafe(LARGE_CHUNK_BYTES);
      for (let at = 0; at < reference.bytes;) {
        const count = await readLargeValue(source, reference, piece, at);
        await writer.write(piece.subarray(0, count));
        at += count;
      }
      await writer.finish();
    } finally {
      await file.close();
    }
  }

  /** Completes the store. No other call may follow. */
  async finish(lastSeq: number, timeMs: number): Promise<void> {
    this.note(lastSeq, timeMs);
    await this.#seal(this.#growing ?? (await this.#begin()));
    const active = await this.#makeActive();
    await this.#env.fs.syncDir(this.#dir);
    const segments = [...this.#sealed, active];
    await writeManifest(this.#env.fs, this.#dir, {
      storeId: this.#storeId.toString('hex'),
      segments,
    });
  }

  #nextPlace(): Omit<ManifestEntry, 'bytes'> {
    const number = this.#sealed.length + 1;
    return { first: number, last: number, generation: 0, salt: newSalt(this.#env) };
  }

  async #begin(): Promise<Growing> {
    const place = this.#nextPlace();
    const path = join(this.#dir, segmentName(place.last, place.generation));
    const file = await this.#env.fs.open(path, 'create');
    const storeId = this.#storeId.toString('hex');
    const task = {
      storeId,
      output: place,
      createdAtMs: this.#createdAtMs,
      hashSeed: this.#hashSeed,
    };
    this.#growing = { place, file, writer: await CompactedSegmentWriter.create(file, task) };
    return this.#growing;
  }

  async #seal({ place, file, writer }: Growing): Promise<void> {
    this.#growing = undefined;
    writer.noteBatch(this.#timeMs, this.#lastSeq);
    const { committedBytes, hint } = await writer.finish();
    await file.close();
    await writeHint(this.#env.fs, this.#dir, { ...place, committedBytes }, hint);
    this.#sealed.push({ ...place, bytes: committedBytes });
  }

  /** Makes an active segment that has only the clean seal of an orderly stop. */
  async #makeActive(): Promise<ManifestEntry> {
    const place = this.#nextPlace();
    const header = { ...place, storeId: this.#storeId, createdAtMs: this.#createdAtMs };
    const seal = Buffer.alloc(BATCH_HEADER_BYTES);
    const fields = {
      batchBytes: BATCH_HEADER_BYTES,
      frameCount: 0,
      kind: BATCH_KIND.cleanSeal,
      durableSegment: place.last,
      durableOffset: SEGMENT_HEADER_BYTES,
      firstSeq: this.#lastSeq,
      timeMs: this.#timeMs,
    };
    encodeBatchHeader(seal, 0, fields, place.salt, SEGMENT_HEADER_BYTES);
    await createSegment(this.#env.fs, this.#dir, header, seal);
    return { ...place, bytes: null };
  }
}
