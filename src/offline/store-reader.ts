// Store reader: reads a data directory for kv-dump without a lock or a change, whether a server runs on it, has
// stopped or has crashed. It gives the state at one seq: the end of the log when it was opened.
//
// Invariants:
// - Every file it needs is open when `open` returns: a file that a running server then removes stays
//   readable, and records that the server appends are not read.
// - A failure that a second look does not confirm was a change by the server (a compacted segment was removed,
//   a batch was half written), not damage.
// - It may show records of a running server's newest batch that are not synced yet; only clients must not see them.

import { ALL_DURABLE } from '../log/durability.js';
import { join } from 'node:path';

import type { Env, File, Fs } from '../env/env.js';
import { KvError, systemCode } from '../errors.js';
import { openSegments } from '../log/segments/directory.js';
import { MANIFEST_NAME, largeValueName, parseFileName } from '../log/bytes/file-names.js';
import { isFlushPromise } from '../log/bytes/entry-list.js';
import { RECORD, RECORD_MARK, casOf } from '../log/bytes/format.js';
import type { LogRecord } from '../log/bytes/format.js';
import { readLargeValue } from '../log/segments/large-value-file.js';
import type { LargeReference } from '../log/segments/large-value-file.js';
import { HintReader } from '../log/segments/hint-reader.js';
import { readManifest } from '../log/segments/manifest-file.js';
import { requireFile } from '../log/segments/ownership.js';
import { keptLargeFiles, openPast, type Moment } from './past-segments.js';
import { settled } from './settled.js';
import type { Manifest } from '../log/bytes/manifest.js';
import { refuseRemnants } from '../log/recovery/remnants.js';
import { findTail, replay, type ReplayReport, type Scans } from '../log/recovery/replay.js';
import type { Segment, SegmentTable } from '../log/segments/segment.js';
import { SegmentScanner } from '../log/segments/segment-scanner.js';
import type { ScannedBatch, ScannedFrame } from '../log/segments/segment-scanner.js';
import { wallExpiryOf, type Clocks } from '../store/expiry.js';
import { Flushes } from '../store/flushes/flushes.js';
import { Items } from '../store/items/items.js';
import { SEED_BYTES, hashSeed } from '../log/bytes/key-hash.js';
import { liveLargeReferences, requireLargeFiles } from '../store/restart/large-files.js';
import { readClaims, refuseLoss } from '../store/restart/loss-proof.js';
import { ITEM_MARK, Keydir } from '../store/keydir/keydir.js';
import { replayEntries } from '../store/restart/replay-items.js';
import type { SnapshotItem } from '../store/snapshot-file/writer.js';
import { StoreClock } from '../store/clock.js';
import type { LargeValue } from '../store/store.js';

interface ReaderParts {
  readonly seq: number;
  readonly timeMs: number;
  readonly table: SegmentTable;
  readonly items: Items;
  readonly flushes: Flushes;
  readonly nowMs: number;
  readonly clocks: Clocks;
}

/** The segments to replay, and the end of the replay. */
interface Source {
  readonly table: SegmentTable;
  readonly scans: Scans;
  /** For a past moment: its last record, and its time if the moment was given as a time. */
  readonly seq?: number;
  readonly nowMs?: number | undefined;
  /** Returns a large value's path, or undefined when it is not kept. Without it, the files are in the directory. */
  readonly largePath?: (reference: LargeReference) => string | undefined;
  readonly isHinted: boolean;
  /** See ReplayOptions. */
  readonly advice?: string;
}

/** Open files of a store as of one moment: from its log and history, or from a backup. */
type SeparateFiles = Pick<Source, 'table' | 'seq' | 'nowMs' | 'advice'> &
  Required<Pick<Source, 'largePath'>>;

export interface StoreSizes {
  readonly segments: number;
  /** Size of segments and large values: live and dead records, headers and tombstones. */
  readonly bytes: number;
  /** Size of the records that a client can reach, and of large values. */
  readonly liveBytes: number;
  /** Estimated size of the records that compaction may drop. */
  readonly deadBytes: number;
}

