// The kernel's lock on a data directory: flock(2) on the directory's own descriptor, which nobody can remove
// while it is held, and on its file LOCK, which older releases look at (docs/recovery.md, "The lock").
//
// Invariants:
// - A lock is held only while both descriptors have it; the directory's is taken first. The one exception is a
//   file system without locks for directories: there the lock on LOCK is the only one, and a warning says so.
// - A LOCK that is no regular file is refused by name: opening it follows no link and waits for no pipe.

import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';

import { isKvError, KvError, systemCode } from '../errors.js';
import { adoptFile } from './adopt.js';
import type { Lock, LockMode, Logger } from './env.js';
import { fileFailure } from './file-failure.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/**
 * Takes the locks of descriptors 3 (the directory) and 4 (LOCK) in one spawn. stdout has flock(1)'s message about the
 * first lock, or `taken`. flock(1) exits with 1 and prints nothing when another process has the lock.
 * A lock belongs to the open file description, which this process keeps open
 * (docs/decisions/0015-lock-by-flock.md).
 */
const TAKE_DIRECTORY = 'flock -xn 3 2>&1 || exit; echo taken';
const TAKEN = 'taken\n';
const TAKE_FILE = 'exec flock -xn 4';

/** From this exit code on, the shell says that the program did not run, or that a signal ended it. */
const CODE_DID_NOT_RUN = 126;
const CODE_NOT_FOUND = 127;
const CODE_OF_SIGNAL = 128;

/** Device and inode of each directory that this thread has locked, for the message to a program that opens one twice. */
const lockedHere = new Set<string>();

export async function lockDirectory(path: string, mode: LockMode, logger: Logger): Promise<Lock> {
  const dir = dirname(path);
  const directory = await fs.promises.open(dir, O_RDONLY | O_DIRECTORY).catch((error: unknown) => {
    throw fileFailure('The data directory may not be opened', dir, error);
  });
  let file: fs.promises.FileHandle | undefined;
  const close = async (): Promise<void> => {
    await file?.close();
    await directory.close();
  };
  const { dev, ino } = await directory.stat();
  const identity = `${dev}:${ino}`;
  const release = async (): Promise<void> => {
    lockedHere.delete(identity);
    await close();
  };
  try {
    file = await openLockFile(path, mode);
    const links = (await file?.stat())?.nlink ?? 1;
    take(path, directory.fd, file?.fd, links, logger);
    lockedHere.add(identity);
    return { release };
  } catch (error) {
    await close();
    if (!isKvError(error, 'KV_LOCKED') || !lockedHere.has(identity)) throw error;
    const message =
      'This process has this data directory open itself: share that store or close it';
    throw new KvError('KV_LOCKED', message, { path: dir, cause: error });
  }
}

async function openLockFile(
  path: string,
  mode: LockMode,
): Promise<fs.promises.FileHandle | undefined> {
  const file = await openRegular(path, mode);
  if (file === undefined) return undefined;
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notRegular(path);
}

async function openRegular(
  path: string,
  mode: LockMode,
): Promise<fs.promises.FileHandle | undefined> {
  const careful = O_NOFOLLOW | O_NONBLOCK;
  try {
    if (mode === 'create') {
      const handle = await fs.promises.open(path, O_WRONLY | O_CREAT | careful, 0o600);
      adoptFile(path, handle.fd);
      return handle;
    }
    return await fs.promises.open(path, O_RDONLY | careful);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (mode === 'existing' && code === 'ENOENT') return undefined;
    // ELOOP is a symbolic link, EISDIR a directory, ENXIO a pipe without a reader or a socket.
    if (['ELOOP', 'EISDIR', 'ENXIO'].includes(code)) throw notRegular(path, error);
    if (!['EACCES', 'EPERM'].includes(code)) throw error;
    const message = `The lock file may not be opened: ${code}; give it and its directory to the user that runs this`;
    throw new KvError('KV_NO_PERMISSION', message, { path, cause: error });
  }
}

function notRegular(path: string, cause?: unknown): KvError {
  const message = 'The lock file is no regular file; move it away, a new one is made';
  return new KvError('KV_IO', message, { path, cause });
}

function take(
  path: string,
  directory: number,
  file: number | undefined,
  links: number,
  logger: Logger,
): void {
  const wanted = file === undefined ? TAKE_DIRECTORY : `${TAKE_DIRECTORY}; ${TAKE_FILE}`;
  const both = run(path, wanted, directory, file);
  if (both.status === 0) return;
  if (both.stdout.endsWith(TAKEN)) throw refusalOf(path, both, both.stderr, links);
  const said = both.stdout;
  const isUnable = said !== '' && both.status !== null && both.status < CODE_DID_NOT_RUN;
  if (!isUnable || file === undefined) throw refusalOf(dirname(path), both, said, 1);
  const alone = run(path, TAKE_FILE, directory, file);
  if (alone.status !== 0) throw refusalOf(path, alone, alone.stderr, links);
  logger.warn(
    `This file system has no locks for directories (${said.trim()}): LOCK alone keeps other processes away, never remove it`,
  );
}

function run(
  path: string,
  script: string,
  directory: number,
  file: number | undefined,
): SpawnSyncReturns<string> {
  const ended = spawnSync('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'pipe', directory, file ?? 'ignore'],
    encoding: 'utf8',
  });
  if (ended.error !== undefined) throw notRun(path, ended.error);
  return ended;
}

/** `said` is what flock(1) printed about the lock at `path`; `links` is how many names LOCK has. */
function refusalOf(
  path: string,
  { status, signal }: SpawnSyncReturns<string>,
  said: string,
  links: number,
): KvError {
  // Another process has the lock. A file system that cannot lock prints a message.
  if (status === 1 && said === '') {
    const copied =
      links === 1
        ? ''
        : `, or a copy of it: LOCK has ${links} names (cp -al makes such copies; copy with cp -a)`;
    return new KvError('KV_LOCKED', `Another process has this data directory open${copied}`, {
      path,
    });
  }
  if (status === CODE_NOT_FOUND) return notRun(path);
  const code = status ?? 0;
  const name = signal ?? (code > CODE_OF_SIGNAL ? signalName(code - CODE_OF_SIGNAL) : undefined);
  const end = name ?? (said.trim() || `code ${code}`);
  return new KvError('KV_IO', `The data directory cannot be locked: flock(1) ended with ${end}`, {
    path,
  });
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, each]) => each === number);
  return found?.[0] ?? `signal ${number}`;
}

function notRun(path: string, cause?: Error): KvError {
  const isMissing = cause === undefined || systemCode(cause) === 'ENOENT';
  const hint = isMissing
    ? 'install flock(1), package util-linux, or put its directory into PATH'
    : 'flock(1) did not run';
  return new KvError('KV_IO', `The data directory cannot be locked: ${hint}`, { path, cause });
}
