// The file of -P: the process id, for who supervises the server. Written whole under the name that was given, which is
// never followed when it is a link; what is no pid file is never replaced, and no name is taken that a store gives its own
// files (docs/errors.md).

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname } from 'node:path';

import { adoptNamed } from '../env/adopt.js';
import { KvError, systemCode } from '../errors.js';
import { refuseStoreName } from '../log/segments/store-file.js';

const PID_FILE_BYTES_MAX = 32;

/** Throws KV_BAD_OPTION when something else lies there, else the system's errors. */
export function writePidFile(path: string): void {
  requirePidFile(path);
  const temporary = `${path}.cairn-${randomBytes(6).toString('hex')}.tmp`;
  try {
    fs.writeFileSync(temporary, `${process.pid}\n`, { flag: 'wx' });
    adoptNamed(temporary);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** For before anything is begun. Throws as writePidFile. */
export function requirePidFile(path: string): void {
  refuseStoreName(path, 'the pid file (-P)');
  fs.accessSync(dirname(path), fs.constants.W_OK);
  const text = pidTextAt(path);
  if (text === undefined || /^\d*\s*$/.test(text)) return;
  const what = 'What lies where the pid file goes (-P) is none; move it away or name another file';
  throw new KvError('KV_BAD_OPTION', what, { path });
}

/** Only while it still has this process's id: another server may have been given the same name. */
export function removePidFile(path: string): void {
  if (pidTextAt(path)?.trim() === String(process.pid)) fs.rmSync(path, { force: true });
}

/** What a plain file holds, cut short; undefined when nothing lies there. */
function pidTextAt(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO') return 'a link or a socket';
    throw error;
  }
  try {
    if (!fs.fstatSync(fd).isFile()) return 'no file';
    const bytes = Buffer.alloc(PID_FILE_BYTES_MAX);
    return bytes.toString('latin1', 0, fs.readSync(fd, bytes));
  } finally {
    fs.closeSync(fd);
  }
}
