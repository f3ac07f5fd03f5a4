// Store files: checks, by name, directory and content, whether an output would overwrite a file of a store. So no tool
// destroys one because of a wrong word on the command line (docs/tools.md, "Output files").

import { basename, dirname, join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { MANIFEST_NAME, parseFileName } from '../bytes/file-names.js';
import { isOurs, kindOfBytes, startOf } from './ownership.js';

/**
 * Throws KV_BAD_OPTION when `path` is or would be a file of a store, or is another name for a file of the store in
 * `storeDir`. Requires: `path` has no links in it.
 */
export async function refuseStoreFile(fs: Fs, path: string, storeDir?: string): Promise<void> {
  const dir = dirname(path);
  const refuse = (): never => {
    throw new KvError(
      'KV_BAD_OPTION',
      'The output would overwrite a file of a store; name another',
      {
        path,
      },
    );
  };
  const named = parseFileName(basename(path)).kind !== 'other';
  if (named && (await isStore(fs, dir))) refuse();
  if ((await fs.kindOf(path)) !== 'file') return;
  // Another name for a file of a store has its bytes.
  if (kindOfBytes(await startOf(fs, path)) !== undefined) refuse();
  if (storeDir !== undefined && (await isAnyOf(fs, path, storeDir))) refuse();
}

/** Throws KV_BAD_OPTION when a store uses the name of `path` for its own files, even if there is no such file or store. */
export function refuseStoreName(path: string, option: string): void {
  if (parseFileName(basename(path)).kind === 'other') return;
  const what = `A store uses the name given by ${option} for a file of its own; choose another name`;
  throw new KvError('KV_BAD_OPTION', what, { path });
}

/** Checks whether `path` is another name of a store's file; needed for LOCK and snapshot.json, which have no magic. */
async function isAnyOf(fs: Fs, path: string, storeDir: string): Promise<boolean> {
  for (const name of await fs.list(storeDir)) {
    if (parseFileName(name).kind === 'other') continue;
    if (await fs.isSameFile(path, join(storeDir, name))) return true;
  }
  return false;
}

/** Checks whether a directory has a manifest, or a segment whose manifest is lost. */
async function isStore(fs: Fs, dir: string): Promise<boolean> {
  if (await isOurs(fs, dir, MANIFEST_NAME)) return true;
  for (const name of await fs.list(dir)) {
    if (parseFileName(name).kind === 'segment' && (await isOurs(fs, dir, name))) return true;
  }
  return false;
}
