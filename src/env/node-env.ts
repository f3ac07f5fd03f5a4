// The real Env: the only importer of the file system, timers and the clock (docs/recovery.md,
// "Requirements on the machine"). It is thin on purpose, because the simulation does not run this code.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
// The global `performance` is an accessor, which would be called for each reading.
import { performance } from 'node:perf_hooks';
import { Worker as Thread } from 'node:worker_threads';

import { systemCode } from '../errors.js';
import { createFile, makeDir } from './adopt.js';
import { BlockingFile } from './blocking-file.js';
import { lockDirectory } from './directory-lock.js';
import { replaceOutput, outputFileOf } from './output-file.js';
import { PoolShare, readsInPool } from './pool-share.js';
import { ReadThread } from './read-thread.js';
import { refuseOther } from './regular-file.js';
import { openedBySpares } from './spare-descriptors.js';
import type {
  Clock,
  EntryKind,
  Env,
  File,
  Fs,
  LogFields,
  Logger,
  OpenMode,
  Worker,
} from './env.js';

// O_NONBLOCK: without it, opening a pipe whose other end nobody has open would wait for ever.
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DSYNC, O_NONBLOCK } = fs.constants;

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL,
  write: O_RDWR | O_NONBLOCK,
  'write-through': O_RDWR | O_DSYNC | O_NONBLOCK,
};

export function nodeEnv(logger: Logger): Env {
  return {
    fs: { ...nodeFs, lock: (path, mode = 'create') => lockDirectory(path, mode, logger) },
    clock: nodeClock,
    random: { bytes: (count) => randomBytes(count) },
    logger,
    startWorker: (module, input, nicerBy = NICER_BY) => startThread(logger, module, input, nicerBy),
  };
}

/** The Env of a background thread: its reads, writes and syncs block the thread and use no thread of libuv's pool. */
export function nodeThreadEnv(logger: Logger): Env {
  const env = nodeEnv(logger);
  return {
    ...env,
    fs: {
      ...env.fs,
      open: async (path, mode) => new BlockingFile(path, OPEN_FLAGS[mode]),
    },
  };
}

export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (call) => void setImmediate(call),
};

const nodeFs: Omit<Fs, 'lock'> = {
  async open(path, mode) {
    const flags = OPEN_FLAGS[mode];
    if (mode === 'create') {
      return new NodeFile(path, await openedBySpares(() => createFile(path, flags)));
    }
    const fd = await openedBySpares(() =>
      settle<number>((done) => fs.open(path, flags, done)),
    ).catch((error: unknown) => refuseOther(path, error));
    try {
      const stats = await settle<fs.Stats>((done) => fs.fstat(fd, done));
      if (!stats.isFile()) refuseOther(path);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    return new NodeFile(path, fd);
  },
  async kindOf(path) {
    const stats = await fs.promises.lstat(path).catch((error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
      throw error;
    });
    return stats && kindOfStats(stats);
  },
  async isSameFile(path, other) {
    const [one, two] = await Promise.all([path, other].map((each) => fs.promises.lstat(each)));
    return one?.ino === two?.ino && one?.dev === two?.dev;
  },
  unique: () => randomBytes(6).toString('hex'),
  list: (dir) => fs.promises.readdir(dir),
  makeDir: (dir) => makeDir(dir),
  rename: (from, to) => fs.promises.rename(from, to),
  link: (from, to) => fs.promises.link(from, to),
  outputOf: outputFileOf,
  replaceOutput,
  remove: (path) => fs.promises.rm(path, { force: true }),
  async syncDir(dir) {
    const handle = await openedBySpares(() => fs.promises.open(dir, 'r'));
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(dir) {
    const { bavail, bsize } = await fs.promises.statfs(dir);
    return bavail * bsize;
  },
};

function kindOfStats(stats: fs.Stats): EntryKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

const readThread = new ReadThread();
/** Clients can cause any number of reads, so their share of the pool is bounded. */
const pooledReads = new PoolShare(readsInPool(process.env['UV_THREADPOOL_SIZE']));

/** Uses a descriptor, not a FileHandle: a promise around fs.write costs a third of one from fs.promises. */
class NodeFile implements File {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const quick = readThread.read(this.#fd, target, position);
    if (quick !== undefined && (await quick)) return target.length;
    readThread.pooled(1);
    try {
      return await pooledReads.run(() => this.#readPooled(target, position));
    } finally {
      readThread.pooled(-1);
    }
  }

  async #readPooled(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const at = filled;
      const count = await settle<number>((done) =>
        fs.read(this.#fd, target, at, target.length - at, position + at, done),
      );
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return settle<number>((done) => fs.write(this.#fd, source, 0, source.length, position, done));
  }

  writeNow(source: Uint8Array, position: number): number {
    return fs.writeSync(this.#fd, source, 0, source.length, position);
  }

  sync(): Promise<void> {
    return settle<void>((done) => fs.fdatasync(this.#fd, done));
  }

  truncate(bytes: number): Promise<void> {
    return settle<void>((done) => fs.ftruncate(this.#fd, bytes, done));
  }

  async size(): Promise<number> {
    return (await this.#stats()).size;
  }

  async links(): Promise<number> {
    return (await this.#stats()).nlink;
  }

  async isInPlace(): Promise<boolean> {
    const own = await this.#stats();
    try {
      const found = await settle<fs.Stats>((done) => fs.stat(this.path, done));
      return found.ino === own.ino && found.dev === own.dev;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
      throw error;
    }
  }

  #stats(): Promise<fs.Stats> {
    return settle<fs.Stats>((done) => fs.fstat(this.#fd, done));
  }

  close(): Promise<void> {
    return settle<void>((done) => fs.close(this.#fd, done));
  }
}

function settle<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });
}

/** Nice value by which a background thread gets about a third of a busy serving thread's share of a processor. */
const NICER_BY = 5;

function startThread(logger: Logger, module: URL, input: unknown, nicerBy: number): Worker {
  const thread = new Thread(new URL('./worker-entry.js', import.meta.url), {
    workerData: { module: module.href, input, nicerBy },
  });
  thread.unref();
  const done = new Promise<void>((resolve, reject) => {
    thread.once('error', reject);
    thread.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`A background thread ended with code ${code}`)),
    );
  });
  const listeners: ((message: unknown) => void)[] = [];
  thread.on('message', (message: unknown) => {
    if (isLogLine(message)) logger[message.log.level](message.log.text, message.log.fields);
    else for (const call of listeners) call(message);
  });
  return {
    done,
    post: (message, transfer) => thread.postMessage(message, transfer ?? []),
    onMessage: (call) => void listeners.push(call),
    async end(message) {
      thread.ref();
      thread.postMessage(message);
      await done.catch(() => undefined);
    },
  };
}

/** A message of the thread's logger, as worker-entry posts it. */
interface LogLine {
  readonly log: { level: keyof Logger; text: string; fields?: LogFields };
}

function isLogLine(message: unknown): message is LogLine {
  return typeof message === 'object' && message !== null && 'log' in message;
}
