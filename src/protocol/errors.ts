// Every error that a client can get: its line in text and meta, its status and text in binary.

import { assert } from '../assert.js';
import type { ErrorName } from './reply.js';

/** Statuses of the binary protocol. */
export const BINARY_STATUS = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  tooLarge: 0x03,
  invalidArguments: 0x04,
  notStored: 0x05,
  notANumber: 0x06,
  authenticationFailed: 0x20,
  authenticationGoesOn: 0x21,
  unknownCommand: 0x81,
  outOfMemory: 0x82,
  notSupported: 0x83,
  internalError: 0x84,
  temporaryFailure: 0x86,
} as const;

interface ErrorForm {
  /** The line with its line end. */
  readonly line: Buffer;
  readonly status: number;
  readonly text: Buffer;
}

function form(line: string, status: number, text: string): ErrorForm {
  return { line: Buffer.from(`${line}\r\n`, 'latin1'), status, text: Buffer.from(text, 'latin1') };
}

/** The form of a mistake in a text or meta line; binary has one answer for all of them. */
function mistake(line: string): ErrorForm {
  return form(`CLIENT_ERROR ${line}`, BINARY_STATUS.invalidArguments, 'Invalid arguments');
}

/** The form of a failure of the server; binary clients retry status 0x86. */
function failure(text: string): ErrorForm {
  return form(`SERVER_ERROR ${text}`, BINARY_STATUS.temporaryFailure, text);
}

const FORMS: Readonly<Record<ErrorName, ErrorForm>> = {
  'unknown-command': form('ERROR', BINARY_STATUS.unknownCommand, 'Unknown command'),
  'bad-line': mistake('bad command line format'),
  'bad-line-usage-delete': mistake('bad command line format.  Usage: delete <key> [noreply]'),
  'bad-line-short': mistake('bad command line'),
  'bad-chunk': mistake('bad data chunk'),
  'bad-exptime': mistake('invalid exptime argument'),
  'bad-delta': mistake('invalid numeric delta argument'),
  'bad-token': mistake('bad token in command line format'),
  'bad-initial-number': mistake('invalid numeric initial value'),
  'bad-delta-number': mistake('invalid numeric delta value'),
  'bad-key-encoding': mistake('error decoding key'),
  'invalid-flag': mistake('invalid flag'),
  'duplicate-flag': mistake('duplicate flag'),
  'invalid-or-duplicate-flag': mistake('invalid or duplicate flag'),
  'too-many-flags': mistake('options flags are too long'),
  'opaque-too-long': mistake('opaque token too long'),
  'bad-mode-length': mistake('incorrect length for M token'),
  'bad-ms-mode': mistake('invalid mode for ms M token'),
  'bad-ma-mode': mistake('invalid mode for ma M token'),
  'bad-shutdown-mode': mistake('invalid shutdown mode'),
  'bad-detail': mistake('usage: stats detail on|off|dump'),
  'bad-slab-id': mistake('Illegal slab id'),
  'auth-token-too-long': mistake('auth token too long'),
  'bad-auth-token': mistake('bad authentication token format'),
  'bad-termination': mistake('bad command line termination'),
  'invalid-arguments': mistake('bad command line format'),
  unauthenticated: form(
    'CLIENT_ERROR unauthenticated',
    BINARY_STATUS.authenticationFailed,
    'Auth failure.',
  ),
  'authentication-failed': form(
    'CLIENT_ERROR authentication failure',
    BINARY_STATUS.authenticationFailed,
    'Auth failure.',
  ),
  'too-many-logins': failure('too many logins, try again later'),
  'flush-not-allowed': mistake('flush_all not allowed'),
  'shutdown-not-enabled': form(
    'SERVER_ERROR: shutdown not enabled',
    BINARY_STATUS.invalidArguments,
    'Invalid arguments',
  ),
  'bad-certificates': failure('certificates cannot be used'),
  'too-many-connections': form(
    'ERROR Too many open connections',
    BINARY_STATUS.temporaryFailure,
    'Too many open connections',
  ),
  'not-a-number': form(
    'CLIENT_ERROR cannot increment or decrement non-numeric value',
    BINARY_STATUS.notANumber,
    'Non-numeric server-side value for incr or decr',
  ),
  'too-large': form(
    'SERVER_ERROR object too large for cache',
    BINARY_STATUS.tooLarge,
    'Too large.',
  ),
  'no-memory': form(
    'SERVER_ERROR out of memory storing object',
    BINARY_STATUS.outOfMemory,
    'Out of memory',
  ),
  'no-space': failure('disk full, not stored'),
  'no-descriptors': failure('out of file descriptors, not stored'),
  damaged: failure('stored value is damaged'),
  unreadable: failure('stored value could not be read'),
  unwritten: failure('value could not be written, not stored'),
  closed: failure('storage is not available'),
  // Not a temporary failure: a client that repeats the request may apply its change twice.
  unknown: form('SERVER_ERROR outcome unknown', BINARY_STATUS.internalError, 'Outcome unknown'),
  'not-offered': form(
    'SERVER_ERROR not offered by this store',
    BINARY_STATUS.notSupported,
    'Not supported',
  ),
};

/** The names of all errors, for the tests of docs/protocol.md. */
export const ERROR_NAMES: readonly ErrorName[] = Object.keys(FORMS) as ErrorName[];

/** Returns the form of `error` on the wire. */
export function formOfError(error: ErrorName): ErrorForm {
  const found = FORMS[error];
  assert(found !== undefined, 'Every error has a form');
  return found;
}
