// The file of -P: the process id, for who supervises the server. Written whole under the name that was given, which is
// never followed when it is a link; what is no pid file is never replaced, and no name is taken that a store gives its own
// files (docs/errors.md).

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';

import { adoptNamed } from '../env/adopt.js';
import type { Logger } from '../env/env.js';
import { failureText, KvError, systemCode } from '../errors.js';
import { refuseStoreName } from '../log/segments/store-file.js';

const PID_FILE_BYTES_MAX = 32;

/** One that cannot be written is a warning, as with memcached. Throws KV_BAD_OPTION when something else lies there. */
export function writePidFile(path: string, logger: Logger): void {
  requirePidFile(path);
  const temporary = `${path}.cairn-${randomBytes(6).toString('hex')}.tmp`;
  try {
    fs.writeFileSync(temporary, `${process.pid}\n`, { flag: 'wx' });
    adoptNamed(temporary);
    fs.renameSync(temporary, path);
  } catch (error) {
    logger.warn(`The pid file (-P) could not be written: ${failureText(error)}`, { path });
    if (fs.existsSync(temporary)) fs.rmSync(temporary, { force: true });
  }
}

/** For before anything is begun. Throws as writePidFile. */
export function requirePidFile(path: string): void {
  refuseStoreName(path, 'the pid file (-P)');
  const text = pidTextAt(path);
  if (text === undefined || /^\d*\s*$/.test(text)) return;
  const what = 'What lies where the pid file goes (-P) is none; move it away or name another file';
  throw new KvError('KV_BAD_OPTION', what, { path });
}

/** Only while it still has this process's id: another server may have been given the same name. */
export function removePidFile(path: string, logger: Logger): void {
  if (pidTextAt(path)?.trim() !== String(process.pid)) return;
  try {
    fs.rmSync(path, { force: true });
  } catch (error) {
    logger.warn(`The pid file (-P) could not be removed: ${failureText(error)}`, { path });
  }
}

/** What a plain file holds, cut short; undefined when nothing lies there, or nobody can tell what. */
function pidTextAt(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ELOOP' || code === 'ENXIO') return 'a link or a socket';
    if (code === undefined) throw error;
    return undefined;
  }
  try {
    if (!fs.fstatSync(fd).isFile()) return 'no file';
    const bytes = Buffer.alloc(PID_FILE_BYTES_MAX);
    return bytes.toString('latin1', 0, fs.readSync(fd, bytes));
  } finally {
    fs.closeSync(fd);
  }
}
