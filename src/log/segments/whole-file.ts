// Writing and reading files whole: the MANIFEST, hints, the image.
// Invariants: replaceFile is atomic and durable when it returns (temporary name, sync, rename, directory
// sync) and replaces no stranger's file; a short write is an error, never taken for success (Node reports it as a smaller count).

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { returnedBuffer } from '../bytes/returned-memory.js';
import { freeTemporaryName, requireMayPut } from './ownership.js';

/** Writes all of `bytes` at `position` or throws; a count that is short is KV_NO_SPACE. */
export async function writeFully(file: File, bytes: Uint8Array, position: number): Promise<void> {
  const count = await file.write(bytes, position);
  if (count !== bytes.length) throw shortWrite(file, count, bytes.length, position);
}

/** Only `count` of `bytes` were written at `position`. */
export function shortWrite(file: File, count: number, bytes: number, position: number): KvError {
  const message = `Only ${count} of ${bytes} bytes could be written`;
  return new KvError('KV_NO_SPACE', message, { path: file.path, offset: position });
}

/**
 * Puts `bytes` under `name`, replacing what was there. `name` never shows a partial file. When it throws
 * after it called `switching`, either file may be the one that a later start finds.
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

/** The same with what `write` puts into the new file. */
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
    // It may take the last room of a full disk; the first failure is the one to tell.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
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

/** The file open for reading; undefined when it does not exist. */
export async function openIfThere(fs: Fs, path: string): Promise<File | undefined> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Memory that one file after the other is read into: the system need not clear it for each. */
export class ReadRoom {
  #bytes: Buffer = Buffer.alloc(0);

  /** So many bytes, with anything in them, valid until the next call. They begin at a whole word. */
  of(bytes: number): Buffer {
    if (bytes > this.#bytes.length) {
      // Files of a kind are about as long: the next one should find room.
      this.#bytes = returnedBuffer(bytes + (bytes >>> 4));
    }
    return this.#bytes.subarray(0, bytes);
  }
}

/**
 * The whole file, or no more than its first `bytesMax` bytes, in `room` or in memory of its own; undefined when it
 * does not exist.
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
