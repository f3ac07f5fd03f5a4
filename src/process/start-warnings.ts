// Warnings at the start: name settings that are accepted because memcached's command lines have them, but that are most
// likely not what the operator meant.

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
  // A container may have less memory than its machine. 0, or more than the machine has, means no such limit.
  const constrained = process.constrainedMemory();
  const machine = os.totalmem();
  const bytes = constrained > 0 ? Math.min(machine, constrained) : machine;
  if (cacheBytes <= bytes) return [];
  const [asked, have] = [cacheBytes, bytes].map((each) => Math.floor(each / MIB));
  return [`-m ${asked} is more than the ${have} MB of memory of this machine or container`];
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

/** Warns of a new store in a directory with other files: the server leaves them alone, but the path is likely wrong. */
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

/** Returns no names when the directory is missing or unreadable: opening the store reports such a failure. */
async function namesIn(fs: Env['fs'], dir: string): Promise<string[]> {
  try {
    return await fs.list(dir);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}
