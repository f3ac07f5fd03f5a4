// Where a file of the store belongs and something else lies: a directory, a pipe, a device. Said in words, with the
// place and what to do, instead of the system's EISDIR (docs/errors.md).

import { KvError, systemCode } from '../errors.js';

const WHAT_ELSE: ReadonlySet<string | undefined> = new Set(['EISDIR', 'ENXIO', 'ELOOP']);

/** Throws `error`, or KV_CORRUPTION when that means (or there is none) that what lies at `path` is no file. */
export function refuseOther(path: string, error?: unknown): never {
  if (error !== undefined && !WHAT_ELSE.has(systemCode(error))) throw error;
  const what =
    'A directory, or something else that is no file, lies where a file of the store belongs';
  throw new KvError('KV_CORRUPTION', `${what}; it was not touched: move it away`, {
    path,
    cause: error,
  });
}
