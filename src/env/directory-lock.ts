// The kernel's lock on a data directory: flock(2) on the directory's own descriptor, which nobody can remove
// while it is held, and on its file LOCK, which older releases look at (docs/recovery.md, "The lock").
//
// Invariants:
// - A lock is held only while both descriptors have it; the directory's comes first. A file system that has
//   no locks for directories is the one exception: then LOCK alone guards, and a warning says so.
// - A LOCK that is no regular file is refused by name: no link is followed, no pipe waited for.

import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import { dirname } from 'node:path';

import { KvError, systemCode } from '../errors.js';
import type { Lock, LockMode, Logger } from './env.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/**
 * Takes the locks of descriptor 3, the directory, and 4, LOCK, in one spawn, and tells of the first on stdout.
 * flock(1) ends with 1 and without a word when somebody has the lock. A lock belongs to the open file
 * description, which this process keeps (docs/decisions.md).
 */
const TAKE_DIRECTORY =
  'said=$(flock -xn 3 2>&1); code=$?; echo "$code $said"; [ "$code$said" = 1 ] && exit 1; ';
const TAKE_FILE = 'exec flock -xn 4';
const TAKE_NOTHING_MORE = 'exit 0';

/** From here on a shell's code means that the program did not run, or that a signal ended it. */
const CODE_DID_NOT_RUN = 126;

export async function lockDirectory(path: string, mode: LockMode, logger: Logger): Promise<Lock> {
  const directory = await fs.promises.open(dirname(path), O_RDONLY | O_DIRECTORY);
  let file: fs.promises.FileHandle | undefined;
  const release = async (): Promise<void> => {
    await file?.close();
    await directory.close();
  };
  try {
    file = await openLockFile(path, mode);
    const links = (await file?.stat())?.nlink ?? 1;
    take(path, directory.fd, file?.fd, links, logger);
    return { release };
  } catch (error) {
    await release();
    throw error;
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
    if (mode === 'create') return await fs.promises.open(path, O_WRONLY | O_CREAT | careful, 0o600);
    return await fs.promises.open(path, O_RDONLY | careful);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (mode === 'existing' && code === 'ENOENT') return undefined;
    // A symbolic link, a directory, a pipe that nobody reads or a socket, in this order.
    if (['ELOOP', 'EISDIR', 'ENXIO'].includes(code)) throw notRegular(path, error);
    if (!['EACCES', 'EPERM'].includes(code)) throw error;
    const message = `The lock file may not be opened: ${code}; give it and its directory to the user that runs this (${path})`;
    throw Object.assign(new Error(message, { cause: error }), { code });
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
  const script = TAKE_DIRECTORY + (file === undefined ? TAKE_NOTHING_MORE : TAKE_FILE);
  const taken = spawnSync('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'pipe', directory, file ?? 'ignore'],
    encoding: 'utf8',
  });
  if (taken.error !== undefined) throw notRun(path, taken.error);
  const [, code = '', said = ''] = /^(\d+) ?(.*)/s.exec(taken.stdout) ?? [];
  if (code === '1' && said.trim() === '')
    throw new KvError('KV_LOCKED', 'Another process has this data directory open', {
      path: dirname(path),
    });
  if (taken.status !== 0) throw refusalOfFile(path, taken, links);
  if (code === '0') return;
  const why = said.trim() || `flock(1) ended with ${code || 'no word'}`;
  if (file === undefined || code === '' || Number(code) >= CODE_DID_NOT_RUN)
    throw new KvError('KV_IO', `The data directory cannot be locked: ${why}`, { path });
  logger.warn(
    `This file system has no locks for directories (${why}): the file LOCK alone keeps other processes away, never remove it`,
  );
}

function refusalOfFile(path: string, taken: SpawnSyncReturns<string>, links: number): KvError {
  // A lock that somebody has: 1, without a word. A file system that cannot lock is something else.
  if (taken.status === 1 && taken.stderr === '') {
    const copied =
      links === 1
        ? ''
        : `, or a copy of it: LOCK has ${links} names (cp -al makes such copies; copy with cp -a)`;
    const message = `Another process has this data directory open${copied}`;
    return new KvError('KV_LOCKED', message, { path });
  }
  if (taken.status === CODE_DID_NOT_RUN + 1) return notRun(path);
  const said = taken.signal === null ? taken.stderr.trim() : '';
  const end = said || `flock(1) ended with ${taken.signal ?? taken.status}`;
  return new KvError('KV_IO', `The data directory cannot be locked: ${end}`, { path });
}

function notRun(path: string, cause?: Error): KvError {
  const isMissing = cause === undefined || systemCode(cause) === 'ENOENT';
  const hint = isMissing ? 'install flock(1), package util-linux' : 'flock(1) did not run';
  return new KvError('KV_IO', `The data directory cannot be locked: ${hint}`, { path, cause });
}
