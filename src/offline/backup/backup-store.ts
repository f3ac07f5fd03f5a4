// One round of a backup: the state of a store at one seq goes into a backup directory, beside what earlier rounds put
// there (docs/format.md, "Backup"). Takes no lock in the store's directory and changes nothing in it.
//
// Invariants:
// - The new manifest comes last; until then the one before it is the newest, and all that it names is there.
// - All files of the log are open before the first byte is copied: what a compaction removes meanwhile is copied still.

import { join } from 'node:path';

import type { Env, Fs, Lock } from '../../env/env.js';
import { fullDiskFailure } from '../../env/file-failure.js';
import { KvError, isKvError, systemCode } from '../../errors.js';
import { LOCK_NAME } from '../../log/bytes/file-names.js';
import type { Segment } from '../../log/segments/segment.js';
import { replaceFile } from '../../log/segments/whole-file.js';
import { closePast, openHistory, type PastSegment } from '../past-segments.js';
import {
  backupLargeName,
  backupManifestName,
  backupManifestNames,
  backupSegmentName,
  composeBackupManifest,
  kindOfBackupName,
  newestBackup,
  readBackupManifest,
  requireFiles,
  type BackupManifest,
  type BackupSegment,
  type PastBackupSegment,
} from './backup-manifest.js';
import { lacksLarge, takeLargeValues, type FoundLarge } from './large-sources.js';
import { cutLog, newestSeq, type CutSegment, type LogCut } from './log-cut.js';
import { Pace } from './pace.js';
import { Pool, type BackupSink, type PoolReport } from './pool.js';

/** What a new file system has in its root is not in the way. */
const OF_FILE_SYSTEM = 'lost+found';
/** The newest, and the one before it: should the newest be damaged, that is still there. */
const MANIFESTS_KEPT = 2;

interface BackupOptions {
  /** Whether a server runs on the store's directory now. */
  readonly isServed: () => Promise<boolean>;
  /** What was replaced longer ago goes; Infinity: nothing does. */
  readonly keepMs: number;
  /** Told of bytes that were read: so many more. */
  readonly onBytes?: (bytes: number) => void;
}

export interface BackupReport extends PoolReport {
  readonly manifest: BackupManifest;
  /** Name of the manifest. */
  readonly name: string;
}

/**
 * Throws as StoreReader.open does for the store; KV_BAD_OPTION when `target` holds something else, or backups of another
 * store; KV_LOCKED while another backup is made there; KV_NO_SPACE.
 */
export async function backUp(
  env: Env,
  dir: string,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  // Before anything is made there: whether there is a store at all.
  const since = await newestSeq(env, dir);
  await refuseStrangers(env.fs, target);
  await env.fs.makeDir(target);
  const lock = await lockTarget(env.fs, target);
  try {
    return await backUpLocked(env, dir, target, since, options);
  } catch (error) {
    throw fullDiskFailure('No backup was made', target, error);
  } finally {
    await lock.release();
  }
}

async function backUpLocked(
  env: Env,
  dir: string,
  target: string,
  since: number,
  options: BackupOptions,
): Promise<BackupReport> {
  const before = await newestBackup(env.fs, target);
  // The new manifest would name them, too, and would be of no use.
  if (before !== undefined) await requireFiles(env.fs, target, before);
  const pace = new Pace(env.clock, await options.isServed());
  const pool = new Pool(env, target, before, options.onBytes ?? (() => undefined), pace);
  const manifest = await gather(env, dir, since, before, pool, options, async (cut) => {
    refuseOther(cut, before, target);
    await requireSameLog(cut, before, pool);
  });
  await pool.settle();
  const name = backupManifestName(manifest);
  await replaceFile(env.fs, target, name, Buffer.from(composeBackupManifest(manifest)));
  await sweep(env.fs, target, pool);
  return { manifest, name, ...pool.report };
}

async function lockTarget(fs: Fs, target: string): Promise<Lock> {
  try {
    return await fs.lock(join(target, LOCK_NAME));
  } catch (error) {
    if (!isKvError(error, 'KV_LOCKED')) throw error;
    const message = 'Another backup is being made in this directory';
    throw new KvError('KV_LOCKED', message, { path: target, cause: error });
  }
}