export class StoreReader {
  /** The seq of the last record in this state. */
  readonly seq: number;
  /** A time at which that record was the newest, Unix ms on the store's clock. */
  readonly timeMs: number;
  readonly #table: SegmentTable;
  readonly #items: Items;
  readonly #flushes: Flushes;
  readonly #nowMs: number;
  readonly #clocks: Clocks;
  readonly #largeFiles = new Map<number, File>();

  private constructor(parts: ReaderParts) {
    this.seq = parts.seq;
    this.timeMs = parts.timeMs;
    this.#table = parts.table;
    this.#items = parts.items;
    this.#flushes = parts.flushes;
    this.#nowMs = parts.nowMs;
    this.#clocks = parts.clocks;
  }

  /**
   * Opens the store in `dir`, as of `moment` if given. Throws KV_NOT_A_STORE when there is no store, KV_CORRUPTION and
   * KV_FORMAT_VERSION when it cannot be read whole, KV_TOO_OLD when the moment is not kept.
   */
  static async open(env: Env, dir: string, moment?: Moment): Promise<StoreReader> {
    return settled(() => StoreReader.#look(env, dir, moment));
  }

  static async #look(env: Env, dir: string, moment?: Moment): Promise<StoreReader> {
    const manifest = await requireManifest(env, dir);
    // Claims are read before the log, so that the log must reach them even while a server writes on.
    const claims = await readClaims(env.fs, dir, manifest);
    const table = await openSegments(env.fs, dir, manifest);
    const tail = await table.closedOnFailure(findTail(table));
    if (moment === undefined) {
      const { scans } = tail;
      return StoreReader.#read(env, dir, { table, scans, isHinted: true }, ({ lastSeq }) =>
        refuseLoss(claims, table.ordered, lastSeq, tail.clean),
      );
    }
    const past = await openPast(env.fs, dir, manifest.storeId, table, moment);
    const nowMs = moment.kind === 'time' ? moment.ms : undefined;
    const kept = await past.table.closedOnFailure(keptLargeFiles(env.fs, dir));
    const largePath = ({ id }: LargeReference): string =>
      kept.get(id) ?? join(dir, largeValueName(id));
    return StoreReader.openFiles(env, dir, { ...past, nowMs, largePath });
  }

  /** Reads a store from files in `dir` that are already open, and takes them over. Throws as open. */
  static openFiles(env: Env, dir: string, files: SeparateFiles): Promise<StoreReader> {
    return StoreReader.#read(env, dir, { ...files, scans: new Map(), isHinted: false }, () =>
      Promise.resolve(),
    );
  }

  static async #read(
    env: Env,
    dir: string,
    { table, scans, seq: seqMax, nowMs: momentMs, largePath, isHinted, advice }: Source,
    verify: (report: ReplayReport) => Promise<void>,
  ): Promise<StoreReader> {
    const seed = hashSeed(env.random.bytes(SEED_BYTES));
    const items = new Items(new Keydir({ seed, recency: false }), table, ALL_DURABLE);
    const flushes = new Flushes(seed);
    let reader: StoreReader | undefined;
    try {
      const report = await replay(
        table.ordered,
        scans,
        (entries, isSorted, segment) =>
          replayEntries(items, flushes, entries, isSorted, segment, 0),
        {
          hints: new HintReader(env.fs, dir, isHinted),
          hashSeed: seed,
          ...(seqMax === undefined ? {} : { seqMax }),
          ...(advice === undefined ? {} : { advice }),
          onBegin: (records, found) => {
            items.begin(records, found);
          },
        },
      );
      await verify(report);
      const { lastSeq, timeMs } = report;
      const clock = new StoreClock(env.clock);
      clock.catchUp(timeMs);
      const isPast = seqMax !== undefined;
      const nowMs = momentMs ?? (isPast ? timeMs : clock.nowMs());
      const clocks = { clockAheadMs: isPast ? 0 : clock.aheadMs };
      const seq = seqMax ?? lastSeq;
      reader = new StoreReader({
        seq,
        timeMs: Math.min(timeMs, momentMs ?? timeMs),
        table,
        items,
        flushes,
        nowMs,
        clocks,
      });
      await reader.#openLargeFiles(env, dir, largePath);
      return reader;
    } catch (error: unknown) {
      await (reader ?? table).close();
      throw error;
    }
  }

  /** Returns the sizes of live and dead data. */
  sizes(): StoreSizes {
    const segments = this.#table.ordered;
    const sum = (of: (segment: Segment) => number): number =>
      segments.reduce((total, segment) => total + of(segment), 0);
    return {
      segments: segments.length,
      bytes: sum(({ committedBytes }) => committedBytes) + this.#items.largeBytes,
      liveBytes: this.#items.liveBytes,
      deadBytes: sum(({ deadBytes }) => deadBytes),
    };
  }

  /** Returns the number of live keys that begin with the prefix. */
  count(prefix = Buffer.alloc(0)): number {
    let count = 0;
    this.#walk((ref) => {
      if (prefix.length === 0 || startsWith(this.#items.keydir.key(ref), prefix)) count += 1;
    });
    return count;
  }

  /**
   * Gives the live items whose keys begin with the prefix, in log order. Key and value of an item are valid
   * until the next item is asked for. Throws KV_CORRUPTION where a record is damaged.
   */
  async *items(prefix = Buffer.alloc(0)): AsyncGenerator<SnapshotItem> {
    for (const segment of this.#table.ordered) {
      for await (const batch of this.#batches(segment)) {
        for (const frame of batch.frames) {
          const item = this.#itemOf(frame, segment, prefix);
          if (item !== undefined) yield item;
        }
      }
    }
  }

  /**
   * Gives the records that a new store needs for this state, in log order: those of live items, with their current
   * expiry, and future flushes. Validity and errors are as with `items`.
   */
  async *records(): AsyncGenerator<LogRecord> {
    for (const segment of this.#table.ordered) {
      for await (const batch of this.#batches(segment)) {
        for (const frame of batch.frames) {
          const record = this.#recordOf(frame, segment);
          if (record !== undefined) yield record;
        }
      }
    }
  }

  /** Gives the large values of live items, with their open files. */
  *largeValues(): Generator<{ readonly reference: LargeReference; readonly file: File }> {
    for (const reference of liveLargeReferences(
      this.#items,
      this.#flushes,
      this.#nowMs,
      this.seq,
    )) {
      yield { reference, file: this.#largeFiles.get(reference.id)! };
    }
  }

  async *#batches(segment: Segment): AsyncGenerator<ScannedBatch> {
    const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next())
      yield batch;
    if (scanner.defect === undefined) return;
    const { offset, defect } = scanner.defect;
    const { path } = segment.file;
    throw new KvError(
      'KV_CORRUPTION',
      `A batch is damaged: ${defect}; kv-check names all that is damaged`,
      { path, offset },
    );
  }

  async close(): Promise<void> {
    await this.#table.close();
    await Promise.all([...this.#largeFiles.values()].map((file) => file.close()));
  }

  #itemOf(frame: ScannedFrame, segment: Segment, prefix: Buffer): SnapshotItem | undefined {
    const { record } = frame;
    if (record.type !== RECORD.put || !startsWith(record.key, prefix)) return undefined;
    const ref = this.#liveRefOf(frame, segment);
    if (ref === 0) return undefined;
    const large = this.#items.largeOf(ref);
    return {
      key: record.key,
      flags: record.flags,
      expiresAt: wallExpiryOf(this.#items.keydir.expiresAt(ref), this.#clocks),
      cas: casOf(record),
      value: large === undefined ? record.value : this.#largeValue(large),
    };
  }

  #recordOf(frame: ScannedFrame, segment: Segment): LogRecord | undefined {
    const { record } = frame;
    if (record.seq > this.seq) return undefined;
    // A delayed flush whose time has come is not needed: the items that it removes are left out.
    if (record.type === RECORD.flush)
      return isFlushPromise(record) && record.expiresAt > this.#nowMs ? record : undefined;
    if (record.type !== RECORD.put) return undefined;
    const ref = this.#liveRefOf(frame, segment);
    if (ref === 0) return undefined;
    const { keydir } = this.#items;
    const won = (keydir.marks(ref) & ITEM_MARK.WON) === 0 ? 0 : RECORD_MARK.won;
    return { ...record, expiresAt: keydir.expiresAt(ref), marks: record.marks | won };
  }

  /** Returns the item whose newest put this frame is; 0 when the item is not live or has a newer put. */
  #liveRefOf({ record, offset }: ScannedFrame, { slot }: Segment): number {
    const { keydir } = this.#items;
    const ref = keydir.find(record.key);
    const isThis = ref !== 0 && keydir.offset(ref) === offset && keydir.segment(ref) === slot;
    return isThis && this.#isLive(ref) ? ref : 0;
  }

  #isLive(ref: number): boolean {
    const { keydir } = this.#items;
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= this.#nowMs) return false;
    const flushes = this.#flushes;
    if (flushes.isOpen && flushes.killerOf(keydir, ref, this.seq) !== 0) return false;
    return flushes.promises.nextMs > this.#nowMs;
  }

  #walk(visit: (ref: number) => void): void {
    const { keydir } = this.#items;
    let cursor = 0;
    do {
      cursor = keydir.walk(cursor, 1000, (ref) => {
        if (this.#isLive(ref)) visit(ref);
      });
    } while (cursor !== 0);
  }

  /** Opens only the files of live items: a running server may remove the others at any time. */
  async #openLargeFiles(env: Env, dir: string, keptPath: Source['largePath']): Promise<void> {
    const references = liveLargeReferences(this.#items, this.#flushes, this.#nowMs, this.seq);
    if (keptPath === undefined) await requireLargeFiles(env.fs, dir, references);
    for (const reference of references) {
      const path =
        keptPath === undefined ? join(dir, largeValueName(reference.id)) : keptPath(reference);
      if (path === undefined) throw largeFileMissing(dir, true);
      this.#largeFiles.set(reference.id, await openLargeFile(env.fs, path, keptPath !== undefined));
    }
  }

  #largeValue(reference: LargeReference): LargeValue {
    const file = this.#largeFiles.get(reference.id)!;
    return {
      bytes: reference.bytes,
      read: (target, position) => readLargeValue(file, reference, target, position),
      release: () => {},
    };
  }
}

