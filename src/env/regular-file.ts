// Errors for a name of the store's file under which there is no file but a directory, a pipe or a device. They say so
// with the path and the next step, instead of the system's EISDIR (docs/errors.md).

import { KvError, systemCode } from '../errors.js';

const WHAT_ELSE: ReadonlySet<string | undefined> = new Set(['EISDIR', 'ENXIO', 'ELOOP']);

/** The system's codes for a file that this user may not open. */
const NOT_ALLOWED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM']);

/**
 * Throws KV_NO_PERMISSION when `error` is a lack of permission, KV_CORRUPTION when `error` says that `path` is no file
 * or when there is no `error`, and `error` itself otherwise.
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
