// Exit codes of every program of Cairn, server and tools alike (docs/errors.md, "Exit codes"; a test keeps
// the two in step). The numbers are those of sysexits.h where it has one for the case.
// Invariant: one number means one thing in every program.

import { isKvError, systemCode, type KvErrorCode } from './errors.js';

export const EXIT = {
  ok: 0,
  notFound: 1,
  usage: 64,
  damage: 65,
  noInput: 66,
  unreachable: 69,
  bug: 70,
  system: 71,
  io: 74,
  busy: 75,
  protocol: 76,
  noPermission: 77,
  poisoned: 79,
  mendable: 80,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const OF_ERROR: Readonly<Record<KvErrorCode, ExitCode>> = {
  KV_BAD_OPTION: EXIT.usage,
  // The error may pass: a machine without a clock of its own gets the time shortly after its start.
  KV_CLOCK: EXIT.system,
  KV_CLOSED: EXIT.bug,
  KV_CORRUPTION: EXIT.damage,
  KV_FORMAT_VERSION: EXIT.damage,
  KV_IO: EXIT.io,
  KV_LOCKED: EXIT.busy,
  KV_NO_PERMISSION: EXIT.noPermission,
  KV_NO_SPACE: EXIT.io,
  KV_NOT_A_STORE: EXIT.noInput,
  KV_POISONED: EXIT.poisoned,
  KV_TOO_OLD: EXIT.noInput,
};

/** Exit codes by the system's code; any other system failure counts as one of reading or writing. */
const OF_SYSTEM: Readonly<Record<string, ExitCode>> = {
  EACCES: EXIT.noPermission,
  EADDRINUSE: EXIT.system,
  EADDRNOTAVAIL: EXIT.system,
  ENOENT: EXIT.noInput,
  ENOTDIR: EXIT.noInput,
  EPERM: EXIT.noPermission,
  EROFS: EXIT.noPermission,
};

/** Returns the exit code of a program that this error ended. An error that is no known failure of the world is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  if (isKvError(error)) return OF_ERROR[error.code];
  const code = systemCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return EXIT.bug;
  return OF_SYSTEM[code] ?? EXIT.io;
}
