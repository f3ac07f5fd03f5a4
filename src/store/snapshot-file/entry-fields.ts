// Fields of an entry of a dump: checks their values, whether they were read from a line of JSON or from a row of a table
// (docs/format.md, "JSON snapshot"). Pure.
//
// Invariant: no byte is changed. Half a surrogate pair and text that is not exact base64 are refused; otherwise two keys
// could become one.

import { KEY_BYTES_LIMIT } from '../../limits.js';
import type { EntryHead } from './format.js';

export interface SnapshotEntry extends EntryHead {
  readonly value: Buffer;
}

/** Throws an error with the place of the entry; `field` is the name of the wrong field. */
export type RefuseField = (message: string, field: string) => never;

/** The fields of an entry. */
export const ENTRY_FIELDS = [
  'key',
  'keyEncoding',
  'value',
  'encoding',
  'flags',
  'expiresAt',
  'cas',
] as const;

type Fields = Readonly<Record<string, unknown>>;

const U64_MAX = 2n ** 64n - 1n;
const LONE_SURROGATE = /\p{Cs}/u;

/** Returns the entry. Flags, expiry and CAS token are 0 where their field is missing. */
export function entryOfFields(fields: Fields, refuse: RefuseField): SnapshotEntry {
  const head = headOfFields(fields, refuse);
  const value = bytesOf(fields['value'], fields['encoding'] ?? 'utf8', 'value', refuse);
  return { ...head, value };
}

export function headOfFields(fields: Fields, refuse: RefuseField): EntryHead {
  const key = bytesOf(fields['key'], fields['keyEncoding'] ?? 'utf8', 'key', refuse);
  if (key.length < 1 || key.length > KEY_BYTES_LIMIT)
    refuse('its key has an impossible length', 'key');
  return {
    key,
    flags: wholeNumber(fields['flags'] ?? 0, 'flags', 0xffff_ffff, refuse),
    expiresAt: wholeNumber(fields['expiresAt'] ?? 0, 'expiresAt', Number.MAX_SAFE_INTEGER, refuse),
    cas: casOf(fields['cas'] ?? 0, refuse),
  };
}

function bytesOf(text: unknown, encoding: unknown, field: string, refuse: RefuseField): Buffer {
  if (typeof text !== 'string') return refuse(`its ${field} is not a string`, field);
  if (encoding === 'utf8') {
    if (LONE_SURROGATE.test(text)) refuse(`its ${field} has half a surrogate pair`, field);
    return Buffer.from(text, 'utf8');
  }
  if (encoding !== 'base64') refuse(`its ${field} has an unknown encoding`, field);
  const bytes = Buffer.from(text, 'base64');
  // Buffer.from skips characters that are not base64, so the text is base64 only if encoding gives it again.
  if (bytes.toString('base64') !== text) refuse(`its ${field} is not base64`, field);
  return bytes;
}

function wholeNumber(value: unknown, field: string, max: number, refuse: RefuseField): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
    return refuse(`${field} is not a whole number from 0 to ${max}`, field);
  return value;
}

function casOf(value: unknown, refuse: RefuseField): bigint {
  if (typeof value !== 'string')
    return BigInt(wholeNumber(value, 'cas', Number.MAX_SAFE_INTEGER, refuse));
  const cas = /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
  if (cas !== undefined && cas <= U64_MAX) return cas;
  return refuse(`cas is not a whole number from 0 to ${U64_MAX}`, 'cas');
}
