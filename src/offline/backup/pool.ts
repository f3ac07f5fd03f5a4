// The pool: the files of a backup directory. It puts segments and large values there, by a hard link where the file
// system allows it and by a copy otherwise, and removes files that no manifest names any more.
//
// Invariants:
// - Before a manifest names a byte, the byte was read, checked against the store's checksums, and is durable.
// - A file changes only by growing after the length that a manifest gives, and only while it has no other name. So what
//   a manifest says about a file stays true, even if the backup is killed at any moment.
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
/** Bytes per sync, few enough that the disk's queue stays short for the commits of a server. */
const SYNC_BYTES = 4 * 1024 * 1024;
/** Number of bytes at the end of a growing file that are compared with the source. */
const COMPARED_BYTES = 64 * 1024;

/** Errors of a file system that cannot give this file a second name; the file is then copied. */
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
  /** True when nothing writes to it any more. */
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

/** Takes the files of a backup: a backup directory, or a stream. */
export interface BackupSink {
  hasLarge(id: number, salt: number): boolean;
  /** Both throw KV_CORRUPTION for damaged bytes. */
  putSegment(place: PooledSegment, source: SourceFile): Promise<Checked>;
  putLarge(place: PooledLarge, file: File): Promise<Checked>;
}

export interface PoolReport {
  /** Bytes that were copied, and bytes whose file got a second name. */
  readonly copiedBytes: number;
  readonly linkedBytes: number;
}

export class Pool implements BackupSink {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #onBytes: (bytes: number) => void;
  readonly #pace: Pace;
  /** The files in the directory, from the newest manifest and from this round. */
  readonly #known: Map<string, Checked>;
  #copiedBytes = 0;
  #linkedBytes = 0;

  /** `onBytes` is called with the number of bytes read. Requires: the directory's lock. */
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
    if (from > source.bytes) throw this.#otherCourse(name);
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

  /** Throws KV_BAD_OPTION unless the source still begins with what was copied of it, if anything was. */
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
      if (!ours.equals(theirs)) throw this.#otherCourse(name);
    } finally {
      await file.close();
    }
  }

  /** Makes the names of the files that were put durable. */
  settle(): Promise<void> {
    return this.#fs.syncDir(this.#dir);
  }

  /** Removes the files that none of the manifests names, and the temporary files of backups that were cut short. */
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

  /** Appends the new bytes. Returns undefined when the file has other names, because their owners must not see a change. */
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
    // A backup that was cut short may have left this file, with an unknown part of it valid.
    await this.#fs.remove(path);
    try {
      await this.#fs.link(file.path, path);
    } catch (error) {
      if (NO_LINKS.has(systemCode(error) ?? '')) return undefined;
      throw error;
    }
    // The path may lead to another file by now.
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
      // The temporary file may use the last room of a full disk. A failed removal must not hide the first error.
      await this.#fs.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** Reads the bytes from `start` to `end`, and writes them to `to` if given. Returns `crc` with these bytes added. */
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

  #otherCourse(name: string): KvError {
    const message =
      'The backups there have records that the log of the store no longer has: the store was put back to an earlier state, or is a copy that went on by itself; choose another directory';
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
