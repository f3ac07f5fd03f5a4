// The file of -P: holds the process id for the program that supervises the server. It appears whole under the given
// name. A link at that name is never followed, a file that is no pid file is never replaced, and names that a store gives
// its own files are refused (docs/errors.md).

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';

import { adoptNamed } from '../env/adopt.js';
import type { Logger } from '../env/env.js';
import { failureText, KvError, systemCode } from '../errors.js';
import { refuseStoreName } from '../log/segments/store-file.js';

const PID_FILE_BYTES_MAX = 32;

/** Writes the pid file. A failed write is only a warning, as with memcached. Throws as requirePidFile. */
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

/** Checks the name before the start begins. Throws KV_BAD_OPTION when the file there is not a pid file. */
export function requirePidFile(path: string): void {
  refuseStoreName(path, 'the pid file (-P)');
  const text = pidTextAt(path);
  if (text === undefined || /^\d*\s*$/.test(text)) return;
  const message = 'The file at the path of -P is not a pid file; move it away or name another file';
  throw new KvError('KV_BAD_OPTION', message, { path });
}

/** Removes the file only if it holds this process's id: another server may have been given the same name. */
export function removePidFile(path: string, logger: Logger): void {
  if (pidTextAt(path)?.trim() !== String(process.pid)) return;
  try {
    fs.rmSync(path, { force: true });
  } catch (error) {
    logger.warn(`The pid file (-P) could not be removed: ${failureText(error)}`, { path });
  }
}

/** Returns the first PID_FILE_BYTES_MAX bytes of a plain file; undefined when it is missing or cannot be opened. */
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
