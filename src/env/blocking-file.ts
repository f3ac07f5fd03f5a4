// Files of a background thread, which has nothing else to do: each call blocks the thread until the system call
// is done. A call through libuv's pool would wake two threads and take a pool thread from the main thread. The
// background thread's reads and writes would also run with the priority of the pool's threads.
//
// Invariant: only background threads use it; on the main thread it would block all requests.

import fs from 'node:fs';

import { createFileSync } from './adopt.js';
import type { File } from './env.js';
import { refuseOther } from './regular-file.js';

/** A file that is read and written by blocking calls on its descriptor. */
export class BlockingFile implements File {
  readonly path: string;
  readonly #fd: number;

  /** Throws as Fs.open. */
  constructor(path: string, flags: number) {
    this.path = path;
    const isNew = (flags & fs.constants.O_CREAT) !== 0;
    this.#fd = isNew ? createFileSync(path, flags) : openRegular(path, flags);
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const wanted = target.length - filled;
      const count = fs.readSync(this.#fd, target, filled, wanted, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  async write(source: Uint8Array, position: number): Promise<number> {
    return this.writeNow(source, position);
  }

  writeNow(source: Uint8Array, position: number): number {
    return fs.writeSync(this.#fd, source, 0, source.length, position);
  }

  async sync(): Promise<void> {
    fs.fdatasyncSync(this.#fd);
  }

  async truncate(bytes: number): Promise<void> {
    fs.ftruncateSync(this.#fd, bytes);
  }

  async size(): Promise<number> {
    return fs.fstatSync(this.#fd).size;
  }

  async links(): Promise<number> {
    return fs.fstatSync(this.#fd).nlink;
  }

  async isInPlace(): Promise<boolean> {
    const own = fs.fstatSync(this.#fd);
    const found = fs.statSync(this.path, { throwIfNoEntry: false });
    return found?.ino === own.ino && found.dev === own.dev;
  }

  async close(): Promise<void> {
    fs.closeSync(this.#fd);
  }
}

function openRegular(path: string, flags: number): number {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, flags);
    if (!fs.fstatSync(fd).isFile()) refuseOther(path);
    return fd;
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    return refuseOther(path, error);
  }
}
