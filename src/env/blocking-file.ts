// Files for a thread that has nothing else to do: every call is the system's own and returns when it is
// done. The way over libuv's pool costs two wakings each, takes the pool from the main thread, and lets a
// background thread's reads and writes run with the priority of the pool's.
//
// Invariant: only background threads use it; on the main thread it would hold up everybody.

import fs from 'node:fs';

import { createFileSync } from './adopt.js';
import type { File } from './env.js';
import { refuseOther } from './regular-file.js';

/** An open file by its descriptor. */
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
