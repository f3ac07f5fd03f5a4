// Makes a new store in a directory that a user named, for kv-restore and for kv-check --repair.
//
// Invariants:
// - A directory that is not empty is refused.
// - The store is written and read back in a folder of its own inside the directory. Then it is moved up, its MANIFEST
//   last, so that a store that is not whole and checked never starts. The next try removes a folder that a kill left
//   behind.

import { realpath, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';

import type { Env } from '../../src/env/env.js';
import { systemCode } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { LOCK_NAME, MANIFEST_NAME } from '../../src/log/bytes/file-names.js';
import { ToolError } from './program.js';

/** The root of a new file system holds this folder, and may still become a store. */
const OF_FILE_SYSTEM = 'lost+found';
const FOLDER_PATTERN = /^new-store\.cairn-[0-9a-f]+\.tmp$/;

/** Returns `to` when it is empty or does not exist yet, and is not in `dir`, which is only read. */
export async function emptyTarget(env: Env, dir: string, to: string): Promise<string> {
  await refuseInside(dir, to);
  await refuseOccupied(env, to, []);
  return to;
}

/** Throws when `to` is `dir` or lies in it. */
export async function refuseInside(dir: string, to: string): Promise<void> {
  const within = relative(await realOf(dir), await realOf(to));
  if (within === '' || !(within.startsWith('..') || isAbsolute(within))) {
    throw new ToolError(EXIT.usage, `${to} is in ${dir}, which is not touched`);
  }
}

/** Calls `write` with an empty folder. When `write` returns, it has written and checked a store there. */
export async function writeNewStore(
  env: Env,
  target: string,
  write: (folder: string) => Promise<void>,
): Promise<void> {
  const wasThere = (await env.fs.kindOf(target)) !== undefined;
  await env.fs.makeDir(target);
  const lockPath = join(target, LOCK_NAME);
  // The lock keeps other processes from writing there meanwhile.
  const lock = await env.fs.lock(lockPath, 'existing');
  try {
    // Another process may have written there first.
    await refuseOccupied(env, target, [LOCK_NAME]);
    await removeRemnants(env, target);
    const folder = join(target, `new-store.cairn-${env.fs.unique()}.tmp`);
    try {
      await env.fs.makeDir(folder);
      await write(folder);
    } catch (error: unknown) {
      await rm(folder, { recursive: true, force: true });
      await env.fs.remove(lockPath);
      // Files that somebody put there meanwhile stay, and so does their directory: rmdir() removes only an empty one.
      if (!wasThere) await rmdir(target).catch(() => undefined);
      throw error;
    }
    await moveUp(env, folder, target);
  } finally {
    await lock.release();
  }
}

async function moveUp(env: Env, folder: string, target: string): Promise<void> {
  const names = (await env.fs.list(folder)).filter((name) => name !== MANIFEST_NAME);
  for (const name of names) await env.fs.rename(join(folder, name), join(target, name));
  await env.fs.syncDir(target);
  await env.fs.rename(join(folder, MANIFEST_NAME), join(target, MANIFEST_NAME));
  await env.fs.syncDir(target);
  await rmdir(folder);
}

async function removeRemnants(env: Env, target: string): Promise<void> {
  for (const name of await env.fs.list(target)) {
    if (FOLDER_PATTERN.test(name)) await rm(join(target, name), { recursive: true, force: true });
  }
}

async function refuseOccupied(env: Env, dir: string, own: readonly string[]): Promise<void> {
  const names = await namesIn(env, dir).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOTDIR') throw error;
    throw new ToolError(EXIT.usage, `${dir} is no directory`, error);
  });
  const isFree = (name: string): boolean =>
    name === OF_FILE_SYSTEM || own.includes(name) || FOLDER_PATTERN.test(name);
  if (names.every(isFree)) return;
  throw new ToolError(EXIT.usage, `${dir} is not empty; name a new directory`);
}

/** Returns the path without links, as far as it exists. */
async function realOf(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch (error: unknown) {
    if (systemCode(error) !== 'ENOENT' || dirname(full) === full) throw error;
    return join(await realOf(dirname(full)), basename(full));
  }
}

async function namesIn(env: Env, dir: string): Promise<string[]> {
  try {
    return await env.fs.list(dir);
  } catch (error: unknown) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
