// Absolute paths: a path that still names the same file after the working directory has changed or was removed.

import { resolve } from 'node:path';

import { KvError } from '../errors.js';

/** Returns `path` made absolute. Throws KV_BAD_OPTION for a relative path when the working directory was removed. */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    const message = 'The working directory was removed: go to another, or give an absolute path';
    throw new KvError('KV_BAD_OPTION', message, { path, cause });
  }
}
