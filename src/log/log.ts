// The log as the store sees it: append a record, read a frame, know the watermark, replace a run of sealed segments.
// Wires recovery, group commit, segments and the manifest together.
//
// Invariants:
// - The manifest on disk names every segment that a batch was written to, before that batch is durable.
// - Manifest writes are serialised; each composes the state at its turn.
// - A segment's file is removed only when no manifest that a start could find names it.

import { join } from 'node:path';

import { assert } from '../assert.js';
import type { Env, Lock } from '../env/env.js';
import { KvError } from '../errors.js';
import type { CommitDurability, Durability } from './durability.js';
import { LOCK_NAME, hintName, segmentName } from './bytes/file-names.js';
import type { Defect, Frame } from './bytes/format.js';
import { decodeFrame } from './bytes/format.js';
import { GroupCommit } from './commit/group-commit.js';
import type { CommitCounters, NewRecord, Placed, Undo } from './commit/group-commit.js';
import { HintReader } from './segments/hint-reader.js';
import { SEED_BYTES, hashSeed } from './bytes/key-hash.js';
import type { ImageContent } from './segments/image-file.js';
import { removeOurs, requireFile } from './segments/ownership.js';
import { saveImage } from './recovery/image-proof.js';
import type { Restore } from './recovery/image-proof.js';
import { writeManifest } from './segments/manifest.js';
import { overgrowthBytes, roomBytes } from './commit/log-end.js';
import { createSegment, newSalt, recover } from './recovery/recovery.js';
import type { Recovered } from './recovery/recovery.js';
import { RepeatedWarning } from './commit/repeated-warning.js';
import { replay } from './recovery/replay.js';
import type { ReplayOptions, ReplayReport, Visit } from './recovery/replay.js';
import type { Segment, SegmentTable } from './segments/segment.js';
import { WritableSegment, reopenTail } from './commit/writable-segment.js';

interface LogOptions extends Pick<ReplayOptions, 'onBegin' | 'onProgress'> {
  readonly segmentBytesMax: number;
  /** See CommitOptions. */
  readonly appendBytesMin: number;
  /** Unix ms on the store's clock. */
  readonly nowMs: () => number;
  /** See DirectWrites. */
  readonly reads?: (() => number) | undefined;
  readonly useHints: boolean;
  /** Told when all has been read and nothing changed yet: what it throws refuses the start. */
  readonly verify?: (found: Recovered, report: ReplayReport) => Promise<void>;
  /** See recover(); none: the image is not looked at. */
  readonly restore?: Restore;
}

interface LogEvents {
  /** A segment was sealed: its hint may be written, compaction may look at it. */
  onSealed(segment: Segment): void;
}

type RecoveryReport = Omit<Recovered, 'table' | 'storeId' | 'scans' | 'mend' | 'tidy'> &
  ReplayReport;

export class Log {
  readonly dir: string;
  readonly storeId: string;
  readonly table: SegmentTable;
  readonly durability: Durability;
  readonly recovery: RecoveryReport;
  readonly #env: Env;
  readonly #lock: Lock;
  readonly #options: LogOptions;
  readonly #events: LogEvents;
  readonly #commit: GroupCommit;
  /** See Recovered: before another image is written. */
  readonly #tidied: Promise<void>;
  /** Segments that were begun since the start. */
  segmentsCreated = 0;
  #manifestTurn: Promise<void> = Promise.resolve();
  /** Files that the manifest may name that a start would find: a failed write of it leaves two candidates. */
  #named: Set<string>;
  #succession: Promise<void> = Promise.resolve();
  readonly #refusal: RepeatedWarning;
  #rotation: Promise<void> = Promise.resolve();
  #closing = false;

