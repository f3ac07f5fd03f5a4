// Answers of the store, made from the reply of Redis: the bytes of a script (scripts.ts, REPLY) or of an item.

import { assert } from '../../assert.js';
import { parseDecimal } from '../../store/operations/decimal.js';
import { ttlSecondsOf } from '../../store/expiry.js';
import type * as S from '../../store/store.js';
import { decodeItem, ITEM_HEADER_BYTES, type DecodedItem } from '../item-bytes.js';
import type { NoAnswer } from './operation.js';
import type { Proof } from './read-back.js';
import { REPLY } from './scripts.js';

const STATUS: ReadonlyMap<string, S.Status> = new Map<string, S.Status>([
  [REPLY.stored, 'stored'],
  [REPLY.created, 'stored'],
  [REPLY.exists, 'exists'],
  [REPLY.notFound, 'not-found'],
  [REPLY.notStored, 'not-stored'],
  [REPLY.notANumber, 'not-a-number'],
  [REPLY.tooLarge, 'too-large'],
  [REPLY.damaged, 'damaged'],
]);

interface Answer {
  readonly letter: string;
  readonly status: S.Status;
  readonly cas: bigint;
  /** The bytes behind the token. */
  readonly rest: Buffer;
}

function answerOf(reply: unknown): Answer {
  assert(Buffer.isBuffer(reply) && reply.length > 0, 'A script answers with bytes');
  const letter = String.fromCharCode(reply[0]!);
  const status = STATUS.get(letter);
  assert(status !== undefined, `A script answers with a known letter: ${letter}`);
  const cas = reply.length >= 9 ? reply.readBigUInt64BE(1) : 0n;
  return { letter, status, cas, rest: reply.subarray(9) };
}

export function putOutcome(reply: unknown, putBytes: number): S.PutOutcome {
  const { status, cas, rest } = answerOf(reply);
  const valueBytes = status === 'stored' ? Number(rest.toString('latin1')) : putBytes;
  return { status, after: 0, cas, valueBytes };
}

export function touchOutcome(reply: unknown): S.Outcome {
  const { status, cas } = answerOf(reply);
  return { status: status === 'stored' ? 'touched' : status, after: 0, cas };
}

export function deleteOutcome(reply: unknown): S.Outcome {
  const { status, cas } = answerOf(reply);
  return { status: status === 'stored' ? 'deleted' : status, after: 0, cas };
}

/** `create` and `newExpiresAt`: those of the change. */
export function arithmeticOutcome(
  reply: unknown,
  create: S.Arithmetic['create'],
  newExpiresAt: number | undefined,
): S.ArithmeticOutcome {
  const { letter, status, cas, rest } = answerOf(reply);
  if (letter === REPLY.created) {
    const { value: number, expiresAt } = create!;
    return { status, after: 0, cas, number, expiresAt, expiresAtBefore: 0, created: true };
  }
  if (status !== 'stored') return refusedArithmetic(status, cas);
  const expiresAtBefore = Number(rest.readBigUInt64BE(0));
  const expiresAt = newExpiresAt ?? expiresAtBefore;
  const number = BigInt(rest.toString('latin1', 8));
  return { status, after: 0, cas, number, expiresAt, expiresAtBefore };
}

export function refusedArithmetic(status: S.Status, cas = 0n): S.ArithmeticOutcome {
  return { status, after: 0, cas, number: 0n, expiresAt: 0, expiresAtBefore: 0 };
}

/** The proof of a put: an item with the candidate as its token was made by this put. */
export function putProof(token: number): Proof<S.PutOutcome> {
  const outcome = ({ value }: DecodedItem): S.PutOutcome => {
    return { status: 'stored', after: 0, cas: BigInt(token), valueBytes: value.length };
  };
  return { token, outcome };
}

/** The proof of an incr or decr. Undefined where the item does not hold everything that the answer needs. */
export function arithmeticProof(
  token: number,
  { chosenCas, create, expiresAt }: S.Arithmetic,
): Proof<S.ArithmeticOutcome> | undefined {
  if ((chosenCas ?? create ?? expiresAt) !== undefined) return undefined;
  const outcome = (item: DecodedItem): S.ArithmeticOutcome | undefined => {
    const number = parseDecimal(item.value);
    if (number === undefined) return undefined;
    const ends = { expiresAt: item.expiresAt, expiresAtBefore: item.expiresAt };
    return { status: 'stored', after: 0, cas: BigInt(token), number, ...ends };
  };
  return { token, outcome };
}

/** The answer of a read that was not executed, or that may have changed the item. */
export function refusedLookup(why: NoAnswer): S.Lookup {
  if (why === 'damaged') return { kind: 'damaged', after: 0 };
  return { kind: 'refused', status: why, after: 0 };
}

const MISS: S.Lookup = { kind: 'miss', reason: 'absent', after: 0 };
const EXPIRED: S.Lookup = { kind: 'miss', reason: 'expired', after: 0 };
const DAMAGED: S.Lookup = { kind: 'damaged', after: 0 };

/** The answer from the reply of GET; `nowMs` decides whether the item has expired. */
export function lookupOf(reply: unknown, nowMs: number): S.Lookup {
  if (reply === null) return MISS;
  const bytes = reply as Buffer;
  const item = decodeItem(bytes);
  if (item === undefined) return DAMAGED;
  if (item.expiresAt !== 0 && item.expiresAt <= nowMs) return EXPIRED;
  return { kind: 'hit', item: new FoundItem(bytes, item, false, false), after: 0 };
}

/** The answer from the reply of the script of a read. */
export function readLookup(reply: unknown): S.Lookup {
  assert(Buffer.isBuffer(reply) && reply.length > 0, 'A script answers with bytes');
  const letter = String.fromCharCode(reply[0]!);
  if (letter === REPLY.notFound) return MISS;
  const bytes = reply.subarray(1);
  const item = letter === REPLY.damaged ? undefined : decodeItem(bytes);
  if (item === undefined) return DAMAGED;
  const isCreated = letter === REPLY.created;
  const wins = isCreated || letter === REPLY.wins;
  return { kind: 'hit', item: new FoundItem(bytes, item, wins, isCreated), after: 0 };
}

/** Checks whether this read wins the item at `nowMs`. Then a script has to mark the item for the reads that follow. */
export function mayWin(item: S.Item, options: S.ReadOptions, nowMs: number): boolean {
  if (options.win !== true || item.won) return false;
  const isShort = ttlSecondsOf(item.expiresAt, nowMs) * 1000 < (options.recacheMs ?? 0);
  return item.stale || (item.expiresAt !== 0 && isShort);
}

/** An item as a view over the bytes that came from Redis. */
class FoundItem implements S.Item {
  readonly source: Buffer;
  readonly words = undefined;
  readonly start = ITEM_HEADER_BYTES;
  readonly valueBytes: number;
  readonly isLasting = true;
  readonly flags: number;
  readonly expiresAt: number;
  readonly fetched = false;
  readonly idleSeconds = 0;
  readonly stale: boolean;
  readonly won: boolean;
  readonly wins: boolean;
  readonly created: boolean;

  constructor(bytes: Buffer, item: DecodedItem, wins: boolean, created: boolean) {
    this.source = bytes;
    this.valueBytes = bytes.length - ITEM_HEADER_BYTES;
    this.flags = item.flags;
    this.expiresAt = item.expiresAt;
    this.stale = item.stale;
    this.won = item.won && !created;
    this.wins = wins;
    this.created = created;
  }

  get value(): Buffer {
    return this.source.subarray(this.start);
  }

  get cas(): bigint {
    return this.source.readBigUInt64BE(8);
  }
}
