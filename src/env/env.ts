// The environment: what the engine may ask of the world outside the process: files, time, randomness, background
// threads, the operator's log. src/env/node-env.ts is the real one; test/sim has one that crashes.
// Invariant: nothing below main imports node:fs, timers, Date or Math.random except through this.

export interface Env {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Runs `module` (its exported `run(env, port, input)`) beside the main thread. */
  /** `nicerBy`: by so much its thread stands back behind the serving one (nice(2)), where the system has that. */
  startWorker(module: URL, input: unknown, nicerBy?: number): Worker;
}

export interface Clock {
  /** Unix time in ms; may jump either way. */
  wallMs(): number;
  /** Ms since an arbitrary start, with fractions; never goes back. */
  monotonicMs(): number;
  /** Calls once after `delayMs`. Does not keep the process alive. */
  setTimer(delayMs: number, call: () => void): Timer;
  /** Calls once after the input that is already there has been handled (setImmediate). */
  defer(call: () => void): void;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  bytes(count: number): Buffer;
}

/** Operator's messages. `fields` are printed as `name=value`; never a client's data. */
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
  /** Posts the last message and waits for the thread's end; the process stays alive for that. */
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

/** `create` (the default): a lock file that is missing is made. `existing`: it is not; the directory's lock is enough. */
export type LockMode = 'create' | 'existing';
/** What lies under a name; a link is not followed. */
export type EntryKind = 'file' | 'directory' | 'link' | 'other';

/** All paths absolute or relative to the working directory. Failures are thrown as the system's errors (with `code`). */
export interface Fs {
  /** Throws KV_CORRUPTION when something else than a file lies there: a directory, a pipe, a device. */
  open(path: string, mode: OpenMode): Promise<File>;
  /** Undefined when nothing lies there. */
  kindOf(path: string): Promise<EntryKind | undefined>;
  /** Whether both names lead to one file. */
  isSameFile(path: string, other: string): Promise<boolean>;
  /** Twelve hex digits that no other file which is being written has in its name. */
  unique(): string;
  /** Names in a directory, in no order. */
  list(dir: string): Promise<string[]>;
  /** Creates the directory and its parents when missing. */
  makeDir(dir: string): Promise<void>;
  /** Replaces `to` when it exists. Durable only after syncDir. */
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file. Durable only after syncDir. Throws the system's error where a file has but one name. */
  link(from: string, to: string): Promise<void>;
  /** Where what is written to `path` has to go: behind its links. Throws KV_BAD_OPTION when that cannot be a file. */
  outputOf(path: string): Promise<string>;
  /**
   * As rename, for an output that the user named: who owned the old file, and its rights, stay; when it has other
   * names, they have the new bytes too.
   */
  replaceOutput(from: string, to: string): Promise<void>;
  /** Removes a file; no error when it does not exist. Durable only after syncDir. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in that directory durable. */
  syncDir(dir: string): Promise<void>;
  /** Takes the kernel's exclusive lock on a file and on the directory it is in, or throws KV_LOCKED. */
  lock(path: string, mode?: LockMode): Promise<Lock>;
  /** Bytes that may still be written to the file system of `dir`. */
  freeBytes(dir: string): Promise<number>;
}

export interface File {
  readonly path: string;
  /**
   * Reads into `target` from byte `position` of the file; fewer bytes than asked only at the end of
   * the file. Returns the count.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /**
   * Writes `source` at byte `position`; returns the count, which MAY be short without an error (a full
   * disk, a file-size limit): the caller compares it.
   */
  write(source: Uint8Array, position: number): Promise<number>;
  /** The same by the calling thread, which does nothing else until it is done; it may be a write that is waited for. */
  writeNow(source: Uint8Array, position: number): number | Promise<number>;
  /** fdatasync. After a failure nothing written before may be trusted (docs/recovery.md). */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  /** How many names it has: more than one after `cp -al`. */
  links(): Promise<number>;
  /** Whether its path still leads to this very file: it was not removed, moved or replaced. */
  isInPlace(): Promise<boolean>;
  close(): Promise<void>;
}

export interface Lock {
  release(): Promise<void>;
}
