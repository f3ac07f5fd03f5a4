// Commands: the operations of the store as Redis commands, plain ones where that is enough, otherwise scripts (scripts.ts).
//
// Invariant: these functions copy the bytes of keys and values. Nothing refers to the caller's buffers when they return.

import { ITEM_HEADER_BYTES } from '../item-bytes.js';
import type * as S from '../../store/store.js';
import type { Command } from './operation.js';
import { SCRIPTS, type Script } from './scripts.js';

const VERSION = 1;
const OWN_CAS = 4;
const WON = 2;
/** Prefix of an item's key in Redis. Other keys are no items of the store. */
export const KEY_PREFIX = 'k:';
const MODES = { set: 's', replace: 'r', add: 'a', append: 'p', prepend: 'q' } as const;
const NOTHING = Buffer.alloc(0);
/** Time by which the clock of a node may be ahead of this server's. */
const CLOCKS_APART_MS_MAX = 60_000;
const TWO_POW_32 = 2 ** 32;

/** The key in Redis: `k:` and the bytes of the key. */
export function redisKey(key: Buffer, start = 0, end = key.length): Buffer {
  const bytes = Buffer.allocUnsafe(2 + end - start);
  bytes.write(KEY_PREFIX, 0, 'latin1');
  key.copy(bytes, 2, start, end);
  return bytes;
}

interface NewItem {
  readonly flags: number;
  readonly expiresAt: number;
  readonly token: number | bigint;
  readonly won?: boolean;
}

/** Encodes an item whose value is source[start..end). */
function itemBytes(item: NewItem, source: Buffer, start: number, end: number): Buffer {
  const { flags, expiresAt, token, won } = item;
  const bytes = Buffer.allocUnsafe(ITEM_HEADER_BYTES + end - start);
  bytes.writeUInt16BE(VERSION * 256 + OWN_CAS + (won === true ? WON : 0), 0);
  bytes.writeUInt16BE(0, 2);
  bytes.writeUInt32BE(flags, 4);
  writeToken(bytes, 8, token);
  writeNumber(bytes, 16, expiresAt);
  source.copy(bytes, ITEM_HEADER_BYTES, start, end);
  return bytes;
}

function writeNumber(bytes: Buffer, at: number, number: number): void {
  bytes.writeUInt32BE(Math.floor(number / TWO_POW_32), at);
  bytes.writeUInt32BE(number % TWO_POW_32, at + 4);
}

function writeToken(bytes: Buffer, at: number, token: number | bigint): void {
  if (typeof token === 'number') writeNumber(bytes, at, token);
  else bytes.writeBigUInt64BE(token, at);
}

function tokenBytes(token: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  writeToken(bytes, 0, token);
  return bytes;
}

function compared(token: bigint | undefined): Buffer {
  return token === undefined ? NOTHING : tokenBytes(token);
}

function call(script: Script, key: Buffer, nowMs: number, ...args: (string | Buffer)[]): Command {
  return {
    name: 'EVALSHA',
    args: [script.sha, '1', key, String(nowMs), ...args],
    effect: 'may-write',
  };
}

/** The time and the token of one operation. */
export interface Now {
  readonly nowMs: number;
  /** The token that a change gets unless the item has a larger one. */
  readonly candidate: number;
}

export function getCommand(key: Buffer): Command {
  return { name: 'GET', args: [key], effect: 'reads' };
}

/** Checks whether the put is a set without a condition, which does not depend on the old item. */
export function isPlainSet({ mode, compareCas, keepsExpiry }: S.Put): boolean {
  return mode === 'set' && compareCas === undefined && keepsExpiry !== true;
}

export function putCommand(
  key: Buffer,
  put: S.Put,
  value: Buffer,
  now: Now,
  valueBytesMax: number,
): Command {
  const { mode, valueStart = 0, valueEnd = value.length, chosenCas, flags } = put;
  const joins = mode === 'append' || mode === 'prepend';
  const expiresAt = joins ? (put.vivifyExpiresAt ?? 0) : put.expiresAt;
  const token = chosenCas ?? now.candidate;
  const item = itemBytes({ flags, expiresAt, token }, value, valueStart, valueEnd);
  if (isPlainSet(put)) {
    const ends = expiresAt === 0 ? [] : ['PXAT', String(expiresAt)];
    // An item that has expired by Redis's clock changes nothing where there was none, and WAIT would have no write.
    const isSure = expiresAt === 0 || expiresAt > now.nowMs + CLOCKS_APART_MS_MAX;
    return { name: 'SET', args: [key, item, ...ends], effect: isSure ? 'writes' : 'may-write' };
  }
  const letters =
    (chosenCas === undefined ? '' : 'c') +
    (put.invalidate === true ? 'i' : '') +
    (put.keepsExpiry === true ? 'k' : '') +
    (joins && put.vivifyExpiresAt !== undefined ? 'v' : '');
  const compare = compared(put.compareCas);
  const rest = [MODES[mode], item, String(expiresAt), compare, letters, String(valueBytesMax)];
  return call(SCRIPTS.put, key, now.nowMs, ...rest);
}

export function arithmeticCommand(key: Buffer, change: S.Arithmetic, now: Now): Command {
  const { delta, direction, compareCas, chosenCas, create, expiresAt } = change;
  const token = chosenCas ?? now.candidate;
  const digits = Buffer.from(create === undefined ? '' : String(create.value));
  const created =
    create === undefined
      ? NOTHING
      : itemBytes({ flags: 0, expiresAt: create.expiresAt, token }, digits, 0, digits.length);
  return call(
    SCRIPTS.arithmetic,
    key,
    now.nowMs,
    tokenBytes(token),
    direction === 'incr' ? 'i' : 'd',
    String(delta),
    compared(compareCas),
    chosenCas === undefined ? '' : 'c',
    expiresAt === undefined ? '' : String(expiresAt),
    created,
    String(create?.expiresAt ?? 0),
  );
}

export function touchCommand(key: Buffer, expiresAt: number, now: Now): Command {
  return call(SCRIPTS.touch, key, now.nowMs, String(expiresAt));
}

export function deleteCommand(key: Buffer, change: S.Delete, now: Now): Command {
  const { compareCas, invalidate, dropValue, chosenCas, expiresAt } = change;
  const letters =
    (chosenCas === undefined ? '' : 'c') +
    (invalidate === true ? 'i' : '') +
    (dropValue === true ? 'd' : '');
  const token = tokenBytes(chosenCas ?? now.candidate);
  const expiry = expiresAt === undefined ? '' : String(expiresAt);
  return call(SCRIPTS.delete, key, now.nowMs, token, compared(compareCas), letters, expiry);
}

export function readCommand(key: Buffer, options: S.ReadOptions, now: Now): Command {
  const { expiresAt, win, recachesLast, recacheMs = 0, vivifyExpiresAt, chosenCas } = options;
  const letters = (win === true ? 'w' : '') + (recachesLast === true ? 'l' : '');
  const token = chosenCas ?? now.candidate;
  const made =
    vivifyExpiresAt === undefined
      ? NOTHING
      : itemBytes({ flags: 0, expiresAt: vivifyExpiresAt, token, won: true }, NOTHING, 0, 0);
  const expiry = expiresAt === undefined ? '' : String(expiresAt);
  const rest = [expiry, letters, String(recacheMs), made, String(vivifyExpiresAt ?? 0)];
  return call(SCRIPTS.read, key, now.nowMs, ...rest);
}
