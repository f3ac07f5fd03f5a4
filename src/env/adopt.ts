// Owner and rights of new files: tools and servers that root runs in a service user's directory must leave files that
// the service user's own server can use (docs/recovery.md, "Owners of the files").
//
// Invariants:
// - Only root gives a file away, and only to the owner of the directory that the file lies in.
// - Only a file's owner can read it, unless its directory is closed to strangers and open to its group.

import fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import { KvError, systemCode } from '../errors.js';
import { absolutePath } from './absolute-path.js';
import { fileFailure } from './file-failure.js';

const OWNER_RIGHTS = 0o600;
const GROUP_RIGHTS = 0o060;
const OTHERS_RIGHTS = 0o007;

/** Opens a plain descriptor: garbage collection does not close it, as it does a FileHandle. */
const openNew = promisify(fs.open);

/** Returns the rights of a new file by those of its directory: 0640 in 0750, 0660 in 0770, 0600 in 0700 and 0755. */
function fileMode(dirMode: number): number {
  if ((dirMode & OTHERS_RIGHTS) !== 0) return OWNER_RIGHTS;
  return OWNER_RIGHTS | (dirMode & GROUP_RIGHTS);
}

/** Makes and opens a file; `flags` has O_CREAT. Returns the descriptor. Throws the system's error. */
export async function createFile(path: string, flags: number): Promise<number> {
  const dir = await fs.promises.stat(dirname(path));
  const fd = await openNew(path, flags, fileMode(dir.mode));
  // These calls block, but only for root, and the two of them touch no disk.
  return adopted(fd, dir);
}

/** As createFile, but blocks the calling thread. */
export function createFileSync(path: string, flags: number): number {
  const dir = fs.statSync(dirname(path));
  return adopted(fs.openSync(path, flags, fileMode(dir.mode)), dir);
}

/** Gives the file to the owner of its directory; returns the descriptor, which it closes when that fails. */
function adopted(fd: number, dir: fs.Stats): number {
  if (!isAnothers(dir)) return fd;
  try {
    fs.fchownSync(fd, dir.uid, dir.gid);
    fs.fchmodSync(fd, fileMode(dir.mode));
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Gives a new socket to the owner of its directory; the directory's group may use it as it may use a file. */
export function adoptSocket(path: string): void {
  const dir = fs.statSync(dirname(path));
  if (isAnothers(dir)) fs.lchownSync(path, dir.uid, dir.gid);
  fs.chmodSync(path, fileMode(dir.mode));
}

/** Gives a new file whose name the operator chose to the owner of its directory; its rights stay. */
export function adoptNamed(path: string): void {
  const dir = fs.statSync(dirname(path));
  if (isAnothers(dir)) fs.lchownSync(path, dir.uid, dir.gid);
}

/** Gives an open file to the owner of its directory. */
export function adoptFile(path: string, fd: number): void {
  const dir = fs.statSync(dirname(path));
  if (!isAnothers(dir)) return;
  fs.fchownSync(fd, dir.uid, dir.gid);
  fs.fchmodSync(fd, fileMode(dir.mode));
}

type Owner = Pick<fs.Stats, 'uid' | 'gid'>;

/**
 * Makes a directory with its parents. New directories belong to `user`, or to the owner of the deepest directory that
 * existed. Throws KvError with the path that cannot be made. Tries each parent once: Node's own recursive mkdir loops
 * for ever where a parent cannot be made (below /proc, in a directory that was removed).
 */
export async function makeDir(dir: string, user?: Owner): Promise<void> {
  const missing: string[] = [];
  let above = absolutePath(dir);
  for (; !(await isDirectory(above)); above = dirname(above)) missing.push(above);
  if (missing.length === 0) return;
  const owner = user ?? (await fs.promises.stat(above));
  for (const path of missing.toReversed()) {
    const isNew = await madeOne(path);
    if (isNew && isAnothers(owner)) await fs.promises.lchown(path, owner.uid, owner.gid);
  }
}

/** Returns false when another process made the directory first. */
async function madeOne(path: string): Promise<boolean> {
  try {
    await fs.promises.mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && (await isDirectory(path))) return false;
    throw dirRefusal(path, error);
  }
}

/** Checks whether a directory is at `path`. Returns false when nothing is there; throws when something else is. */
async function isDirectory(path: string): Promise<boolean> {
  let stats: fs.Stats;
  try {
    stats = await fs.promises.stat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw dirRefusal(path, error);
  }
  if (stats.isDirectory()) return true;
  const message = 'A directory cannot be made here: something else has this name; name another';
  throw new KvError('KV_BAD_OPTION', message, { path });
}

function dirRefusal(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === undefined) return cause;
  if (code === 'EEXIST') {
    // The name is taken, and nothing is found under it.
    const message =
      'A directory cannot be made here: the name is a link whose target is missing; mount the target, or name another';
    return new KvError('KV_BAD_OPTION', message, { path, cause });
  }
  if (code === 'ENOENT') {
    const message = 'A directory cannot be made there; name another';
    return new KvError('KV_BAD_OPTION', message, { path, cause });
  }
  return fileFailure('A directory cannot be made or reached', path, cause);
}

function isAnothers({ uid, gid }: Owner): boolean {
  return process.getuid?.() === 0 && (uid !== 0 || gid !== 0);
}
