// A share of libuv's pool. Commits are written by that pool, and everything else that runs in it stands in
// one line with them: what clients can cause at will must never fill it (ARCHITECTURE.md, "Threads").
// Pure but for the promises: what is done is the caller's.
//
// Invariant: of the calls that go through one share at most `callsMax` are under way; the others wait their turn.

import type { File, Fs } from './env.js';

const POOL_THREADS = 4;
const READS_MAX = 2;
/** Those who have had their turn are taken from the line in lots. */
const FORGET_EVERY = 1024;

export class PoolShare {
  readonly #callsMax: number;
  #calls = 0;
  /** Waiting, from #next on: taking the first of many must not move the others. */
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

  /** The place goes to who waits for longest. */
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
 * How many reads may be in a pool of `threads` (UV_THREADPOOL_SIZE): two are left, for commits and for one
 * call of the large values.
 */
export function readsInPool(threads: string | undefined): number {
  const count = Number(threads ?? POOL_THREADS);
  return Math.max(1, Math.min(READS_MAX, Number.isInteger(count) ? count - 2 : READS_MAX));
}

/** The same file system by way of a share. Reads of its files go without: the system's side bounds those. */
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