async function openLargeFile(fs: Fs, path: string, isPast: boolean): Promise<File> {
  try {
    return await fs.open(path, 'read');
  } catch (error: unknown) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw largeFileMissing(path, isPast);
  }
}

function largeFileMissing(path: string, isPast: boolean): KvError {
  const [code, what] = isPast
    ? (['KV_TOO_OLD', 'not kept'] as const)
    : (['KV_CORRUPTION', 'missing'] as const);
  return new KvError(code, `The file of a large value is ${what}`, { path });
}

/** Returns the manifest. Throws KV_NOT_A_STORE when there is no store, KV_CORRUPTION when only the manifest is missing. */
export async function requireManifest(env: Env, dir: string): Promise<Manifest> {
  await requireStore(env, dir);
  const manifest = await readManifest(env.fs, dir);
  if (manifest !== undefined) return manifest;
  for (const name of await env.fs.list(dir)) {
    if (parseFileName(name).kind === 'segment') await requireFile(env.fs, join(dir, name));
  }
  const message = 'There are segments but no manifest; kv-check names what is there';
  throw new KvError('KV_CORRUPTION', message, { path: dir });
}

/** Throws KV_NOT_A_STORE when the directory has no files of a store. */
export async function requireStore(env: Env, dir: string): Promise<void> {
  let names: string[];
  try {
    names = await env.fs.list(dir);
  } catch (error: unknown) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const what = code === 'ENOENT' ? 'There is no such directory' : 'This is not a directory';
    throw new KvError('KV_NOT_A_STORE', what, { path: dir, cause: error });
  }
  if (names.some((name) => name === MANIFEST_NAME || parseFileName(name).kind === 'segment'))
    return;
  await refuseRemnants(env.fs, dir);
  throw new KvError('KV_NOT_A_STORE', 'There is no store in this directory', { path: dir });
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.subarray(0, prefix.length).equals(prefix);
}
