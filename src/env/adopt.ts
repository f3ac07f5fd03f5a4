// Whose a new file is: tools and servers run as root on a service user's directory must leave files that the
// service user's own server can use (docs/recovery.md, "Whose the files are").
//
// Invariants:
// - Only root gives anything away, and only to the owner of the directory that the file lies in.
// - A file is never readable for more than its owner unless the directory is shut to strangers and open to its group.

import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

const OWNER_RIGHTS = 0o600;
const GROUP_RIGHTS = 0o060;
const OTHERS_RIGHTS = 0o007;

/** A descriptor, which no collection of garbage closes. */
const openNew = promisify(fs.open);

/** The rights of a new file in a directory of those rights: 0750 makes 0640, 0770 0660, 0700 and 0755 0600. */
function fileMode(dirMode: number): number {
  if ((dirMode & OTHERS_RIGHTS) !== 0) return OWNER_RIGHTS;
  return OWNER_RIGHTS | (dirMode & GROUP_RIGHTS);
}

/** Makes and opens a file; `flags` has O_CREAT. Returns the descriptor. Throws the system's error. */
export async function createFile(path: string, flags: number): Promise<number> {
  const dir = await fs.promises.stat(dirname(path));
  const fd = await openNew(path, flags, fileMode(dir.mode));
  // Root alone is held up, by two calls that touch no disk.
  return adopted(fd, dir);
}

/** The same by the calling thread alone. */
export function createFileSync(path: string, flags: number): number {
  const dir = fs.statSync(dirname(path));
  return adopted(fs.openSync(path, flags, fileMode(dir.mode)), dir);
}

/** The descriptor, which is closed when the file cannot be given away. */
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

/** Gives a socket that was just made to the owner of its directory, in whose group's reach it is as a file would be. */
export function adoptSocket(path: string): void {
  const dir = fs.statSync(dirname(path));
  if (isAnothers(dir)) fs.lchownSync(path, dir.uid, dir.gid);
  fs.chmodSync(path, fileMode(dir.mode));
}

/** Gives what was just made under a name of the operator to the owner of its directory; its rights stay. */
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

/** Makes a directory with its parents; what is new belongs to the owner of what was there. */
export async function makeDir(dir: string): Promise<void> {
  const first = await fs.promises.mkdir(dir, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const above = await fs.promises.stat(dirname(first));
  if (!isAnothers(above)) return;
  const highest = resolve(first);
  for (let made = resolve(dir); made.length >= highest.length; made = dirname(made))
    await fs.promises.lchown(made, above.uid, above.gid);
}

function isAnothers({ uid, gid }: fs.Stats): boolean {
  return process.getuid?.() === 0 && (uid !== 0 || gid !== 0);
}
