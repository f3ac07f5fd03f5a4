// The file of a unix socket that a killed server left: the only thing that may be removed to listen in its place.

import fs from 'node:fs';
import net from 'node:net';

import { systemCode } from '../errors.js';

/** Removes a socket that nobody listens on. Whatever else lies there stays, and listening will say so. */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const stats = await fs.promises.lstat(path);
    if (stats.isSocket() && (await isRefused(path))) await fs.promises.unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** A socket of another kind, or one that is not ours to reach, answers with another error. */
function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => resolve(systemCode(error) === 'ECONNREFUSED'));
  });
}
