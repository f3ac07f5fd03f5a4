// The settings by which a node keeps what it acknowledges, and its version.

import type { Redis } from 'ioredis';

import { KvError } from '../../errors.js';

/** What a node must be set to, so that WAIT means "on so many disks". */
const SETTINGS = [
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  ['no-appendfsync-on-rewrite', 'no'],
] as const;

/** Throws KV_BAD_OPTION naming node and setting. */
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

/** By which rule the node throws items away when its memory is full; undefined: it refuses writes. */
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

/** From 7.2 on a node says itself whether the logs have it (WAITAOF). */
export async function hasWaitAof(redis: Redis): Promise<boolean> {
  const found = (await redis.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[];
  return found[0] !== null && found[0] !== undefined;
}
