// Backup reader: reads a backup directory, or a store's own directory, as it was at one moment, for kv-restore and
// kv-dump. It takes no lock and changes nothing; a backup may be made meanwhile.

import { join } from 'node:path';

import type { Env, File } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { SegmentTable } from '../../log/segments/segment.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import { checkIdentity, readHeader } from '../../log/segments/directory.js';
import { closePast, pastAt, type Moment, type PastSegment } from '../past-segments.js';
import { settled } from '../settled.js';
import { StoreReader } from '../store-reader.js';
import {
  backupLargeName,
  backupSegmentName,
  fileMissing,
  newestBackup,
  type BackupManifest,
  type BackupSegment,
} from './backup-manifest.js';

/**
 * Opens the backup or the store in `dir`. Throws KV_NOT_A_STORE when there is neither, KV_TOO_OLD when the moment is not
 * kept, KV_BAD_OPTION when it is later than the newest backup, KV_CORRUPTION when files are damaged.
 */
export async function openReader(env: Env, dir: string, moment?: Moment): Promise<StoreReader> {
  if ((await backupIn(env, dir)) === undefined) return StoreReader.open(env, dir, moment);
  return settled(async () => {
    const manifest = await newestBackup(env.fs, dir);
    if (manifest === undefined)
      throw new KvError('KV_CORRUPTION', 'The backup was removed', { path: dir });
    return openBackup(env, dir, manifest, moment);
  });
}

/** Returns the newest manifest in the directory; undefined when it holds no backup. */
async function backupIn(env: Env, dir: string): Promise<BackupManifest | undefined> {
  try {
    return await newestBackup(env.fs, dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function openBackup(
  env: Env,
  dir: string,
  manifest: BackupManifest,
  moment: Moment | undefined,
): Promise<StoreReader> {
  const { large, pastLarge, atMs } = manifest;
  const names = new Set([...large, ...pastLarge].map((each) => backupLargeName(each)));
  const there = new Set(await env.fs.list(dir));
  const largePath = (reference: LargeReference): string | undefined => {
    const name = backupLargeName(reference);
    if (!names.has(name)) return undefined;
    if (!there.has(name)) throw fileMissing(join(dir, name));
    return join(dir, name);
  };
  if (moment?.kind === 'time' && moment.ms > atMs) {
    const message = `The newest backup there was made at ${new Date(atMs).toISOString()}`;
    throw new KvError('KV_BAD_OPTION', message, { path: dir });
  }
  const advice = `kv-backup --to ${dir} --verify reads all of the backup`;
  // Reading the newest moment ignores the files of earlier moments, so damage in those does not matter.
  const past = moment === undefined ? [] : manifest.past;
  const all = await openSegments(env, dir, { ...manifest, past });
  if (moment === undefined) {
    const { live: table } = all;
    const nowMs = Math.max(env.clock.wallMs(), atMs);
    const { seq } = manifest;
    return StoreReader.openFiles(env, dir, { table, seq, nowMs, largePath, advice });
  }
  const live = all.live.ordered.map((segment) => ({
    segment,
    replacedSeq: Infinity,
    replacedMs: atMs,
  }));
  const { table, seq } = await pastAt([...live, ...all.past], moment, dir);
  const nowMs = moment.kind === 'time' ? moment.ms : undefined;
  return StoreReader.openFiles(env, dir, { table, seq, nowMs, largePath, advice });
}

interface OpenSegments {
  readonly live: SegmentTable;
  readonly past: readonly PastSegment[];
}

async function openSegments(
  env: Env,
  dir: string,
  { storeId, segments, past }: BackupManifest,
): Promise<OpenSegments> {
  const live = new SegmentTable();
  const earlier: PastSegment[] = [];
  const elsewhere = new SegmentTable();
  try {
    for (const each of segments) {
      const segment = live.add(each, await openSegment(env, dir, storeId, each));
      segment.sealed = true;
      segment.committedBytes = each.bytes;
    }
    for (const each of past) {
      const segment = elsewhere.create(each, await openSegment(env, dir, storeId, each));
      segment.sealed = true;
      segment.committedBytes = each.bytes;
      earlier.push({ segment, replacedSeq: each.replacedSeq, replacedMs: each.replacedMs });
    }
    return { live, past: earlier };
  } catch (error) {
    await live.close();
    await closePast(earlier);
    throw error;
  }
}

async function openSegment(
  env: Env,
  dir: string,
  storeId: string,
  entry: BackupSegment,
): Promise<File> {
  const path = join(dir, backupSegmentName(entry));
  const file = await opened(env, path);
  try {
    checkIdentity(await readHeader(file), entry, storeId, path);
    const size = await file.size();
    if (size >= entry.bytes) return file;
    const message = `A segment of the backup is shorter than its ${entry.bytes} bytes`;
    throw new KvError('KV_CORRUPTION', message, { path, offset: size });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function opened(env: Env, path: string): Promise<File> {
  try {
    return await env.fs.open(path, 'read');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw fileMissing(path, '', error);
  }
}
