// The log as the store sees it: append a record, read a frame, know the watermark, seal and close.
// Connects recovery, group commit, the manifest (manifest-writer.ts), the making of the next segment (succession.ts),
// the atomic step of a compaction (run-replacement.ts) and the room on the disk (disk-room.ts).
//
// Invariant: the manifest on disk names every segment that a batch was written to, before that batch is durable.

import { join } from 'node:path';

import { failureText } from '../errors.js';
import type { Env, Lock } from '../env/env.js';
import type { CommitDurability, Durability } from './durability.js';
import { LOCK_NAME, MANIFEST_NAME } from './bytes/file-names.js';
import type { Defect, Frame } from './bytes/format.js';
import { decodeFrame } from './bytes/format.js';
import type { ReadCount } from './commit/direct-writes.js';
import { GroupCommit } from './commit/group-commit.js';
import type { NewRecord, Undo } from './commit/batch.js';
import type { CommitCounters, LogClock, Placed } from './commit/group-commit.js';
import type { History } from './history.js';
import { HintReader } from './segments/hint-reader.js';
import { SEED_BYTES, hashSeed } from './bytes/key-hash.js';
import type { ImageContent } from './segments/image-file.js';
import { requireFile } from './segments/ownership.js';
import { saveImage } from './recovery/image-proof.js';
import type { Restore } from './recovery/image-proof.js';
import { recover } from './recovery/recovery.js';
import type { Recovered } from './recovery/recovery.js';
import { replay } from './recovery/replay.js';
import type { ReplayOptions, ReplayReport, Visit } from './recovery/replay.js';
import type { Segment, SegmentTable } from './segments/segment.js';
import { reopenTail } from './commit/writable-segment.js';
import type { WritableSegment } from './commit/writable-segment.js';
import { DiskRoom } from './disk-room.js';
import { ManifestWriter } from './manifest-writer.js';
import { RunReplacement } from './run-replacement.js';
import { Succession } from './succession.js';

interface LogOptions extends Pick<ReplayOptions, 'onBegin' | 'onProgress'> {
  readonly segmentBytesMax: number;
  /** See CommitOptions. */
  readonly appendBytesMin: number;
  readonly storeClock: LogClock;
  /** Keeps the files that compaction replaces. */
  readonly history: History;
  /** See DirectWrites. */
  readonly reads?: ReadCount | undefined;
  readonly useHints: boolean;
  /** Called when the log was read and no file was changed yet; by throwing, it refuses the start. */
  readonly verify?: (found: Recovered, report: ReplayReport) => Promise<void>;
  /** See recover(). Without it the image is not read. */
  readonly restore?: Restore;
}

/** State that the log fills and other code reads. The caller makes it empty before the log. */
interface LogState {
  readonly table: SegmentTable;
  readonly durability: CommitDurability;
}

type RecoveryReport = Omit<Recovered, 'storeId' | 'scans' | 'mend' | 'tidy'> & ReplayReport;

export class Log {
  readonly dir: string;
  readonly storeId: string;
  readonly table: SegmentTable;
  readonly durability: Durability;
  /** Replaces runs of segments, for compaction. */
  readonly runs: RunReplacement;
  readonly recovery: RecoveryReport;
  /** Called when a segment was sealed: its hint may be written and compaction may read it. */
  onSealed: (segment: Segment) => void = () => {};
  readonly #env: Env;
  readonly #lock: Lock;
  readonly #commit: GroupCommit;
  readonly #manifest: ManifestWriter;
  readonly #room: DiskRoom;
  readonly #succession: Succession;
  /** See Recovered.tidy; done before another image is written. */
  readonly #tidied: Promise<void>;
  #rotation: Promise<void> = Promise.resolve();
  #closing = false;

