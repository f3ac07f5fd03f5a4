// Semantics of memcached for an engine where an item is read, decided on and written back: from the old item and the request
// they make the bytes to write and the answer. All of it is pure functions. The Redis store has the same rules in Lua
// (docs/protocol.md lists the rules, and test/conformance holds both stores to them).
//
// Invariants:
// - `old` is alive: an item that has expired or was flushed is no old item, and the caller passes `undefined` for it.
// - The token of a write is known only when the engine has done the write: `outcome` makes the answer from it then.
// - A touch and a won read keep the token; every other write has a new one.

import { ttlSecondsOf } from '../store/expiry.js';
import { addDelta, composeDecimal, parseDecimal } from '../store/operations/decimal.js';
import type * as S from '../store/store.js';
import { ITEM_HEADER_BYTES, type DecodedItem, type ItemHeader } from './item-bytes.js';

export interface LiveItem extends DecodedItem {
  /** The item's own token, or the one that the engine gave to its last write. */
  readonly cas: bigint;
  /** The buffer that `value` is a view into. */
  readonly bytes: Buffer;
}

/** The item that a request finds. `damaged`: there are bytes, but they are no item. */
export type OldItem = LiveItem | 'damaged' | undefined;

interface NewItem extends ItemHeader {
  readonly value: Buffer;
}

export interface Decision<O> {
  /** The item to write. Undefined: nothing is written, and `outcome` is called with 0n. */
  readonly write: NewItem | 'removal' | undefined;
  readonly outcome: (token: bigint) => O;
}

/** A put that owns its bytes. */
export interface OwnPut extends Omit<S.Put, 'value' | 'key' | 'keyStart' | 'keyEnd'> {
  readonly value: Buffer;
}

const NOTHING = Buffer.alloc(0);
const NO_NUMBER = { after: 0, cas: 0n, number: 0n, expiresAt: 0, expiresAtBefore: 0 };

function answer<O>(outcome: O): Decision<O> {
  return { write: undefined, outcome: () => outcome };
}

function refuse(status: S.Status, cas = 0n): Decision<S.Outcome> {
  return answer({ status, after: 0, cas });
}

/** Keeps the token of the item: a read or a touch makes no new version of it. */
function touched(old: LiveItem, expiresAt: number, won: boolean): NewItem {
  return { ...old, expiresAt, won, ownCas: old.cas };
}

export function decidePut(
  put: OwnPut,
  old: OldItem,
  valueBytesMax: number,
): Decision<S.PutOutcome> {
  const { mode, value, chosenCas } = put;
  const joins = mode === 'append' || mode === 'prepend';
  const isPlain = mode === 'set' && put.compareCas === undefined;
  const refused = (status: S.Status, cas = 0n): Decision<S.PutOutcome> =>
    answer({ status, after: 0, cas, valueBytes: value.length });
  if (old === 'damaged' && !isPlain) return refused('damaged');
  const found = old === 'damaged' ? undefined : old;
  const status = found === undefined ? refusalOfMissing(put) : refusalOf(put, found.cas);
  if (status !== undefined) return refused(status, found?.cas);
  const base = joins ? found : undefined;
  const joined = base === undefined ? value : join(mode, base.value, value);
  if (joined.length > valueBytesMax) return refused('too-large');
  const replaced = found !== undefined && isStale(put, found.cas) ? found : undefined;
  const kept = base ?? replaced ?? (put.keepsExpiry === true ? found : undefined);
  const created = joins ? (put.vivifyExpiresAt ?? 0) : put.expiresAt;
  return {
    write: {
      value: joined,
      flags: base?.flags ?? put.flags,
      expiresAt: kept?.expiresAt ?? created,
      // A stale value may not make the item live longer, nor let a second client win it.
      stale: replaced !== undefined,
      won: replaced?.won ?? false,
      ownCas: chosenCas,
    },
    outcome: (token) => ({
      status: 'stored',
      after: 0,
      cas: chosenCas ?? token,
      valueBytes: joined.length,
    }),
  };
}

export function decideArithmetic(
  change: S.Arithmetic,
  old: OldItem,
): Decision<S.ArithmeticOutcome> {
  if (old === 'damaged') return refuseNumber('damaged');
  if (old === undefined) return createNumber(change);
  // memcached refuses an empty value before it looks at the token, and any other text after that.
  if (old.value.length === 0) return refuseNumber('not-a-number');
  const { compareCas, chosenCas } = change;
  if (compareCas !== undefined && compareCas !== old.cas) return refuseNumber('exists', old.cas);
  const current = parseDecimal(old.value);
  if (current === undefined) return refuseNumber('not-a-number');
  const number = addDelta(current, change.delta, change.direction);
  const expiresAt = change.expiresAt ?? old.expiresAt;
  const value = composeDecimal(number, old.value.length);
  return {
    write: { ...old, value, expiresAt, ownCas: chosenCas },
    outcome: (token) => ({
      status: 'stored',
      after: 0,
      cas: chosenCas ?? token,
      number,
      expiresAt,
      expiresAtBefore: old.expiresAt,
    }),
  };
}

function refuseNumber(status: S.Status, cas = 0n): Decision<S.ArithmeticOutcome> {
  return answer({ ...NO_NUMBER, status, cas });
}