/** The newest state and the store's history, into `sink`. Returns the manifest, which belongs behind all that went there. */
export async function streamBackup(
  env: Env,
  dir: string,
  sink: BackupSink,
  isServed: () => Promise<boolean>,
): Promise<BackupManifest> {
  const since = await newestSeq(env, dir);
  const options = { isServed, keepMs: Infinity };
  return gather(env, dir, since, undefined, sink, options, () => Promise.resolve());
}

async function gather(
  env: Env,
  dir: string,
  since: number,
  before: BackupManifest | undefined,
  sink: BackupSink,
  options: BackupOptions,
  check: (cut: LogCut) => Promise<void>,
): Promise<BackupManifest> {
  const { cut, large } = await cutWithLarge(env, dir, since, sink, options, check);
  try {
    const past = await openHistory(env.fs, dir, cut.storeId);
    try {
      const segments = await putSegments(cut.segments, sink);
      const history = await putHistory(past, segments, sink);
      return composed(cut, before, segments, history, large, options.keepMs);
    } finally {
      await closePast(past);
    }
  } finally {
    await cut.close();
  }
}

/** The log at one seq, and all large values that are live there in the pool. */
async function cutWithLarge(
  env: Env,
  dir: string,
  since: number,
  sink: BackupSink,
  { isServed }: BackupOptions,
  check: (cut: LogCut) => Promise<void>,
): Promise<{ readonly cut: LogCut; readonly large: readonly FoundLarge[] }> {
  const all = new Map<string, FoundLarge>();
  const take = async (): Promise<void> => {
    for (const found of await takeLargeValues(env, dir, sink)) {
      const name = backupLargeName(found);
      // One in the history may be in use as well while it is being moved there.
      if (found.replacedMs === undefined || !all.has(name)) all.set(name, found);
    }
  };
  let from = since;
  await take();
  for (;;) {
    const cut = await cutLog(env, dir, isServed);
    try {
      await check(cut);
      await take();
      if (!(await lacksLarge(cut, from, sink))) return { cut, large: [...all.values()] };
    } catch (error) {
      await cut.close();
      throw error;
    }
    // It went before it could be taken, at once after it came. What came up to here and is still there is in the pool.
    from = cut.seq;
    await cut.close();
  }
}

function refuseOther(cut: LogCut, before: BackupManifest | undefined, target: string): void {
  if (before === undefined) return;
  if (before.storeId !== cut.storeId) {
    const message =
      'The backups there are of another store, as after kv-restore; choose another directory';
    throw new KvError('KV_BAD_OPTION', message, { path: target });
  }
  if (before.seq <= cut.seq) return;
  const message = `The log of the store ends at seq ${cut.seq}, and the newest backup there has seq ${before.seq}: it is of another life of this store; choose another directory`;
  throw new KvError('KV_BAD_OPTION', message, { path: target });
}

/** What was the end of the log in the newest backup must not have become something else. */
async function requireSameLog(
  cut: LogCut,
  before: BackupManifest | undefined,
  pool: Pool,
): Promise<void> {
  const end = before?.segments.at(-1);
  if (end === undefined) return;
  const name = backupSegmentName(end);
  const same = cut.segments.find(({ segment }) => backupSegmentName(segment) === name);
  if (same !== undefined) await pool.requireSameStart(end, same.segment.file);
}

async function putSegments(
  segments: readonly CutSegment[],
  sink: BackupSink,
): Promise<BackupSegment[]> {
  const put: BackupSegment[] = [];
  for (const { segment, bytes, isSealed } of segments) {
    const checked = await sink.putSegment(segment, { file: segment.file, bytes, isSealed });
    put.push({ ...placeOf(segment), ...checked });
  }
  return put;
}

