// The file of a unix socket that a killed server left: the only thing that may be removed to listen in its place.

import fs from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';

import { KvError, systemCode } from '../errors.js';

/**
 * Removes a socket that nobody listens on. Whatever else lies there stays, and listening will say so. Throws
 * KV_NO_PERMISSION for what may not be looked at or removed: nobody knows whether a server is behind it.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const stats = await fs.promises.lstat(path);
    if (stats.isSocket() && (await isRefused(path))) await fs.promises.unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw shutSocket(path, error) ?? error;
  }
}

/** What a refusal of the system means for the socket at `path`; undefined for other errors. */
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

/** A link that leads nowhere is none either. */
function isNoSocket(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false;
}

/** There is no directory for it. The runtime calls that a lack of permission. */
export function isHomelessSocket(path: string): boolean {
  return !fs.existsSync(dirname(path));
}

/** A socket of another kind answers with another error. Rejects when this one may not be connected to. */
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
