// The system's refusal of a file, as it is told to whoever runs a program: what, which path, what to do, and the code that
// decides how the program ends (docs/errors.md). The one translation, for whoever opens, makes or replaces a file.

import { KvError, systemCode, systemReason, type KvErrorCode } from '../errors.js';

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
  KV_NO_PERMISSION: 'give it to the user that runs this, or name another',
  KV_NO_SPACE: 'free some',
  KV_BAD_OPTION: 'name another',
};

/** `what` says what did not work: `A directory cannot be made`. What is no failure of the system is passed on. */
export function fileFailure(what: string, path: string | undefined, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === undefined || cause instanceof KvError) return cause;
  const kind = CODES[code] ?? 'KV_IO';
  const next = NEXT_STEPS[kind];
  const message = `${what}: ${systemReason(cause)}${next === undefined ? '' : `; ${next}`}`;
  return new KvError(kind, message, { ...(path === undefined ? {} : { path }), cause });
}

/** As fileFailure when the disk is full or the quota used up: the system's error names no file. Others are passed on. */
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
