// The changes that the page makes with --http-write: it sets and deletes keys.
//
// Invariant: the answer to a change leaves when the change is durable.

import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import type { Maybe, Outcome, Put, Store } from '../../store/store.js';
import { readFields, type Fields } from '../body.js';
import type { Exchange } from '../exchange.js';
import { fromText } from './bytes-text.js';
import type { Serving } from './serving.js';
import type { ChangeAnswer } from './wire.js';

const UINT32_MAX = 0xff_ff_ff_ff;
const CAS_MAX = 2n ** 64n - 1n;

/** The longest key and value that the page may set. */
interface ChangeLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

/** Body: `{ key, value, flags, ttl, cas?, isNew? }`. With `isNew` the key is set only when it does not exist. */
export async function setKey(
  exchange: Exchange,
  serving: Serving,
  limits: ChangeLimits,
): Promise<void> {
  const { store } = serving;
  const fields = await readFields(exchange);
  if (fields === undefined) return;
  const put = putOf(fields, limits, store);
  if (typeof put === 'string') exchange.refuse(400, put);
  else await answerChange(exchange, serving, store.put(put));
}

/** Body: `{ key, cas? }`. */
export async function deleteKey(exchange: Exchange, serving: Serving): Promise<void> {
  const fields = await readFields(exchange);
  if (fields === undefined) return;
  const key = fromText(fields['key']);
  const compareCas = casOf(fields['cas']);
  if (key === undefined || key.length === 0) exchange.refuse(400, 'key is base64url, not empty');
  else if (compareCas === 'bad') exchange.refuse(400, 'cas is a number of 64 bits, as text');
  else await answerChange(exchange, serving, serving.store.delete({ key, compareCas }));
}

/** Returns the put that `fields` describe, or a sentence that says what is wrong with them. */
function putOf(fields: Fields, limits: ChangeLimits, store: Store): Put | string {
  const { flags = 0, ttl = 0, isNew } = fields;
  const key = fromText(fields['key']);
  const value = fromText(fields['value']);
  const compareCas = casOf(fields['cas']);
  const { keyBytesMax } = limits;
  const valueBytesMax = Math.min(limits.valueBytesMax, INLINE_VALUE_BYTES_MAX);
  if (key === undefined || value === undefined) return 'key and value are base64url';
  if (key.length === 0) return 'The key is empty';
  if (key.length > keyBytesMax) return `The key is longer than ${keyBytesMax} bytes`;
  if (isSplit(key)) return 'A key has no spaces and no control characters';
  if (value.length > valueBytesMax) return `The value is longer than ${valueBytesMax} bytes`;
  if (!isWhole(flags, UINT32_MAX)) return 'flags is a number of 32 bits';
  if (!isWhole(ttl, UINT32_MAX)) return 'The time to live is in whole seconds; 0 is for ever';
  if (compareCas === 'bad') return 'cas is a number of 64 bits, as text';
  const nowMs = store.nowMs();
  const expiresAt = ttl === 0 ? 0 : nowMs + ttl * 1000;
  return { mode: isNew === true ? 'add' : 'set', key, value, flags, expiresAt, compareCas };
}

/** Checks for characters with which clients of the text protocol could not name the key. */
function isSplit(key: Buffer): boolean {
  return key.some((byte) => byte <= 0x20 || byte === 0x7f);
}

function isWhole(number: unknown, max: number): number is number {
  return Number.isInteger(number) && Number(number) >= 0 && Number(number) <= max;
}

function casOf(text: unknown): bigint | undefined | 'bad' {
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return 'bad';
  const cas = BigInt(text);
  return cas <= CAS_MAX ? cas : 'bad';
}

async function answerChange(
  exchange: Exchange,
  { gate }: Serving,
  pending: Maybe<Outcome>,
): Promise<void> {
  const outcome = pending instanceof Promise ? await pending : pending;
  // Read before the wait, because the store reuses the object of an outcome.
  const { status, after } = outcome;
  if (await gate.durable(after)) exchange.sayJson({ status } satisfies ChangeAnswer);
  else exchange.refuse(503, 'The commit failed: nothing was changed');
}
