// Output files: the file or pipe that a user's output goes to, and how it replaces an older file. Tools, server and
// library all use it (docs/tools.md, "Output files").
//
// Invariants:
// - A link stays a link: its target is written. A pipe, a device or an open descriptor is written, never replaced.
// - A file is replaced when the output is written whole and synced; its owner and its rights stay. When it has other
//   names, or its owner cannot be kept, its bytes are overwritten instead, after disk space for them was reserved.

import fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { assert } from '../assert.js';
import { KvError, systemCode } from '../errors.js';
import { createFile } from './adopt.js';

const openFile = promisify(fs.open);
const LINKS_MAX = 40;
const COPY_BYTES = 1024 * 1024;
const DESCRIPTORS: ReadonlyMap<string, number> = new Map([
  ['/dev/stdin', 0],
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
]);
const DESCRIPTOR_PATTERN = /^\/(?:dev|proc\/(?:self|thread-self|\d+))\/fd\/(\d+)$/;

export type OutputPlace =
  /** A descriptor of this process; `path` is that of the plain file that it leads to, if it does. */
  | { readonly kind: 'descriptor'; readonly fd: number; readonly path: string | undefined }
  /** A pipe or a device. */
  | { readonly kind: 'stream'; readonly path: string }
  /** A file, which need not exist. No part of its path is a link. */
  | { readonly kind: 'file'; readonly path: string; readonly stats: fs.Stats | undefined };

/** Returns where a path given by a user leads to; `-` is stdout. Throws KV_BAD_OPTION for a directory or a socket. */
export async function placeOfOutput(given: string): Promise<OutputPlace> {
  if (given === '-') return descriptorPlace(1);
  let path = resolve(given);
  for (let links = 0; links < LINKS_MAX; links += 1) {
    const fd = descriptorOf(path);
    if (fd !== undefined) return descriptorPlace(fd);
    const dir = await fs.promises.realpath(dirname(path));
    path = join(dir, basename(path));
    const stats = await lstatOf(path);
    if (stats === undefined || stats.isFile()) return { kind: 'file', path, stats };
    if (stats.isFIFO() || stats.isCharacterDevice() || stats.isBlockDevice())
      return { kind: 'stream', path };
    if (!stats.isSymbolicLink())
      throw new KvError('KV_BAD_OPTION', 'The output would go to a directory or a socket', {
        path,
      });
    path = resolve(dir, await fs.promises.readlink(path));
  }
  throw new KvError('KV_BAD_OPTION', 'The output leads from link to link', { path: given });
}

async function descriptorPlace(fd: number): Promise<OutputPlace> {
  return { kind: 'descriptor', fd, path: await plainFileOf(fd) };
}

