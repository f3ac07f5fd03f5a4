// Whether an output would fall on a file of a store, by name and directory or by what is in it, so that no tool
// destroys one because of a wrong word on the command line (docs/tools.md, "Output files").

import { basename, dirname, join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { MANIFEST_NAME, parseFileName } from '../bytes/file-names.js';
import { isOurs, kindOfBytes, startOf } from './ownership.js';

/**
 * Throws KV_BAD_OPTION when `path`, which has no links in it, is or would be a file of a store, or is another name for a
 * file of the store in `storeDir`.
 */
export async function refuseStoreFile(fs: Fs, path: string, storeDir?: string): Promise<void> {
  const dir = dirname(path);
  const refuse = (): never => {
    throw new KvError('KV_BAD_OPTION', 'The output would go onto a file of a store; name another', {
      path,
    });
  };
  const named = parseFileName(basename(path)).kind !== 'other';
  if (named && (await isStore(fs, dir))) refuse();
  if ((await fs.kindOf(path)) !== 'file') return;
  // Another name for a file of a store has its bytes.
  if (kindOfBytes(await startOf(fs, path)) !== undefined) refuse();
  if (storeDir !== undefined && (await isAnyOf(fs, path, storeDir))) refuse();
}

/** Throws KV_BAD_OPTION when a store names its own files like `path`, whether or not there is such a file or a store. */
export function refuseStoreName(path: string, option: string): void {
  if (parseFileName(basename(path)).kind === 'other') return;
  const what = `A store names a file of its own as ${option} does; choose another name`;
  throw new KvError('KV_BAD_OPTION', what, { path });
}

/** Whether it is one of the store's files that have no magic, LOCK and snapshot.json, by another name. */
async function isAnyOf(fs: Fs, path: string, storeDir: string): Promise<boolean> {
  for (const name of await fs.list(storeDir)) {
    if (parseFileName(name).kind === 'other') continue;
    if (await fs.isSameFile(path, join(storeDir, name))) return true;
  }
  return false;
}

/** A directory with a manifest, or with a segment that has lost it. */
async function isStore(fs: Fs, dir: string): Promise<boolean> {
  if (await isOurs(fs, dir, MANIFEST_NAME)) return true;
  for (const name of await fs.list(dir)) {
    if (parseFileName(name).kind === 'segment' && (await isOurs(fs, dir, name))) return true;
  }
  return false;
}
