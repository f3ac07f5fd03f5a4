// Safety of a node: its version, and the settings by which it keeps the writes that it acknowledges.

import type { Redis } from 'ioredis';

import { KvError } from '../../errors.js';

/** Settings that a node must have, so that WAIT means "on this many disks". */
const SETTINGS = [
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  ['no-appendfsync-on-rewrite', 'no'],
] as const;

/** Checks the settings of a node. Throws KV_BAD_OPTION that names the node and the setting. */
export async function requireDurable(redis: Redis, host: string): Promise<void> {
  for (const [name, wanted] of SETTINGS) {
    const found = await settingOf(redis, host, name);
    if (found === wanted) continue;
    const message =
      `${host} has ${name} ${found ?? 'not at all'}: what it acknowledges may be lost; ` +
      `CONFIG SET ${name} ${wanted} there, or say durability=memory`;
    throw new KvError('KV_BAD_OPTION', message);
  }
}

/** The policy by which the node evicts items when its memory is full; undefined: it refuses writes. */
export async function evictionPolicy(redis: Redis, host: string): Promise<string | undefined> {
  const found = await settingOf(redis, host, 'maxmemory-policy');
  return found === 'noeviction' ? undefined : found;
}

async function settingOf(redis: Redis, host: string, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await redis.call('CONFIG', 'GET', name)) as string[];
    return value;
  } catch (error: unknown) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `${host} does not say whether it keeps what it acknowledges: CONFIG GET ${name}: ${why}; allow it, or say durability=memory`;
    throw new KvError('KV_BAD_OPTION', message, { cause: error });
  }
}

/** Checks whether the node knows WAITAOF, which came with version 7.2. */
export async function hasWaitAof(redis: Redis): Promise<boolean> {
  const found = (await redis.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[];
  return found[0] !== null && found[0] !== undefined;
}
