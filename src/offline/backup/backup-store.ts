// One round of a backup: writes the state of a store at one seq into a backup directory, beside the files of earlier
// rounds (docs/format.md, "Backup"). It takes no lock in the store's directory and changes nothing in it.
//
// Invariants:
// - The new manifest is written last; until then the manifest before it is the newest, and all its files are there.
// - All files of the log are open before the first byte is copied, so a file that a compaction removes is still copied.

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

/** The folder in the root of a new file system, which the target directory may have. */
const OF_FILE_SYSTEM = 'lost+found';
/** The newest manifest and the one before it, in case the newest is damaged. */
const MANIFESTS_KEPT = 2;

interface BackupOptions {
  /** Checks whether a server runs on the store's directory now. */
  readonly isServed: () => Promise<boolean>;
  /** Files that were replaced longer ago are removed; Infinity: none is. */
  readonly keepMs: number;
  /** Called with the number of bytes read since the last call. */
  readonly onBytes?: (bytes: number) => void;
}

export interface BackupReport extends PoolReport {
  readonly manifest: BackupManifest;
  /** Name of the manifest. */
  readonly name: string;
}

/**
 * Makes a backup of the store in `dir`. Throws as StoreReader.open does for the store; KV_BAD_OPTION when `target` has
 * other files, or backups of another store; KV_LOCKED while another backup is made there; KV_NO_SPACE.
 */
export async function backUp(
  env: Env,
  dir: string,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  // This throws when there is no store, before anything is created in the target.
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
  // The new manifest would list the same files, and would be useless if one is missing.
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

/** Writes the newest state and the store's history to `sink`. Returns the manifest, which belongs after all of it. */
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

/** Cuts the log at one seq, after all large values that are live at that seq are in the sink. */
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
      // While a value is being moved to the history, it may be found in both places.
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
    // A large value was removed soon after it was written, before it could be taken. All values written up to this
    // cut that still exist are in the sink, so the next check begins after this cut.
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
  const message = `The log of the store ends at seq ${cut.seq}, but the newest backup there has seq ${before.seq}: the store was put back to an earlier state, or is an older copy; choose another directory`;
  throw new KvError('KV_BAD_OPTION', message, { path: target });
}

/** Throws KV_BAD_OPTION when the segment that ended the log in the newest backup now has other bytes there. */
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

/** Puts the history's files that are no longer in the log. */
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
  // Each manifest gets a name of its own, and the newest sorts last, whatever the clock does.
  const atMs = seq === before?.seq ? Math.max(cut.atMs, before.atMs + 1) : cut.atMs;
  const endMs = atMs - keepMs;
  const live = new Set(segments.map((each) => backupSegmentName(each)));
  const past = new Map<string, PastBackupSegment>();
  for (const each of before?.past ?? []) past.set(backupSegmentName(each), each);
  for (const each of before?.segments ?? []) {
    // The log had the file at that time; only the store's history knows whether it had it for longer.
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

/** Removes files that no kept manifest lists: older manifests first, so that each manifest there has its files. */
async function sweep(fs: Fs, target: string, pool: Pool): Promise<void> {
  const names = await backupManifestNames(fs, target);
  for (const name of names.slice(0, -MANIFESTS_KEPT)) await fs.remove(join(target, name));
  await fs.syncDir(target);
  const kept = names.slice(-MANIFESTS_KEPT).map((name) => readBackupManifest(fs, target, name));
  await pool.sweep(await Promise.all(kept));
}

/** Throws KV_BAD_OPTION when the directory has a file that is not part of a backup. */
async function refuseStrangers(fs: Fs, target: string): Promise<void> {
  let names: string[];
  try {
    names = await fs.list(target);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw new KvError(
      'KV_BAD_OPTION',
      'Backups cannot go here: it is no directory, or may not be read',
      {
        path: target,
        cause: error,
      },
    );
  }
  const stranger = names.find(
    (name) => ![OF_FILE_SYSTEM, LOCK_NAME].includes(name) && kindOfBackupName(name) === undefined,
  );
  if (stranger === undefined) return;
  const message = 'This directory has a file that is not part of a backup; name a new directory';
  throw new KvError('KV_BAD_OPTION', message, { path: join(target, stranger) });
}
