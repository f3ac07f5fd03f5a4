// A path that stays the same whatever becomes of the working directory.

import { resolve } from 'node:path';

import { KvError } from '../errors.js';

/** Throws KV_BAD_OPTION for a relative path while the working directory is one that was removed. */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    const message = 'The working directory was removed: go to another, or give an absolute path';
    throw new KvError('KV_BAD_OPTION', message, { path, cause });
  }
}
