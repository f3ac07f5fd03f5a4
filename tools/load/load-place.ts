// The place that the first word of kv-load names: a server, a store, or a directory in which to make a store.
//
// Invariant: nothing is created here, and no directory becomes a store without `--create`. Otherwise a host name or a
// wrong path would become an empty store that nobody looks for.

import { join } from 'node:path';

import type { Env } from '../../src/env/env.js';
import { isKvError } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { LOCK_NAME } from '../../src/log/bytes/file-names.js';
import { requireStore } from '../../src/offline/store-reader.js';
import { jsonLine } from '../../src/printable.js';
import type { Endpoint } from '../client/endpoint.js';
import { placeNamed, serverOnHost } from '../client/server-place.js';
import { ToolError } from '../terminal/program.js';
import { isRedisUrl } from './redis-url.js';

export type LoadPlace =
  | { readonly kind: 'server'; readonly endpoint: Endpoint }
  | { readonly kind: 'store'; readonly dir: string; readonly isNew: boolean };

/** Throws a ToolError with 66 for a word that names nothing, and with 64 for a word that cannot be a target. */
export async function findPlace(env: Env, word: string, create: boolean): Promise<LoadPlace> {
  // The message does not repeat the word, which may hold a password.
  if (isRedisUrl(word))
    throw new ToolError(
      EXIT.usage,
      'kv-load only reads a Redis (the target comes first, then redis://…); to load a store over a cluster, name its server: host:port',
    );
  const place = await placeNamed(word);
  if (place.kind === 'server') return server(place.endpoint, create);
  if (place.kind === 'directory')
    return { kind: 'store', dir: word, isNew: !(await holdsStore(env, word, create)) };
  const name = jsonLine(word);
  if (place.kind === 'file')
    throw new ToolError(EXIT.usage, `${name} is a file: the target comes first, then the dump`);
  if (create) return { kind: 'store', dir: word, isNew: true };
  const endpoint = place.mayBeHost ? await serverOnHost(word) : undefined;
  if (endpoint !== undefined) return server(endpoint, create);
  const nothing = place.mayBeHost ? 'no directory and no host' : 'no directory and no socket';
  throw new ToolError(EXIT.noInput, `There is ${nothing} ${name}: --create makes the directory`);
}

/** Throws KV_LOCKED when another process has the store; changes nothing in it. */
export async function requireUnlocked(env: Env, dir: string): Promise<void> {
  const lock = await env.fs.lock(join(dir, LOCK_NAME), 'existing');
  await lock.release();
}

function server(endpoint: Endpoint, create: boolean): LoadPlace {
  if (create) throw new ToolError(EXIT.usage, '--create is for directories, and this is a server');
  return { kind: 'server', endpoint };
}

async function holdsStore(env: Env, dir: string, create: boolean): Promise<boolean> {
  try {
    await requireStore(env, dir);
    return true;
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_NOT_A_STORE')) throw error;
    if (create) return false;
    throw new ToolError(EXIT.noInput, `${error.message}: --create makes one`, error);
  }
}
