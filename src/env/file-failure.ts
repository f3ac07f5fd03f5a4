// Errors for a file that the system refuses: they say what failed, at which path and what to do, and their code
// decides the exit code (docs/errors.md). All code that opens, makes or replaces a file translates errors here.

import { ERROR_CODES, KvError, systemCode, systemReason, type KvErrorCode } from '../errors.js';

const CODES: Readonly<Record<string, KvErrorCode>> = {
  EACCES: 'KV_NO_PERMISSION',
  EPERM: 'KV_NO_PERMISSION',
  EROFS: 'KV_NO_PERMISSION',
  ENOSPC: 'KV_NO_SPACE',
  EDQUOT: 'KV_NO_SPACE',
  ENAMETOOLONG: 'KV_BAD_OPTION',
  ELOOP: 'KV_BAD_OPTION',
  ENOTDIR: 'KV_BAD_OPTION',
};

const NEXT_STEPS: Partial<Readonly<Record<KvErrorCode, string>>> = {
  KV_NO_PERMISSION: 'give it and its directory to the user that runs this, or name another',
  KV_NO_SPACE: 'free some',
  KV_BAD_OPTION: 'name another',
};

/** `what` says what failed: `A directory cannot be made`. Returns an error that is not the system's unchanged. */
export function fileFailure(what: string, path: string | undefined, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === undefined || cause instanceof KvError) return cause;
  const kind = CODES[code] ?? 'KV_IO';
  const next = code === 'EROFS' ? 'mount it for writing, or name another' : NEXT_STEPS[kind];
  const message = `${what}: ${systemReason(cause)}${next === undefined ? '' : `; ${next}`}`;
  return new KvError(kind, message, { ...(path === undefined ? {} : { path }), cause });
}

/** Returns the code of the KvError for a failure of another thread, which tells the code of a KvError or of the system. */
export function failureKind(code: string | undefined): KvErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? CODES[code ?? ''] ?? 'KV_IO';
}

/** As fileFailure for a full disk or quota, because the system's error names no file. Returns other errors unchanged. */
export function fullDiskFailure(what: string, path: string, cause: unknown): unknown {
  return CODES[systemCode(cause) ?? ''] === 'KV_NO_SPACE' ? fileFailure(what, path, cause) : cause;
}

/** `what` names an option's file that cannot be read: the system's reason, and whether it is one of rights, come with it. */
export function optionFileFailure(what: string, path: string | undefined, cause: unknown): KvError {
  const isForbidden = CODES[systemCode(cause) ?? ''] === 'KV_NO_PERMISSION';
  const message = `${what} cannot be read: ${systemReason(cause)}`;
  return new KvError(isForbidden ? 'KV_NO_PERMISSION' : 'KV_BAD_OPTION', message, {
    ...(path === undefined ? {} : { path }),
    cause,
  });
}
