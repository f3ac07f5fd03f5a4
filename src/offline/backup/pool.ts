// The files of a backup directory: puts segments and large values there, by a hard link where the file system lets it,
// else by a copy, and removes what no manifest names any more.
//
// Invariants:
// - Every byte that a manifest is to name was read and found as the store wrote it, and is durable before that.
// - Only a file whose end is known changes: it grows behind that, and only while it has no other name. So what a
//   manifest says of a file stays true, at whatever instant this is killed.
// - Only files with the names of a backup are removed.

import { crc32 } from 'node:zlib';
import { join } from 'node:path';

import type { Env, File, Fs } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { temporaryName } from '../../log/bytes/file-names.js';
import { openIfThere, writeFully } from '../../log/segments/whole-file.js';
import type { Pace } from './pace.js';
import { checkLargeFile, checkSegmentBytes } from './source-check.js';
import {
  backupLargeName,
  backupSegmentName,
  filesOf,
  kindOfBackupName,
  type BackupManifest,
  type Checked,
} from './backup-manifest.js';

const CHUNK_BYTES = 1024 * 1024;
/** Synced so often that the disk's queue stays short for the commits of a server. */
const SYNC_BYTES = 4 * 1024 * 1024;
/** Of a file that grows so much of its end is compared. */
const COMPARED_BYTES = 64 * 1024;

/** Of a file system that has no second names, or not for this file: then it is copied. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EACCES',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'ENOENT',
]);

/** A file of the store, open for reading. */
export interface SourceFile {
  readonly file: File;
  readonly bytes: number;
  /** Nothing writes to it any more. */
  readonly isSealed: boolean;
}

export interface PooledSegment {
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
}

export interface PooledLarge {
  readonly id: number;
  readonly salt: number;
}

/** Where a backup puts its files: a backup directory, or a stream. */
export interface BackupSink {
  hasLarge(id: number, salt: number): boolean;
  /** Both throw KV_CORRUPTION for damaged bytes. */
  putSegment(place: PooledSegment, source: SourceFile): Promise<Checked>;
  putLarge(place: PooledLarge, file: File): Promise<Checked>;
}

export interface PoolReport {
  /** Bytes that were copied, and that got a second name. */
  readonly copiedBytes: number;
  readonly linkedBytes: number;
}

export class Pool implements BackupSink {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #onBytes: (bytes: number) => void;
  readonly #pace: Pace;
  /** What is there, by the newest manifest and what came since. */
  readonly #known: Map<string, Checked>;
  #copiedBytes = 0;
  #linkedBytes = 0;

  /** `onBytes` is told of bytes that were read. Requires: the directory's lock. */
  constructor(
    { fs }: Pick<Env, 'fs'>,
    dir: string,
    newest: BackupManifest | undefined,
    onBytes: (bytes: number) => void,
    pace: Pace,
  ) {
    this.#fs = fs;
    this.#dir = dir;
    this.#onBytes = onBytes;
    this.#pace = pace;
    this.#known = new Map(newest === undefined ? [] : filesOf(newest));
  }