function createNumber({ create, chosenCas }: S.Arithmetic): Decision<S.ArithmeticOutcome> {
  if (create === undefined) return answer({ ...NO_NUMBER, status: 'not-found' });
  const { value: number, expiresAt } = create;
  const value = composeDecimal(number, 0);
  return {
    write: { value, flags: 0, expiresAt, stale: false, won: false, ownCas: chosenCas },
    outcome: (token) => ({
      status: 'stored',
      after: 0,
      cas: chosenCas ?? token,
      number,
      expiresAt,
      expiresAtBefore: 0,
      created: true,
    }),
  };
}

export function decideTouch(expiresAt: number, old: OldItem): Decision<S.Outcome> {
  if (old === 'damaged') return refuse('damaged');
  if (old === undefined) return refuse('not-found');
  const outcome: S.Outcome = { status: 'touched', after: 0, cas: old.cas };
  return { write: touched(old, expiresAt, old.won), outcome: () => outcome };
}

export function decideDelete(change: S.Delete, old: OldItem): Decision<S.Outcome> {
  if (old === undefined) return refuse('not-found');
  const { compareCas, chosenCas, invalidate, dropValue } = change;
  const keeps = invalidate === true || dropValue === true;
  if (old === 'damaged') {
    if (keeps || compareCas !== undefined) return refuse('damaged');
  } else if (compareCas !== undefined && compareCas !== old.cas) {
    return refuse('exists', old.cas);
  }
  if (!keeps || old === 'damaged') {
    return { write: 'removal', outcome: () => ({ status: 'deleted', after: 0, cas: 0n }) };
  }
  return {
    write: {
      value: dropValue === true ? NOTHING : old.value,
      flags: dropValue === true ? 0 : old.flags,
      expiresAt: change.expiresAt ?? old.expiresAt,
      stale: invalidate === true || old.stale,
      won: invalidate !== true && old.won,
      ownCas: chosenCas,
    },
    outcome: (token) => ({ status: 'deleted', after: 0, cas: chosenCas ?? token }),
  };
}

/** Decides on a read. `reason`: why there is no old item, when there is none. */
export function decideGet(
  options: S.ReadOptions,
  old: OldItem,
  reason: S.MissReason,
  nowMs: number,
): Decision<S.Lookup> {
  if (old === 'damaged') return answer({ kind: 'damaged', after: 0 });
  if (old === undefined) return vivify(options, reason);
  const wins = winsRefill(options, old, nowMs);
  const hit: S.Lookup = { kind: 'hit', item: hitOf(old, wins), after: 0 };
  if (!wins && options.expiresAt === undefined) return answer(hit);
  return {
    write: touched(old, options.expiresAt ?? old.expiresAt, old.won || wins),
    outcome: () => hit,
  };
}

function vivify(options: S.ReadOptions, reason: S.MissReason): Decision<S.Lookup> {
  const { vivifyExpiresAt: expiresAt, chosenCas } = options;
  if (expiresAt === undefined) return answer({ kind: 'miss', reason, after: 0 });
  const header = { flags: 0, expiresAt, stale: false, ownCas: chosenCas };
  return {
    write: { ...header, value: NOTHING, won: true },
    outcome: (token) => {
      const cas = chosenCas ?? token;
      const bytes = Buffer.alloc(ITEM_HEADER_BYTES);
      const made = { ...header, value: NOTHING, bytes, won: false, cas };
      return { kind: 'hit', item: { ...hitOf(made, true), created: true }, after: 0 };
    },
  };
}

/** The answer of a read: the item as the read found it. */
export function hitOf(old: LiveItem, wins: boolean): S.Item {
  return {
    value: old.value,
    source: old.bytes,
    words: undefined,
    start: ITEM_HEADER_BYTES,
    valueBytes: old.value.length,
    isLasting: true,
    flags: old.flags,
    cas: old.cas,
    expiresAt: old.expiresAt,
    fetched: false,
    idleSeconds: 0,
    stale: old.stale,
    won: old.won,
    wins,
    created: false,
  };
}

function winsRefill(options: S.ReadOptions, old: LiveItem, nowMs: number): boolean {
  if (options.win !== true || old.won) return false;
  if (old.stale) return true;
  const { recacheMs = 0, recachesLast, expiresAt = old.expiresAt } = options;
  const end = recachesLast === true ? expiresAt : old.expiresAt;
  return end !== 0 && ttlSecondsOf(end, nowMs) * 1000 < recacheMs;
}

function refusalOf(put: OwnPut, cas: bigint): S.Status | undefined {
  const { mode, compareCas } = put;
  if (mode === 'add') return 'not-stored';
  if (compareCas === undefined || compareCas === cas || isStale(put, cas)) return undefined;
  return 'exists';
}

/** The refusal where there is no item. Only set and replace compare the token of a missing item. */
function refusalOfMissing({ mode, compareCas, vivifyExpiresAt }: OwnPut): S.Status | undefined {
  if (mode === 'add') return undefined;
  if (mode === 'append' || mode === 'prepend') {
    return vivifyExpiresAt === undefined ? 'not-stored' : undefined;
  }
  if (compareCas !== undefined) return 'not-found';
  return mode === 'replace' ? 'not-stored' : undefined;
}

/** Checks whether the put brings a value that is older than the item with this token, and allows that (meta flag I). 0 is no token. */
function isStale({ mode, invalidate, compareCas }: OwnPut, cas: bigint): boolean {
  if (invalidate !== true || compareCas === undefined) return false;
  return (mode === 'set' || mode === 'replace') && compareCas !== 0n && compareCas < cas;
}

function join(mode: S.PutMode, old: Buffer, added: Buffer): Buffer {
  return Buffer.concat(mode === 'append' ? [old, added] : [added, old]);
}