  /** Locks, recovers and replays the directory; `visit` sees every record in log order before it returns. */
  static async open(
    env: Env,
    dir: string,
    { table, durability }: LogState,
    options: LogOptions,
    visit: Visit,
  ): Promise<Log> {
    await env.fs.makeDir(dir);
    const lockPath = join(dir, LOCK_NAME);
    await requireFile(env.fs, lockPath);
    const hadLock = (await env.fs.kindOf(lockPath)) !== undefined;
    const lock = await env.fs.lock(lockPath);
    try {
      const hints = new HintReader(env.fs, dir, options.useHints);
      const recovered = await recover(env, dir, table, hints, options.restore);
      const { scans } = recovered;
      const seeded = { ...options, hints, hashSeed: hashSeed(env.random.bytes(SEED_BYTES)) };
      const replaying = (): Promise<ReplayReport> => replay(table.ordered, scans, visit, seeded);
      const report = recovered.restored ?? (await table.closedOnFailure(replaying()));
      await table.closedOnFailure(options.verify?.(recovered, report) ?? Promise.resolve());
      // Files change only from here on: a start that is refused, for damage or its clock, changes none.
      await table.closedOnFailure(recovered.mend());
      const active = await reopenTail(env.fs, dir, table);
      return new Log(env, dir, lock, { table, durability }, recovered, report, active, options);
    } catch (error) {
      // A refused start leaves no LOCK in a directory without a store. Later failures must not hide the first.
      const kind = await env.fs.kindOf(join(dir, MANIFEST_NAME)).catch(() => 'file' as const);
      if (!hadLock && kind !== 'file') await env.fs.remove(lockPath).catch(() => undefined);
      await lock.release();
      throw error;
    }
  }

