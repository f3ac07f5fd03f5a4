// Stale sockets: the unix socket that a killed server left. Nothing else may be removed to listen in its place.

import fs from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';

import { KvError, systemCode } from '../errors.js';

/**
 * Removes a socket that nobody listens on. Anything else stays, and listening will fail with the reason. Throws
 * KV_NO_PERMISSION for a socket that this user may not connect to or remove: a server might be behind it.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const stats = await fs.promises.lstat(path);
    if (stats.isSocket() && (await isRefused(path))) await fs.promises.unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw shutSocket(path, error) ?? error;
  }
}

/** Returns the KvError for a refusal by the system to use the socket at `path`; undefined for other errors. */
export function shutSocket(path: string, error: unknown): KvError | undefined {
  const code = systemCode(error) ?? '';
  if (code === 'EADDRINUSE' && isNoSocket(path)) {
    const message = 'Something that is no socket lies where the unix socket goes (-s)';
    return new KvError('KV_BAD_OPTION', `${message}; move it away or name another`, { path });
  }
  if (!['EACCES', 'EPERM'].includes(code) || isHomelessSocket(path)) return undefined;
  const message = `The user that runs this may not use a unix socket there: ${code}; give it and its directory to that user, or remove it when no server uses it`;
  return new KvError('KV_NO_PERMISSION', message, { path, cause: error });
}

/** Checks whether something that is no socket has this name; it may be a link that leads nowhere. */
function isNoSocket(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false;
}

/** Checks whether the socket's directory is missing. Node reports that as a lack of permission. */
export function isHomelessSocket(path: string): boolean {
  return !fs.existsSync(dirname(path));
}

/**
 * Checks whether nobody listens on the socket. A socket of another type (datagram) fails with another error and
 * gives false. Rejects when this user may not connect to it.
 */
function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => {
      if (shutSocket(path, error) === undefined) resolve(systemCode(error) === 'ECONNREFUSED');
      else reject(error);
    });
  });
}
