// Backup check: reads every file of a backup directory back, compares it with the checksums of the manifests, and
// replays the newest state as a restore would.

import { crc32 } from 'node:zlib';
import { join } from 'node:path';

import type { Env, File } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import {
  backupManifestNames,
  fileMissing,
  filesOf,
  readBackupManifest,
  type Checked,
} from './backup-manifest.js';
import { openReader } from './backup-reader.js';

const CHUNK_BYTES = 1024 * 1024;

interface BackupCheck {
  readonly files: number;
  readonly bytes: number;
  readonly keys: number;
  readonly seq: number;
}

/**
 * Checks the backups in `dir`. Throws KV_CORRUPTION with the first file that differs from its checksum, KV_NOT_A_STORE
 * when there is no backup. Requires: no backup is made there meanwhile.
 */
export async function checkBackup(
  env: Env,
  dir: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<BackupCheck> {
  const names = await backupManifestNames(env.fs, dir);
  if (names.length === 0) throw new KvError('KV_NOT_A_STORE', 'There is no backup', { path: dir });
  /** For each file, the lengths that the manifests name, each with the checksum up to there. */
  const wanted = new Map<string, Checked[]>();
  for (const name of names) {
    for (const [file, checked] of filesOf(await readBackupManifest(env.fs, dir, name)))
      wanted.set(file, [...(wanted.get(file) ?? []), checked]);
  }
  let bytes = 0;
  for (const [name, checks] of wanted) {
    bytes += await checkFile(env, join(dir, name), checks, onBytes);
  }
  const reader = await openReader(env, dir);
  try {
    return { files: wanted.size, bytes, keys: reader.count(), seq: reader.seq };
  } finally {
    await reader.close();
  }
}

async function checkFile(
  env: Env,
  path: string,
  checks: readonly Checked[],
  onBytes: (bytes: number) => void,
): Promise<number> {
  const file = await opened(env, path);
  try {
    let at = 0;
    let crc = 0;
    for (const { bytes, crc: wanted } of checks.toSorted((a, b) => a.bytes - b.bytes)) {
      crc = await crcOf(file, at, bytes, crc, onBytes);
      at = bytes;
      if (crc === wanted) continue;
      const message = `A file of the backup is damaged: its first ${bytes} bytes do not have the checksum that the manifest gives`;
      throw new KvError('KV_CORRUPTION', message, { path });
    }
    return at;
  } finally {
    await file.close();
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

async function crcOf(
  file: File,
  start: number,
  end: number,
  crc: number,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(1, end - start)));
  let sum = crc;
  for (let at = start; at < end;) {
    const wanted = chunk.subarray(0, Math.min(chunk.length, end - at));
    const count = await file.read(wanted, at);
    if (count !== wanted.length) {
      const message = `A file of the backup is shorter than its ${end} bytes`;
      throw new KvError('KV_CORRUPTION', message, { path: file.path, offset: at + count });
    }
    sum = crc32(wanted, sum);
    at += count;
    onBytes(count);
  }
  return sum;
}
