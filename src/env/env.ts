// The environment: all that the engine uses outside the process: files, time, randomness, background threads and
// the operator's log. src/env/node-env.ts is the real one; test/sim has one that crashes.
// Invariant: the engine uses node:fs, timers, Date and Math.random only through this interface.

export interface Env {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /**
   * Runs `module` (its exported `run(env, port, input)`) in a thread of its own. `nicerBy` is added to the thread's
   * nice value (nice(2)), where the system has one per thread.
   */
  startWorker(module: URL, input: unknown, nicerBy?: number): Worker;
}

export interface Clock {
  /** Unix time in ms; may jump either way. */
  wallMs(): number;
  /** Ms since an arbitrary start, with fractions; never goes back. */
  monotonicMs(): number;
  /** Calls `call` once after `delayMs`. Does not keep the process alive. */
  setTimer(delayMs: number, call: () => void): Timer;
  /** Calls `call` once after the input that has already arrived is handled (setImmediate). */
  defer(call: () => void): void;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  bytes(count: number): Buffer;
}

/** Messages to the operator. `fields` are printed as `name=value`. A message never contains a client's data. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A background thread as its starter sees it. */
export interface Worker extends Port {
  /** Resolves when the worker's `run` returned, rejects when it threw or the thread died. */
  readonly done: Promise<void>;
  /** Posts the last message and waits until the thread has ended; keeps the process alive meanwhile. */
  end(message: unknown): Promise<void>;
}

/** One end of a message channel. Messages are structured clones; `transfer` moves buffers. */
export interface Port {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(call: (message: unknown) => void): void;
}

/**
 * - `read`: existing file, reading.
 * - `create`: new file (fails when it exists), reading and writing.
 * - `write`: existing file, reading and writing.
 * - `write-through`: as `write`, and each write returns only when it is on the disk (O_DSYNC).
 */
export type OpenMode = 'read' | 'create' | 'write' | 'write-through';

/** `create` (the default) makes a lock file that is missing. `existing` does not: the directory's lock is enough. */
export type LockMode = 'create' | 'existing';
/** The kind of a directory entry; a link is not followed. */
export type EntryKind = 'file' | 'directory' | 'link' | 'other';

/** Paths are absolute or relative to the working directory. Failures are thrown as the system's errors (with `code`). */
export interface Fs {
  /** Throws KV_CORRUPTION when `path` is not a file but a directory, a pipe or a device. */
  open(path: string, mode: OpenMode): Promise<File>;
  /** Returns undefined when nothing has this name. */
  kindOf(path: string): Promise<EntryKind | undefined>;
  /** Checks whether both names lead to one file. */
  isSameFile(path: string, other: string): Promise<boolean>;
  /** Returns twelve hex digits, for the name of a temporary file, that no other temporary file has. */
  unique(): string;
  /** Returns the names in a directory, in any order. */
  list(dir: string): Promise<string[]>;
  /** Creates the directory and its parents when missing. */
  makeDir(dir: string): Promise<void>;
  /** Replaces `to` when it exists. Durable only after syncDir. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives a file a second name. Durable only after syncDir. Throws the system's error where the file system has no
   * second names.
   */
  link(from: string, to: string): Promise<void>;
  /** Returns the path that `path` leads to by its links. Throws KV_BAD_OPTION when the output cannot be a file there. */
  outputOf(path: string): Promise<string>;
  /**
   * As rename, for an output that the user named. The old file's owner and rights stay; its other names, if it has
   * any, lead to the new bytes too.
   */
  replaceOutput(from: string, to: string): Promise<void>;
  /** Removes a file; no error when it does not exist. Durable only after syncDir. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  syncDir(dir: string): Promise<void>;
  /** Takes the kernel's exclusive lock on a file and on the directory it is in, or throws KV_LOCKED. */
  lock(path: string, mode?: LockMode): Promise<Lock>;
  /** Returns how many bytes can still be written to the file system of `dir`. */
  freeBytes(dir: string): Promise<number>;
}

export interface File {
  readonly path: string;
  /**
   * Reads into `target` from byte `position` of the file. Returns the count, which is less than asked for only at
   * the end of the file.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /**
   * Writes `source` at byte `position`; returns the count, which MAY be short without an error (a full
   * disk, a file-size limit): the caller compares it.
   */
  write(source: Uint8Array, position: number): Promise<number>;
  /** As write, but blocks the calling thread until it is done where the environment can; otherwise returns a promise. */
  writeNow(source: Uint8Array, position: number): number | Promise<number>;
  /** fdatasync. After a failure nothing written before may be trusted (docs/recovery.md). */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  /** Returns how many names the file has: more than one after `cp -al`. */
  links(): Promise<number>;
  /** Checks whether its path still leads to this file: it was not removed, moved or replaced. */
  isInPlace(): Promise<boolean>;
  close(): Promise<void>;
}

export interface Lock {
  release(): Promise<void>;
}
