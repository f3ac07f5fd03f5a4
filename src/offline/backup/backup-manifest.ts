// The manifest of a backup: lists the files of the backup directory that hold the state of a store at one seq, and the
// files of earlier moments, each with its length and checksum (docs/format.md, "Backup").
//
// Invariants:
// - A manifest is written when all files that it names are durable, under a name that no other manifest had. A backup
//   that was cut short has no manifest, and leaves earlier manifests as they were.
// - Sorting manifests by name gives the order in which they were made.

import { crc32 } from 'node:zlib';
import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { readWholeFile } from '../../log/segments/whole-file.js';

const FORMAT = 'cairn-backup';
const VERSION = 1;

/** The number of bytes from the start of a file that belong to the backup, and their CRC-32. */
export interface Checked {
  readonly bytes: number;
  readonly crc: number;
}

/** A segment's file, with its place in the log as in the MANIFEST of the store. */
export interface BackupSegment extends Checked {
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
  /** See ManifestEntry. */
  readonly horizon?: number;
}

export interface PastBackupSegment extends BackupSegment {
  /** The highest seq for which the log is known to have had this file. */
  readonly replacedSeq: number;
  /** The latest time at which the log is known to have had it, Unix ms. */
  readonly replacedMs: number;
}

export interface BackupLargeValue extends Checked {
  readonly id: number;
  readonly salt: number;
}

interface PastBackupLargeValue extends BackupLargeValue {
  /** The time when it left the store, or when a backup first found it missing, Unix ms. */
  readonly replacedMs: number;
}

export interface BackupManifest {
  readonly storeId: string;
  /** The seq of the last record in the backup. */
  readonly seq: number;
  /** Every record up to this time is in the backup, Unix ms. */
  readonly atMs: number;
  /** In log order. */
  readonly segments: readonly BackupSegment[];
  readonly past: readonly PastBackupSegment[];
  readonly large: readonly BackupLargeValue[];
  readonly pastLarge: readonly PastBackupLargeValue[];
}

const MANIFEST_PATTERN = /^backup-(\d{15})-(\d{15})\.json$/;
const POOL_PATTERN = /^(\d{10}-\d{4,}-[0-9a-f]{8}\.seg|\d{15}-[0-9a-f]{8}\.val)$/;
const TEMPORARY_PATTERN = /^(.+)\.cairn-[0-9a-f]+\.tmp$/;

export function backupManifestName({ seq, atMs }: Pick<BackupManifest, 'seq' | 'atMs'>): string {
  return `backup-${digits(seq, 15)}-${digits(atMs, 15)}.json`;
}

/** Returns `<last>-<generation>-<salt>.seg`, a name that no other segment of the store ever has. */
export function backupSegmentName(place: {
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
}): string {
  return `${digits(place.last, 10)}-${digits(place.generation, 4)}-${hex(place.salt)}.seg`;
}

/** Returns `<id>-<salt>.val`. */
export function backupLargeName({
  id,
  salt,
}: {
  readonly id: number;
  readonly salt: number;
}): string {
  return `${digits(id, 15)}-${hex(salt)}.val`;
}

/** Returns the kind of file that a name in a backup directory stands for; undefined for a file that is not ours. */
export function kindOfBackupName(name: string): 'manifest' | 'file' | 'temporary' | undefined {
  if (MANIFEST_PATTERN.test(name)) return 'manifest';
  if (POOL_PATTERN.test(name)) return 'file';
  const of = TEMPORARY_PATTERN.exec(name)?.[1];
  return of !== undefined && kindOfBackupName(of) !== undefined ? 'temporary' : undefined;
}

/** Returns the names of all files that the manifest lists, with their lengths and checksums. */
export function filesOf(manifest: BackupManifest): ReadonlyMap<string, Checked> {
  const { segments, past, large, pastLarge } = manifest;
  return new Map<string, Checked>([
    ...[...segments, ...past].map((each) => [backupSegmentName(each), each] as const),
    ...[...large, ...pastLarge].map((each) => [backupLargeName(each), each] as const),
  ]);
}

/** Throws KV_CORRUPTION when a file that the manifest lists is not in the directory. */
export async function requireFiles(fs: Fs, dir: string, manifest: BackupManifest): Promise<void> {
  const there = new Set(await fs.list(dir));
  const missing = [...filesOf(manifest).keys()].find((name) => !there.has(name));
  if (missing === undefined) return;
  throw fileMissing(join(dir, missing), '; begin a new backup directory');
}

/** Returns the error for a missing file. `advice` is the next step, beginning with a semicolon. */
export function fileMissing(path: string, advice = '', cause?: unknown): KvError {
  const message = `A file that the manifest of the backup names is missing${advice}`;
  return new KvError('KV_CORRUPTION', message, { path, cause });
}

/** Returns two lines, as in the MANIFEST of a store: the content as JSON, and its checksum. */
export function composeBackupManifest(manifest: BackupManifest): string {
  const line = JSON.stringify({ format: FORMAT, version: VERSION, ...manifest });
  return `${line}\ncrc32 ${hex(crc32(line))}\n`;
}

/** Throws KV_CORRUPTION, KV_FORMAT_VERSION. */
function parseBackupManifest(text: string, path: string): BackupManifest {
  const [line = '', sum = ''] = text.split('\n');
  if (sum !== `crc32 ${hex(crc32(line))}`) {
    const message =
      'The manifest of a backup is damaged: its checksum does not match; move it away to go on with the one before it';
    throw new KvError('KV_CORRUPTION', message, { path });
  }
  const { format, version, ...manifest } = JSON.parse(line) as BackupManifest & {
    readonly format: string;
    readonly version: number;
  };
  if (format !== FORMAT) {
    throw new KvError('KV_CORRUPTION', 'This is not the manifest of a backup', { path });
  }
  if (version === VERSION) return manifest;
  const message = `Format version ${version} is not known to this release; use a newer one`;
  throw new KvError('KV_FORMAT_VERSION', message, { path });
}

/** Returns the names of the manifests in a directory, the oldest first. */
export async function backupManifestNames(fs: Fs, dir: string): Promise<string[]> {
  const names = await fs.list(dir);
  return names.filter((name) => kindOfBackupName(name) === 'manifest').toSorted();
}

export async function readBackupManifest(
  fs: Fs,
  dir: string,
  name: string,
): Promise<BackupManifest> {
  const path = join(dir, name);
  const bytes = await readWholeFile(fs, path);
  if (bytes !== undefined) return parseBackupManifest(bytes.toString('utf8'), path);
  throw new KvError('KV_CORRUPTION', 'The manifest of a backup was removed', { path });
}

/** Returns the newest manifest; undefined when there is none. */
export async function newestBackup(fs: Fs, dir: string): Promise<BackupManifest | undefined> {
  const name = (await backupManifestNames(fs, dir)).at(-1);
  return name === undefined ? undefined : readBackupManifest(fs, dir, name);
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, '0');
}

function hex(number: number): string {
  return number.toString(16).padStart(8, '0');
}
