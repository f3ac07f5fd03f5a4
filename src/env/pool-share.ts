// A share of libuv's pool: bounds how many calls of one kind are in the pool at the same time. The pool writes
// the commits too, and its calls wait in one queue. So calls that clients cause must never fill the pool
// (ARCHITECTURE.md, "Threads"). The share itself does no I/O.
//
// Invariant: at most `callsMax` calls of one share are under way; the others wait in the order they came.

import type { File, Fs } from './env.js';

const POOL_THREADS = 4;
const READS_MAX = 2;
/** Entries of the queue that have had their turn are removed at least this many at a time. */
const FORGET_EVERY = 1024;

export class PoolShare {
  readonly #callsMax: number;
  #calls = 0;
  /** The queue: entries from #next on still wait. An index takes the first without moving all others. */
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#calls < this.#callsMax) this.#calls += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await call();
    } finally {
      this.#pass();
    }
  }

  /** Passes the place of a finished call to the call that has waited longest. */
  #pass(): void {
    const wake = this.#waiting[this.#next];
    if (wake === undefined) {
      this.#calls -= 1;
      this.#waiting = [];
      this.#next = 0;
      return;
    }
    this.#next += 1;
    if (this.#next >= FORGET_EVERY && this.#next * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    wake();
  }
}

/**
 * Returns how many reads may be in a pool of `threads` (UV_THREADPOOL_SIZE). They leave two threads: one for commits
 * and one for a call of the large values.
 */
export function readsInPool(threads: string | undefined): number {
  const count = Number(threads ?? POOL_THREADS);
  return Math.max(1, Math.min(READS_MAX, Number.isInteger(count) ? count - 2 : READS_MAX));
}

/** Returns a file system whose calls go through `share`. Reads do not: NodeFile bounds them already. */
export function sharing(fs: Fs, share: PoolShare): Fs {
  return {
    open: async (path, mode) => sharingFile(await share.run(() => fs.open(path, mode)), share),
    kindOf: (path) => share.run(() => fs.kindOf(path)),
    isSameFile: (path, other) => share.run(() => fs.isSameFile(path, other)),
    unique: () => fs.unique(),
    outputOf: (path) => fs.outputOf(path),
    replaceOutput: (from, to) => fs.replaceOutput(from, to),
    list: (dir) => share.run(() => fs.list(dir)),
    makeDir: (dir) => share.run(() => fs.makeDir(dir)),
    rename: (from, to) => share.run(() => fs.rename(from, to)),
    link: (from, to) => share.run(() => fs.link(from, to)),
    remove: (path) => share.run(() => fs.remove(path)),
    syncDir: (dir) => share.run(() => fs.syncDir(dir)),
    lock: (path, mode) => fs.lock(path, mode),
    freeBytes: (dir) => share.run(() => fs.freeBytes(dir)),
  };
}

function sharingFile(file: File, share: PoolShare): File {
  return {
    path: file.path,
    read: (target, position) => file.read(target, position),
    write: (source, position) => share.run(() => file.write(source, position)),
    writeNow: (source, position) => file.writeNow(source, position),
    sync: () => share.run(() => file.sync()),
    truncate: (bytes) => share.run(() => file.truncate(bytes)),
    size: () => share.run(() => file.size()),
    isInPlace: () => share.run(() => file.isInPlace()),
    links: () => share.run(() => file.links()),
    close: () => share.run(() => file.close()),
  };
}