/** Of the files that the log has no more. */
async function putHistory(
  past: readonly PastSegment[],
  live: readonly BackupSegment[],
  sink: BackupSink,
): Promise<PastBackupSegment[]> {
  const named = new Set(live.map((each) => backupSegmentName(each)));
  const put: PastBackupSegment[] = [];
  for (const { segment, replacedSeq, replacedMs } of past) {
    if (named.has(backupSegmentName(segment))) continue;
    const { file, committedBytes: bytes } = segment;
    const checked = await sink.putSegment(segment, { file, bytes, isSealed: true });
    put.push({ ...placeOf(segment), ...checked, replacedSeq, replacedMs });
  }
  return put;
}

function placeOf({
  first,
  last,
  generation,
  salt,
  entry,
}: Segment): Omit<BackupSegment, 'bytes' | 'crc'> {
  const { horizon } = entry;
  return { first, last, generation, salt, ...(horizon === undefined ? {} : { horizon }) };
}

function composed(
  cut: LogCut,
  before: BackupManifest | undefined,
  segments: readonly BackupSegment[],
  history: readonly PastBackupSegment[],
  found: readonly FoundLarge[],
  keepMs: number,
): BackupManifest {
  const { storeId, seq } = cut;
  // Each has a name of its own, and the newest sorts last, whatever the clock does.
  const atMs = seq === before?.seq ? Math.max(cut.atMs, before.atMs + 1) : cut.atMs;
  const endMs = atMs - keepMs;
  const live = new Set(segments.map((each) => backupSegmentName(each)));
  const past = new Map<string, PastBackupSegment>();
  for (const each of before?.past ?? []) past.set(backupSegmentName(each), each);
  for (const each of before?.segments ?? []) {
    // It was in its place then; how much longer nobody knows, unless the store's history does.
    const known = { replacedSeq: before!.seq, replacedMs: before!.atMs };
    past.set(backupSegmentName(each), { ...each, ...known });
  }
  for (const each of history) past.set(backupSegmentName(each), each);
  const large = found.filter(({ replacedMs }) => replacedMs === undefined);
  const inUse = new Set(large.map((each) => backupLargeName(each)));
  const gone = [
    ...found.flatMap(({ replacedMs, ...each }) =>
      replacedMs === undefined ? [] : [{ ...each, replacedMs }],
    ),
    ...(before?.large ?? []).map((each) => ({ ...each, replacedMs: atMs })),
    ...(before?.pastLarge ?? []),
  ];
  const pastLarge = new Map(gone.toReversed().map((each) => [backupLargeName(each), each]));
  return {
    storeId,
    seq,
    atMs,
    segments,
    past: [...past]
      .filter(([name, { replacedMs }]) => !live.has(name) && replacedMs >= endMs)
      .map(([, each]) => each),
    large: large.map(({ id, salt, bytes, crc }) => ({ id, salt, bytes, crc })),
    pastLarge: [...pastLarge]
      .filter(([name, { replacedMs }]) => !inUse.has(name) && replacedMs >= endMs)
      .map(([, each]) => each),
  };
}

/** Removes what nothing names any more: older manifests first, so that each that is there has its files. */
async function sweep(fs: Fs, target: string, pool: Pool): Promise<void> {
  const names = await backupManifestNames(fs, target);
  for (const name of names.slice(0, -MANIFESTS_KEPT)) await fs.remove(join(target, name));
  await fs.syncDir(target);
  const kept = names.slice(-MANIFESTS_KEPT).map((name) => readBackupManifest(fs, target, name));
  await pool.sweep(await Promise.all(kept));
}

/** Throws KV_BAD_OPTION when something else than backups lies there. */
async function refuseStrangers(fs: Fs, target: string): Promise<void> {
  let names: string[];
  try {
    names = await fs.list(target);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw new KvError('KV_BAD_OPTION', 'This is no directory that backups can go to', {
      path: target,
      cause: error,
    });
  }
  const stranger = names.find(
    (name) => ![OF_FILE_SYSTEM, LOCK_NAME].includes(name) && kindOfBackupName(name) === undefined,
  );
  if (stranger === undefined) return;
  const message = 'This directory holds something else than backups; name a new one';
  throw new KvError('KV_BAD_OPTION', message, { path: join(target, stranger) });
}
