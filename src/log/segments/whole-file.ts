// Whole files: writes and reads files as a whole: the MANIFEST, hints, the image.
// Invariants: replaceFile is atomic, and durable when it returns (temporary name, sync, rename, directory sync); it
// replaces no file that is not ours. A short write, which Node reports only as a smaller count, is an error.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { fullDiskFailure } from '../../env/file-failure.js';
import { KvError, systemCode } from '../../errors.js';
import { returnedBuffer } from '../bytes/returned-memory.js';
import { freeTemporaryName, requireMayPut } from './ownership.js';

/** Writes all of `bytes` at `position` or throws; a short count gives KV_NO_SPACE. */
export async function writeFully(file: File, bytes: Uint8Array, position: number): Promise<void> {
  const count = await file.write(bytes, position);
  if (count !== bytes.length) throw shortWrite(file, count, bytes.length, position);
}

/** Returns the error for a write at `position` that wrote only `count` of `bytes` bytes. */
export function shortWrite(file: File, count: number, bytes: number, position: number): KvError {
  const message = `Only ${count} of ${bytes} bytes could be written`;
  return new KvError('KV_NO_SPACE', message, { path: file.path, offset: position });
}

/**
 * Writes `bytes` to the file `name`, replacing the old file. `name` never leads to a partial file. When it throws
 * after it called `switching`, a later start may find the old or the new file.
 */
export async function replaceFile(
  fs: Fs,
  dir: string,
  name: string,
  bytes: Uint8Array,
  switching: () => void = () => undefined,
): Promise<void> {
  await replaceFileBy(fs, dir, name, (file) => writeFully(file, bytes, 0), switching);
}

/** As replaceFile; `write` writes the content of the new file. */
export async function replaceFileBy(
  fs: Fs,
  dir: string,
  name: string,
  write: (file: File) => Promise<void>,
  switching: () => void = () => undefined,
): Promise<void> {
  await requireMayPut(fs, dir, name);
  const temporary = join(dir, await freeTemporaryName(fs, dir, name));
  try {
    await writeSynced(fs, temporary, write);
    switching();
    await fs.rename(temporary, join(dir, name));
  } catch (error) {
    // The temporary file may use the last room of a full disk. A failed removal must not hide the first error.
    await fs.remove(temporary).catch(() => undefined);
    throw fullDiskFailure('A file of the store cannot be written', join(dir, name), error);
  }
  await fs.syncDir(dir);
}

async function writeSynced(
  fs: Fs,
  path: string,
  write: (file: File) => Promise<void>,
): Promise<void> {
  const file = await fs.open(path, 'create');
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Opens a file for reading; returns undefined when it does not exist. */
export async function openIfThere(fs: Fs, path: string): Promise<File | undefined> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Memory that is used for one file after the other, so that the system need not clear new memory for each. */
export class ReadRoom {
  #bytes: Buffer = Buffer.alloc(0);

  /** Returns `bytes` bytes with any content, valid until the next call. They begin at a whole word. */
  of(bytes: number): Buffer {
    if (bytes > this.#bytes.length) {
      // Files of one kind have about the same length, so the next one should find room.
      this.#bytes = returnedBuffer(bytes + (bytes >>> 4));
    }
    return this.#bytes.subarray(0, bytes);
  }
}

/**
 * Reads the whole file, or its first `bytesMax` bytes, into `room` or into memory of its own. Returns undefined when
 * the file does not exist.
 */
export async function readWholeFile(
  fs: Fs,
  path: string,
  bytesMax = Number.POSITIVE_INFINITY,
  room?: ReadRoom,
): Promise<Buffer | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    const size = Math.min(await file.size(), bytesMax);
    const bytes = room === undefined ? returnedBuffer(size) : room.of(size);
    const count = await file.read(bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}
