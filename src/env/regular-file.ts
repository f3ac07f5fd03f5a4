// Where a file of the store belongs and something else lies: a directory, a pipe, a device. Said in words, with the
// place and what to do, instead of the system's EISDIR (docs/errors.md).

import { KvError, systemCode } from '../errors.js';

const WHAT_ELSE: ReadonlySet<string | undefined> = new Set(['EISDIR', 'ENXIO', 'ELOOP']);

/** What the system says when the user may not open it. */
const NOT_ALLOWED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM']);

/**
 * Throws `error`; KV_NO_PERMISSION when that says so; KV_CORRUPTION when that means (or there is none) that what lies at
 * `path` is no file.
 */
export function refuseOther(path: string, error?: unknown): never {
  const code = systemCode(error);
  if (NOT_ALLOWED.has(code)) {
    throw new KvError(
      'KV_NO_PERMISSION',
      `A file of the store may not be opened: ${code}; give it to the user that runs this`,
      { path, cause: error },
    );
  }
  if (error !== undefined && !WHAT_ELSE.has(code)) throw error;
  const what =
    'A directory, or something else that is no file, lies where a file of the store belongs';
  throw new KvError('KV_CORRUPTION', `${what}; it was not touched: move it away`, {
    path,
    cause: error,
  });
}