  get report(): PoolReport {
    return { copiedBytes: this.#copiedBytes, linkedBytes: this.#linkedBytes };
  }

  hasLarge(id: number, salt: number): boolean {
    return this.#known.has(backupLargeName({ id, salt }));
  }

  async putSegment(place: PooledSegment, source: SourceFile): Promise<Checked> {
    const name = backupSegmentName(place);
    const known = this.#known.get(name);
    if (known?.bytes === source.bytes) return known;
    const from = known?.bytes ?? 0;
    if (from > source.bytes) throw this.#anotherLife(name);
    await checkSegmentBytes(source.file, place.salt, source.bytes, from, this.#pace);
    return this.#put(name, known, source);
  }

  async putLarge(place: PooledLarge, file: File): Promise<Checked> {
    const name = backupLargeName(place);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const bytes = await checkLargeFile(file, place, this.#pace);
    return this.#put(name, undefined, { file, bytes, isSealed: true });
  }

  /** Whether what was copied of a file that is not whole yet is still how it begins. */
  async requireSameStart(place: PooledSegment, source: File): Promise<void> {
    const name = backupSegmentName(place);
    const known = this.#known.get(name);
    if (known === undefined) return;
    const file = await this.#fs.open(join(this.#dir, name), 'read');
    try {
      await requireLength(file, known);
      const count = Math.min(COMPARED_BYTES, known.bytes);
      const at = known.bytes - count;
      const [ours, theirs] = [Buffer.alloc(count), Buffer.alloc(count)];
      await file.read(ours, at);
      await source.read(theirs, at);
      if (!ours.equals(theirs)) throw this.#anotherLife(name);
    } finally {
      await file.close();
    }
  }

  /** Makes the names of what was put durable. */
  settle(): Promise<void> {
    return this.#fs.syncDir(this.#dir);
  }

  /** Removes the files that none of the manifests names, and what a backup that was cut short left. */
  async sweep(kept: readonly BackupManifest[]): Promise<void> {
    const named = new Set(kept.flatMap((manifest) => [...filesOf(manifest).keys()]));
    for (const name of await this.#fs.list(this.#dir)) {
      const kind = kindOfBackupName(name);
      if (kind === 'temporary' || (kind === 'file' && !named.has(name)))
        await this.#fs.remove(join(this.#dir, name));
    }
  }

  async #put(name: string, known: Checked | undefined, source: SourceFile): Promise<Checked> {
    const checked =
      (known === undefined ? undefined : await this.#grow(name, known, source)) ??
      (source.isSealed ? await this.#link(name, source) : undefined) ??
      (await this.#copy(name, source));
    this.#known.set(name, checked);
    return checked;
  }

  /** Undefined: the file has other names, and what lies under those is not ours to change. */
  async #grow(name: string, known: Checked, source: SourceFile): Promise<Checked | undefined> {
    const file = await openForGrowth(this.#fs, join(this.#dir, name), known);
    if (file === undefined) return undefined;
    try {
      const crc = await this.#transfer(source.file, known.bytes, source.bytes, known.crc, file);
      await file.sync();
      return { bytes: source.bytes, crc };
    } finally {
      await file.close();
    }
  }

  async #link(name: string, { file, bytes }: SourceFile): Promise<Checked | undefined> {
    const path = join(this.#dir, name);
    // Left by a backup that was cut short: how much of it is good nobody knows.
    await this.#fs.remove(path);
    try {
      await this.#fs.link(file.path, path);
    } catch (error) {
      if (NO_LINKS.has(systemCode(error) ?? '')) return undefined;
      throw error;
    }
    // Its path may lead to another file by now.
    const linked = await openIfThere(this.#fs, path);
    try {
      if (linked === undefined || !(await file.isInPlace())) return undefined;
      const crc = await this.#transfer(linked, 0, bytes, 0);
      this.#linkedBytes += bytes;
      return { bytes, crc };
    } finally {
      await linked?.close();
    }
  }

  async #copy(name: string, { file, bytes }: SourceFile): Promise<Checked> {
    const temporary = join(this.#dir, temporaryName(name, this.#fs.unique()));
    const copy = await this.#fs.open(temporary, 'create');
    try {
      let crc: number;
      try {
        crc = await this.#transfer(file, 0, bytes, 0, copy);
        await copy.sync();
      } finally {
        await copy.close();
      }
      await this.#fs.rename(temporary, join(this.#dir, name));
      return { bytes, crc };
    } catch (error) {
      // It may take the last room of a full disk; the first failure is the one to tell.
      await this.#fs.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** The CRC with the bytes from `start` to `end` added; they go to `to`, if that is given. */
  async #transfer(from: File, start: number, end: number, crc: number, to?: File): Promise<number> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - start));
    let sum = crc;
    let unsynced = 0;
    for (let at = start; at < end;) {
      const wanted = chunk.subarray(0, Math.min(CHUNK_BYTES, end - at));
      const count = await from.read(wanted, at);
      if (count !== wanted.length) {
        const message = 'The file became shorter while it was copied';
        throw new KvError('KV_CORRUPTION', message, { path: from.path, offset: at + count });
      }
      sum = crc32(wanted, sum);
      if (to !== undefined) {
        await writeFully(to, wanted, at);
        this.#copiedBytes += count;
        unsynced += count;
        if (unsynced >= SYNC_BYTES) {
          await to.sync();
          unsynced = 0;
        }
      }
      at += count;
      this.#onBytes(count);
      await this.#pace.rest();
    }
    return sum;
  }

  #anotherLife(name: string): KvError {
    const message =
      'The backups there are of another life of this store: what they have of its log is not in it any more; choose another directory';
    return new KvError('KV_BAD_OPTION', message, { path: join(this.#dir, name) });
  }
}

async function openForGrowth(fs: Fs, path: string, known: Checked): Promise<File | undefined> {
  const file = await fs.open(path, 'write');
  try {
    await requireLength(file, known);
    if ((await file.links()) === 1) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

async function requireLength(file: File, { bytes }: Checked): Promise<void> {
  const offset = await file.size();
  if (offset >= bytes) return;
  const message = `A file of the backup is shorter than its ${bytes} bytes; begin a new backup directory`;
  throw new KvError('KV_CORRUPTION', message, { path: file.path, offset });
}