  private constructor(
    env: Env,
    dir: string,
    lock: Lock,
    { table, durability }: LogState,
    recovered: Recovered,
    report: ReplayReport,
    active: WritableSegment,
    options: LogOptions,
  ) {
    this.durability = durability;
    this.#env = env;
    this.dir = dir;
    this.#lock = lock;
    const { storeId, scans: _, mend: _mend, tidy, ...rest } = recovered;
    this.table = table;
    this.storeId = storeId;
    const manifest = new ManifestWriter(env.fs, dir, storeId, table);
    const room = new DiskRoom(env.fs, dir, table, options.segmentBytesMax);
    this.#manifest = manifest;
    this.#room = room;
    this.#tidied = tidy().catch((error: unknown) => {
      env.logger.warn(`Files that the last run left could not be removed: ${failureText(error)}`);
    });
    this.recovery = { ...rest, ...report };
    this.#commit = new GroupCommit(env, active, report, options, durability, {
      onSuccessorWanted: () => this.#succession.prepare(),
      hasRoom: (bytes) => room.isFor(bytes),
      noteZeroed: () => manifest.write(),
      onRotated: (sealed) => this.#rotated(sealed),
    });
    const commit = this.#commit;
    this.runs = new RunReplacement(env.fs, dir, table, manifest, options.history, () =>
      commit.retrySpace(),
    );
    this.#succession = new Succession(
      { env, dir, storeId, table, manifest, room, commit },
      options,
    );
  }

  get watermark(): number {
    return this.durability.watermark;
  }
  get lastSeq(): number {
    return this.durability.lastSeq;
  }
  /** See GroupCommit. */
  get provableSeq(): number {
    return this.#commit.provableSeq;
  }
  /** The newest time that a start would find in the log, Unix ms on the store's clock. */
  get durableTimeMs(): number {
    return this.#commit.durableTimeMs;
  }
  get poisoned(): boolean {
    return this.#commit.poisoned;
  }
  /** True when the disk had no room at the last try. */
  get short(): boolean {
    return this.#commit.end.short;
  }
  /** True when the next segment cannot be made until the process has a free descriptor. */
  get lacksDescriptors(): boolean {
    return this.#succession.lacksDescriptors;
  }
  get segmentsCreated(): number {
    return this.#succession.segmentsCreated;
  }
  get counters(): Readonly<CommitCounters> {
    return this.#commit.counters;
  }

  /** Sets the listener that gets, for each commit, the ms of its write and sync, its bytes and its records. */
  set onLatency(call: (ms: number, bytes: number, records: number) => void) {
    this.#commit.onLatency = call;
  }

  /** See GroupCommit.append. */
  append(record: NewRecord, undo: Undo): Placed | undefined {
    return this.#commit.append(record, undo);
  }

  /**
   * Reads the frame at a place from the keydir. Returns the frame itself when it is not yet on disk; its views are
   * then valid until the caller returns to the event loop. Otherwise returns a promise. A defect means that the disk
   * has other bytes there. Throws the system's error when the disk cannot be read.
   */
  read(slot: number, offset: number, bytes: number): Frame | Defect | Promise<Frame | Defect> {
    const segment = this.table.at(slot);
    const pending = this.#commit.pendingFrame(segment, offset, bytes);
    if (pending !== undefined) return decodeFrame(pending, 0, segment.salt, offset);
    return this.#readFromDisk(segment, offset, bytes);
  }

  async #readFromDisk(segment: Segment, offset: number, bytes: number): Promise<Frame | Defect> {
    segment.acquire();
    try {
      const buffer = Buffer.allocUnsafe(bytes);
      const count = await segment.file.read(buffer, offset);
      return decodeFrame(buffer.subarray(0, count), 0, segment.salt, offset);
    } finally {
      segment.release();
    }
  }

  drained(): Promise<void> {
    return this.#commit.drained();
  }

  /** Resolves when `seq` is durable or was taken back. */
  drainedUpTo(seq: number): Promise<void> {
    return this.#commit.drainedUpTo(seq);
  }

  /** Seals the active segment before it is full, so that compaction may read it. */
  async rotate(): Promise<void> {
    await this.#commit.drainedUpTo(this.lastSeq);
    if (!this.#commit.end.active.holdsRecords) return;
    this.#commit.end.askSuccessor();
    this.#commit.end.hurrySuccessor();
    await this.#succession.idle();
    if (!this.#commit.rotate()) return;
    await this.#commit.drained();
    await this.#rotation;
  }

  /** Writes a seal, which proves the last batch and has the store's time, when nothing else is being written. */
  seal(): void {
    this.#commit.seal();
  }

  /** Checks whether the disk has room again. */
  retrySpace(): void {
    this.#commit.retrySpace();
  }

  /** Commits all records, writes the clean seal and the image that `contentOf` returns, and frees the lock. */
  async close(contentOf?: () => ImageContent): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#commit.end.hurrySuccessor();
    await this.#succession.close();
    await this.#commit.close();
    await this.#rotation;
    await this.#manifest.idle();
    await this.#tidied;
    if (contentOf !== undefined && !this.poisoned) await this.#saveImage(contentOf());
    for (const segment of this.table.ordered) await this.table.retire(segment);
    await this.#lock.release();
  }

  /** Saves the image. A failure only makes the next start slower, because it replays the log. */
  async #saveImage(content: ImageContent): Promise<void> {
    const { fs, logger } = this.#env;
    try {
      await this.checkRoom(content.words.reduce((sum, { byteLength }) => sum + byteLength, 0));
      await saveImage(fs, this.dir, this, content);
    } catch (error) {
      logger.warn(`The image of the keydir could not be written: ${failureText(error)}`);
    }
  }

  /** See DiskRoom. */
  checkRoom(bytes: number): Promise<void> {
    return this.#room.check(bytes);
  }

  #rotated(sealed: WritableSegment): void {
    this.#rotation = this.#finishRotation(sealed).catch((error: unknown) => {
      // The manifest on disk is older but still right, and the next write of it includes this change.
      this.#env.logger.warn(`The manifest could not be written: ${failureText(error)}`);
    });
  }

  async #finishRotation(sealed: WritableSegment): Promise<void> {
    await sealed.close();
    await this.#manifest.write();
    this.onSealed(sealed.segment);
  }
}
