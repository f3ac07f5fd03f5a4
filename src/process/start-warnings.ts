// What the operator should know at the start, although the server starts: settings that are accepted because memcached's
// command lines have them, and most likely not what was meant.

import os from 'node:os';

import { isLocal, tlsModeOf } from '../config/addresses.js';
import type { Config } from '../config/config.js';
import type { Env } from '../env/env.js';
import { systemCode } from '../errors.js';
import { MIB } from '../limits.js';
import { parseFileName } from '../log/bytes/file-names.js';

export function warningsAtStart(config: Config): readonly string[] {
  return [...config.warnings, ...memoryWarning(config), ...openWarning(config)];
}

/** `1 key`, `2 keys`. */
export function keysText(count: number): string {
  return `${count} ${count === 1 ? 'key' : 'keys'}`;
}

function memoryWarning({ cacheBytes }: Config): string[] {
  // A container may have less than its machine. 0 or more than that: it has all.
  const constrained = process.constrainedMemory();
  const machine = os.totalmem();
  const bytes = constrained > 0 ? Math.min(machine, constrained) : machine;
  if (cacheBytes <= bytes) return [];
  const [asked, have] = [cacheBytes, bytes].map((each) => Math.floor(each / MIB));
  return [`-m ${asked} is more than the ${have} MB of memory that there are`];
}

function openWarning({ endpoints, authFile, tls }: Config): string[] {
  const isOpen = endpoints.some(
    (endpoint) => !isLocal(endpoint) && tlsModeOf(endpoint, tls) !== 'verified',
  );
  if (!isOpen || authFile !== undefined) return [];
  return [
    'Anyone who reaches this port can read and change everything: ' +
      'give -Y <file> (users), listen on 127.0.0.1, or put a firewall in front',
  ];
}

/** A new store in a directory that is somebody else's: nothing of theirs is touched, but it is hardly what was meant. */
export async function warnOfStrangers({ fs, logger }: Env, dir: string): Promise<void> {
  const names = await namesIn(fs, dir);
  const others = names.filter((name) => parseFileName(name).kind === 'other').toSorted();
  const [first] = others.filter((name) => !name.startsWith('.') && name !== 'lost+found');
  if (first === undefined) return;
  logger.warn(
    'A new store is made in a directory that holds other files: is it the right one? They are left alone',
    { dir, files: others.length, first },
  );
}

/** None when there is no such directory; why it cannot be read is the start's own affair. */
async function namesIn(fs: Env['fs'], dir: string): Promise<string[]> {
  try {
    return await fs.list(dir);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}