  /** Locks, recovers and replays the directory; `visit` sees every record in log order before it returns. */
  static async open(
    env: Env,
    dir: string,
    options: LogOptions,
    durability: CommitDurability,
    events: LogEvents,
    visit: Visit,
  ): Promise<Log> {
    await env.fs.makeDir(dir);
    await requireFile(env.fs, join(dir, LOCK_NAME));
    const lock = await env.fs.lock(join(dir, LOCK_NAME));
    try {
      const hints = new HintReader(env.fs, dir, options.useHints);
      const recovered = await recover(env, dir, hints, options.restore);
      const { table, scans } = recovered;
      const seeded = { ...options, hints, hashSeed: hashSeed(env.random.bytes(SEED_BYTES)) };
      const replaying = (): Promise<ReplayReport> => replay(table.ordered, scans, visit, seeded);
      const report = recovered.restored ?? (await table.closedOnFailure(replaying()));
      await table.closedOnFailure(options.verify?.(recovered, report) ?? Promise.resolve());
      // Not before: a start that is refused, for damage or its clock, has changed nothing.
      await table.closedOnFailure(recovered.mend());
      const active = await reopenTail(env.fs, dir, table);
      return new Log(env, dir, lock, recovered, report, active, options, durability, events);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  private constructor(
    env: Env,
    dir: string,
    lock: Lock,
    recovered: Recovered,
    report: ReplayReport,
    active: WritableSegment,
    options: LogOptions,
    durability: CommitDurability,
    events: LogEvents,
  ) {
    this.durability = durability;
    this.#env = env;
    this.#refusal = new RepeatedWarning(env);
    this.dir = dir;
    this.#lock = lock;
    const { table, storeId, scans: _, mend: _mend, tidy, ...rest } = recovered;
    this.table = table;
    this.#named = new Set(table.ordered.map((segment) => segment.name));
    this.storeId = storeId;
    this.#tidied = tidy().catch((error: unknown) => {
      env.logger.warn(`What the last run left could not be removed: ${String(error)}`);
    });
    this.recovery = { ...rest, ...report };
    this.#options = options;
    this.#events = events;
    this.#commit = new GroupCommit(env, active, report, options, durability, {
      onSuccessorWanted: () => this.#prepareSuccessor(),
      hasRoom: (bytes) =>
        this.#checkFree(bytes).then(
          () => true,
          () => false,
        ),
      onRotated: (sealed) => this.#rotated(sealed),
    });
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
  /** The newest time, Unix ms on the store's clock, that a start would find in the log. */
  get durableTimeMs(): number {
    return this.#commit.durableTimeMs;
  }
  get poisoned(): boolean {
    return this.#commit.poisoned;
  }
  /** The disk had no room when it was last asked. */
  get short(): boolean {
    return this.#commit.short;
  }
  get counters(): Readonly<CommitCounters> {
    return this.#commit.counters;
  }

  /** Called with the ms that each commit's write and sync took. */
  set onLatency(call: (ms: number) => void) {
    this.#commit.onLatency = call;
  }

  /** See GroupCommit.append. */
  append(record: NewRecord, undo: Undo): Placed | undefined {
    return this.#commit.append(record, undo);
  }

  /**
   * The frame at a place that the keydir knows; at once when it is not yet on disk, else a promise. The
   * views of a frame that came at once are valid until the caller returns to the event loop. A defect
   * means that the disk holds something else. Throws the system's error when it cannot be read.
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

  /** Seals the active segment although it is not full, so that compaction may look at it. */
  async rotate(): Promise<void> {
    await this.#commit.drainedUpTo(this.lastSeq);
    if (!this.#commit.holdsRecords) return;
    this.#commit.askSuccessor();
    await this.#succession;
    if (!this.#commit.rotate()) return;
    await this.#commit.drained();
    await this.#rotation;
  }

  /** Proves the last batch and writes the store's clock, when nothing else is being written. */
  seal(): void {
    this.#commit.seal();
  }

  /** Room may have been freed. */
  retrySpace(): void {
    this.#commit.retrySpace();
  }

  /**
   * The atomic step of compaction: `output`, durable under its own name, stands where the contiguous `run`
   * of sealed segments stood. When it throws, the old run stands and its files must stay; the output's
   * goes by `discard`, because the manifest on disk may name it.
   */
  async replaceRun(run: readonly Segment[], output: Segment): Promise<void> {
    assert(
      run.every((segment) => segment.sealed),
      'Only sealed segments are compacted',
    );
    this.table.replace(run, output);
    try {
      await this.#writeManifest();
    } catch (error) {
      this.table.restore(run, output);
      throw error;
    }
  }

  /** Removes the file of a segment that did not come to be. When it throws, the file stays for the next start. */
  async discard(segment: Segment): Promise<void> {
    await this.#unname(segment.name);
    await this.#env.fs.remove(join(this.dir, segment.name));
  }

  /**
   * Removes the files of a run that was replaced, once nobody reads them. One that cannot be removed stays
   * for the next start, and is thrown when all the others have gone.
   */
  async retireRun(run: readonly Segment[]): Promise<void> {
    let failure: unknown;
    for (const segment of run) {
      await this.table.retire(segment);
      try {
        await this.#env.fs.remove(join(this.dir, segment.name));
        await removeOurs(this.#env.fs, this.dir, hintName(segment.last, segment.generation));
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    await this.#env.fs.syncDir(this.dir);
    this.#commit.retrySpace();
  }

  /** Commits everything, seals cleanly, writes the image that `contentOf` gives, frees the lock. */
  async close(contentOf?: () => ImageContent): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#succession;
    await this.#commit.close();
    await this.#rotation;
    await this.#manifestTurn;
    await this.#tidied;
    if (contentOf !== undefined && !this.poisoned) await this.#saveImage(contentOf());
    for (const segment of this.table.ordered) await this.table.retire(segment);
    await this.#lock.release();
  }

  /** Without it the next start replays the log: slower, nothing else. */
  async #saveImage(content: ImageContent): Promise<void> {
    const { fs, logger } = this.#env;
    try {
      await this.checkRoom(content.words.reduce((sum, { byteLength }) => sum + byteLength, 0));
      await saveImage(fs, this.dir, this, content);
    } catch (error) {
      logger.warn(`The image of the keydir could not be written: ${String(error)}`);
    }
  }

  #writeManifest(): Promise<void> {
    const turn = this.#manifestTurn.then(async () => {
      const { storeId } = this;
      const segments = this.table.ordered.map((segment) => segment.entry);
      const names = this.table.ordered.map((segment) => segment.name);
      await writeManifest(this.#env.fs, this.dir, { storeId, segments }, () => {
        for (const name of names) this.#named.add(name);
      });
      this.#named = new Set(names);
    });
    this.#manifestTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Makes sure that no manifest on disk names a file that is to go. Throws when it cannot. */
  async #unname(name: string): Promise<void> {
    if (this.#named.has(name)) await this.#writeManifest();
  }

  #prepareSuccessor(): void {
    if (this.#closing) return;
    this.#succession = this.#makeSuccessor().catch((error: unknown) => {
      this.#refusal.tell(`The next segment cannot be prepared yet: ${String(error)}`);
      this.#commit.successorFailed(error);
    });
  }

  async #makeSuccessor(): Promise<void> {
    const { fs } = this.#env;
    await this.checkRoom(this.#options.segmentBytesMax + this.#commit.unallocatedBytes);
    const last = (this.table.ordered.at(-1)?.last ?? 0) + 1;
    const place = { first: last, last, generation: 0, salt: newSalt(this.#env) };
    await this.#unname(segmentName(last, 0));
    const storeId = Buffer.from(this.storeId, 'hex');
    const createdAtMs = this.#options.nowMs();
    await createSegment(fs, this.dir, { ...place, storeId, createdAtMs });
    const segment = await this.table.open(fs, this.dir, { ...place, bytes: null }, 'write-through');
    let writable: WritableSegment | undefined;
    try {
      writable = await WritableSegment.open(fs, this.dir, segment);
      const failure = await writable.zeros.extend(this.#commit.successorAheadBytes);
      if (failure !== undefined) throw failure;
      await this.#writeManifest();
      this.#commit.succeed(writable);
      this.#refusal.end();
      this.segmentsCreated += 1;
    } catch (error) {
      await writable?.close();
      this.table.drop(segment);
      await this.table.retire(segment);
      await this.discard(segment);
      throw error;
    }
  }

  /**
   * Throws KV_NO_SPACE unless `bytes` may be written beside the log's end and enough is left for what
   * empties a full disk: the output of a compaction (or the tail rewrite of a start), and the deletes.
   */
  async checkRoom(bytes: number): Promise<void> {
    await this.#checkFree(bytes + 2 * overgrowthBytes(this.#options.segmentBytesMax));
  }

  /** Throws KV_NO_SPACE unless a compaction's output and a manifest find room beside so many bytes. */
  async #checkFree(bytes: number): Promise<void> {
    const needed = bytes + roomBytes(this.table.ordered, this.#options.segmentBytesMax);
    const free = await this.#env.fs.freeBytes(this.dir);
    if (free >= needed) return;
    throw new KvError('KV_NO_SPACE', `Only ${free} bytes are free`, { path: this.dir });
  }

  #rotated(sealed: WritableSegment): void {
    this.#rotation = this.#finishRotation(sealed).catch((error: unknown) => {
      // The manifest on disk is older but still right: the next write of it says the same and more.
      this.#env.logger.warn(`The manifest could not be written: ${String(error)}`);
    });
  }

  async #finishRotation(sealed: WritableSegment): Promise<void> {
    await sealed.close();
    await this.#writeManifest();
    this.#events.onSealed(sealed.segment);
  }
}
