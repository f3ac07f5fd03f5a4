// Succession: makes the segment after the active one before it is needed: file, zeros ahead, entry in the manifest.
//
// Invariants:
// - The manifest on disk names a successor before group commit may write to it.
// - A successor that was given up leaves no file, unless the disk refuses to remove it.

import type { Env } from '../env/env.js';
import { failureText, isOutOfDescriptors } from '../errors.js';
import { segmentName } from './bytes/file-names.js';
import type { GroupCommit, LogClock } from './commit/group-commit.js';
import { RepeatedWarning } from './commit/repeated-warning.js';
import { WritableSegment } from './commit/writable-segment.js';
import type { DiskRoom } from './disk-room.js';
import type { ManifestWriter } from './manifest-writer.js';
import { createSegment, newSalt } from './recovery/recovery.js';
import type { Segment, SegmentTable } from './segments/segment.js';

interface Surroundings {
  readonly env: Env;
  readonly dir: string;
  readonly storeId: string;
  readonly table: SegmentTable;
  readonly manifest: ManifestWriter;
  readonly room: DiskRoom;
  readonly commit: GroupCommit;
}

interface Options {
  readonly segmentBytesMax: number;
  readonly storeClock: LogClock;
}

export class Succession {
  /** Number of segments created since the start. */
  segmentsCreated = 0;
  /** True when the last try failed for lack of a descriptor. */
  lacksDescriptors = false;
  readonly #around: Surroundings;
  readonly #options: Options;
  readonly #refusal: RepeatedWarning;
  #making: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(around: Surroundings, options: Options) {
    this.#around = around;
    this.#options = options;
    this.#refusal = new RepeatedWarning(around.env);
  }

  /** Begins to make a successor; passes it, or the failure, to group commit. */
  prepare(): void {
    if (this.#closed) return;
    this.#making = this.#make().catch((error: unknown) => {
      this.lacksDescriptors = isOutOfDescriptors(error);
      this.#refusal.tell(`The next segment cannot be prepared yet: ${failureText(error)}`);
      this.#around.commit.successorFailed(error);
    });
  }

  /** Resolves when no successor is being made. */
  idle(): Promise<void> {
    return this.#making;
  }

  /** Begins no further successor; resolves when the last one is done. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#making;
  }

  async #make(): Promise<void> {
    const { env, dir, storeId, table, manifest, room, commit } = this.#around;
    await room.check(this.#options.segmentBytesMax + commit.end.unallocatedBytes);
    const last = (table.ordered.at(-1)?.last ?? 0) + 1;
    const place = { first: last, last, generation: 0, salt: newSalt(env) };
    await manifest.unname(segmentName(last, 0));
    const createdAtMs = this.#options.storeClock.nowMs();
    const header = { ...place, storeId: Buffer.from(storeId, 'hex'), createdAtMs };
    await createSegment(env.fs, dir, header);
    const segment = await table.open(env.fs, dir, { ...place, bytes: null }, 'write-through');
    await this.#handOver(segment);
    this.lacksDescriptors = false;
    this.#refusal.end();
    this.segmentsCreated += 1;
  }

  async #handOver(segment: Segment): Promise<void> {
    const { env, dir, table, manifest, commit } = this.#around;
    let writable: WritableSegment | undefined;
    try {
      writable = await WritableSegment.open(env.fs, dir, segment);
      const failure = await commit.end.zeroSuccessor(writable);
      if (failure !== undefined) throw failure;
      segment.zeroedBytes = writable.zeros.allocatedBytes;
      await manifest.write();
      commit.succeed(writable);
    } catch (error) {
      await writable?.close();
      table.drop(segment);
      await table.retire(segment);
      await manifest.discard(segment);
      throw error;
    }
  }
}