/** Returns undefined also when the descriptor is not open (the write will fail) or the file has lost its name. */
async function plainFileOf(fd: number): Promise<string | undefined> {
  try {
    const opened = fs.fstatSync(fd);
    if (!opened.isFile()) return undefined;
    const path = await fs.promises.readlink(`/proc/self/fd/${fd}`);
    const named = await lstatOf(path);
    return named?.dev === opened.dev && named.ino === opened.ino ? path : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** As Fs.outputOf. */
export async function outputFileOf(path: string): Promise<string> {
  const place = await placeOfOutput(path);
  if (place.kind === 'file') return place.path;
  throw new KvError('KV_BAD_OPTION', 'The output has to go to a file', { path });
}

function descriptorOf(path: string): number | undefined {
  const known = DESCRIPTORS.get(path);
  if (known !== undefined) return known;
  const found = DESCRIPTOR_PATTERN.exec(path);
  const isOwn = !path.startsWith('/proc/') || /^\/proc\/(self|thread-self)\//.test(path);
  const own = isOwn || path.startsWith(`/proc/${process.pid}/`);
  return found !== null && own ? Number(found[1]) : undefined;
}

async function lstatOf(path: string): Promise<fs.Stats | undefined> {
  try {
    return await fs.promises.lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** As Fs.replaceOutput: `from`, whole and synced, takes the place of the file `to`. */
export async function replaceOutput(from: string, to: string): Promise<void> {
  const old = await lstatOf(to);
  if (old === undefined) return fs.promises.rename(from, to);
  if (!old.isFile()) {
    throw new KvError('KV_BAD_OPTION', 'The output can only replace a file; name another', {
      path: to,
    });
  }
  if (old.nlink === 1 && (await imitates(from, old))) return fs.promises.rename(from, to);
  // From now on `from` is the only whole copy.
  unfinished.delete(from);
  await overwrite(from, to);
  await fs.promises.unlink(from);
}

/** Gives the file the owner and the rights of the old file. Returns false when the system does not allow it. */
async function imitates(path: string, old: fs.Stats): Promise<boolean> {
  const own = await fs.promises.stat(path);
  try {
    if (own.uid !== old.uid || own.gid !== old.gid) await fs.promises.chown(path, old.uid, old.gid);
    await fs.promises.chmod(path, old.mode & 0o7777);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EPERM') return false;
    throw error;
  }
}

/** Copies the bytes of `from` into the existing file `to`. A full disk leaves `to` as it was. */
async function overwrite(from: string, to: string): Promise<void> {
  const source = await fs.promises.open(from, 'r');
  try {
    const target = await fs.promises.open(to, 'r+');
    try {
      const { size } = await source.stat();
      await takeRoom(target, size);
      const piece = Buffer.alloc(COPY_BYTES);
      for (let at = 0; at < size;) {
        const { bytesRead } = await source.read(piece, 0, piece.length, at);
        if (bytesRead === 0) break;
        await writeAt(target, piece.subarray(0, bytesRead), at);
        at += bytesRead;
      }
      await target.truncate(size);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function takeRoom(target: fs.promises.FileHandle, size: number): Promise<void> {
  const { size: before } = await target.stat();
  const zeros = Buffer.alloc(COPY_BYTES);
  try {
    for (let at = before; at < size; at += zeros.length)
      await writeAt(target, zeros.subarray(0, Math.min(zeros.length, size - at)), at);
    await target.sync();
  } catch (error) {
    await target.truncate(before);
    throw error;
  }
}

/** Writes all bytes. After a short write the next call throws the reason, such as a full disk. */
async function writeAt(file: fs.promises.FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** The temporary files of outputs that are being written. */
const unfinished = new Set<string>();

/** Removes the temporary files of outputs; called when a signal is about to end the process. */
export function removeUnfinishedOutputs(): void {
  for (const path of unfinished) fs.rmSync(path, { force: true });
}

/** An output that is being written from its start to its end. */
export class OutputFile {
  /** True when the output becomes a file; false when a reader gets its bytes at once. */
  readonly isFile: boolean;
  readonly #fd: number;
  readonly #owns: boolean;
  /** The temporary path until the output is whole, and the path after that. */
  readonly #move: { readonly from: string; readonly to: string } | undefined;

  private constructor(fd: number, owns: boolean, move?: { from: string; to: string }) {
    this.#fd = fd;
    this.#owns = owns;
    this.#move = move;
    this.isFile = move !== undefined;
  }

  /** `unique` is part of the temporary name. Waits for the reader of a pipe. Throws the system's errors. */
  static async open(place: OutputPlace, unique: string): Promise<OutputFile> {
    if (place.kind === 'descriptor') return new OutputFile(place.fd, false);
    if (place.kind === 'stream') {
      const { O_WRONLY, O_NOCTTY } = fs.constants;
      return new OutputFile(await openFile(place.path, O_WRONLY | O_NOCTTY), true);
    }
    const from = `${place.path}.cairn-${unique}.tmp`;
    const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
    unfinished.add(from);
    try {
      const fd = await createFile(from, O_WRONLY | O_CREAT | O_EXCL);
      return new OutputFile(fd, true, { from, to: place.path });
    } catch (error) {
      unfinished.delete(from);
      throw error;
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeAllTo(this.#fd, bytes);
  }

  /** Replaces bytes that were already written. Allowed only when `isFile`. */
  overwrite(bytes: Uint8Array, position: number): Promise<void> {
    assert(this.isFile, 'What a reader has taken cannot be written again');
    return writeAllTo(this.#fd, bytes, position);
  }

  /** Moves the output to the path that was asked for. When it throws, it leaves no temporary file. */
  async finish(): Promise<void> {
    const move = this.#move;
    if (move === undefined) return this.abandon();
    try {
      try {
        fs.fsyncSync(this.#fd);
      } finally {
        fs.closeSync(this.#fd);
      }
      await replaceOutput(move.from, move.to);
    } catch (error) {
      await fs.promises.rm(move.from, { force: true });
      throw error;
    } finally {
      unfinished.delete(move.from);
    }
    await syncDirOf(move.to);
  }

  /** Removes the temporary file and leaves the old file as it was. */
  async abandon(): Promise<void> {
    if (this.#owns) fs.closeSync(this.#fd);
    if (this.#move === undefined) return;
    await fs.promises.rm(this.#move.from, { force: true });
    unfinished.delete(this.#move.from);
  }
}

/** Makes the name durable. Does nothing when the directory is gone: whoever removed it had the whole file before. */
async function syncDirOf(path: string): Promise<void> {
  let dir: fs.promises.FileHandle;
  try {
    dir = await fs.promises.open(dirname(path), 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

const AGAIN_MS = 5;

/**
 * Writes all bytes to a descriptor, at its own position unless another is given, however short each write is. Throws
 * the system's errors.
 */
export async function writeAllTo(
  fd: number,
  bytes: Uint8Array,
  position: number | null = null,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    try {
      const at = position === null ? null : position + done;
      done += await writeSome(fd, bytes, done, at);
    } catch (error) {
      // Another process that shares the descriptor has made it non-blocking.
      if (systemCode(error) !== 'EAGAIN') throw error;
      await new Promise((resume) => setTimeout(resume, AGAIN_MS));
    }
  }
}

function writeSome(
  fd: number,
  bytes: Uint8Array,
  from: number,
  position: number | null,
): Promise<number> {
  return new Promise((done, failed) => {
    fs.write(fd, bytes, from, bytes.length - from, position, (error, count) =>
      error === null ? done(count) : failed(error),
    );
  });
}
