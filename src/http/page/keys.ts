// Keys for the page: a page of the listing, and one value.
//
// Invariant: an answer looks at a bounded number of keys, and no slice of it holds up the loop. The page asks for the
// rest with the cursor. The answer holds nothing that a crash could take back.

import type { Clock } from '../../env/env.js';
import { ttlSecondsOf } from '../../store/expiry.js';
import type { Item, Listed, Store } from '../../store/store.js';
import type { Exchange } from '../exchange.js';
import { readFields } from '../body.js';
import { fromText, toText } from './bytes-text.js';
import type { Serving } from './serving.js';
import type { KeyPage, ListedKey, ShownValue } from './wire.js';

/** At most this many keys are looked at in one turn of the loop. */
const PAGE_KEYS = 50;
/** The search for a rare prefix takes no longer than this in one answer. */
const SEARCH_MS_MAX = 250;
/** Of a longer value only this much is shown. */
const SHOWN_BYTES_MAX = 64 * 1024;

/** Query: `?cursor=&prefix=`. Answers with the next keys that begin with the prefix, in the order of the keydir. */
export async function listKeys(
  exchange: Exchange,
  { store, gate }: Serving,
  clock: Clock,
): Promise<void> {
  const { query } = exchange;
  const prefix = Buffer.from(query.get('prefix') ?? '', 'utf8');
  const found: Listed[] = [];
  const endMs = clock.monotonicMs() + SEARCH_MS_MAX;
  let cursor = Number(query.get('cursor') ?? 0);
  if (!Number.isSafeInteger(cursor) || cursor < 0) {
    exchange.refuse(400, 'cursor is a whole number');
    return;
  }
  do {
    const listed = store.list(cursor, PAGE_KEYS - found.length);
    const page = listed instanceof Promise ? await listed : listed;
    found.push(...page.entries.filter(({ key }) => beginsWith(key, prefix)));
    cursor = page.cursor;
    if (cursor !== 0 && found.length < PAGE_KEYS) await nextTurn(clock);
  } while (cursor !== 0 && found.length < PAGE_KEYS && clock.monotonicMs() < endMs);
  if (!(await gate.durable(store.durability.lastSeq))) {
    exchange.refuse(503, 'A commit failed meanwhile: ask again');
    return;
  }
  const keys = found.map((entry) => listedKey(entry, store.nowMs()));
  const isPart = cursor !== 0 && keys.length < PAGE_KEYS;
  exchange.sayJson({ keys, cursor, isPart } satisfies KeyPage);
}

function listedKey({ key, bytes, expiresAt, lastUsedSeconds }: Listed, nowMs: number): ListedKey {
  const idle = Math.max(0, Math.floor(nowMs / 1000) - lastUsedSeconds);
  return { key: toText(key), bytes, ttl: ttlSecondsOf(expiresAt, nowMs), idle };
}

export function beginsWith(key: Buffer, prefix: Buffer): boolean {
  return prefix.length <= key.length && prefix.equals(key.subarray(0, prefix.length));
}

export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}

/** Body: `{ key }`. Answers with the beginning of its value. This read does not count as a use of the key. */
export async function showValue(exchange: Exchange, { store, gate }: Serving): Promise<void> {
  const fields = await readFields(exchange);
  if (fields === undefined) return;
  const key = fromText(fields['key']);
  if (key === undefined || key.length === 0) {
    exchange.refuse(400, 'key is base64url, and not empty');
    return;
  }
  const waiting = store.get(key, { quiet: true });
  // A value that comes at once is valid only in this turn and until the next call of the store.
  const found = waiting instanceof Promise ? await waiting : waiting;
  const { after } = found;
  if (found.kind === 'hit') {
    const shown = await shownValue(found.item, store);
    if (await gate.durable(after)) exchange.sayJson(shown);
    else exchange.refuse(503, 'Its commit failed: ask again');
  } else if (found.kind === 'damaged') {
    exchange.refuse(500, 'The record is damaged: see kv-check');
  } else if (await gate.durable(after)) {
    exchange.refuse(404, 'There is no such key (any more)');
  } else {
    exchange.refuse(503, 'A commit failed meanwhile: ask again');
  }
}

async function shownValue(item: Item, store: Store): Promise<ShownValue> {
  const { value, valueBytes: bytes, flags, cas, expiresAt } = item;
  const ttl = ttlSecondsOf(expiresAt, store.nowMs());
  const facts = { flags, cas: cas.toString(), ttl, bytes };
  // A Buffer is valid in this turn only.
  if (Buffer.isBuffer(value))
    return { ...facts, value: toText(value.subarray(0, SHOWN_BYTES_MAX)) };
  const target = Buffer.allocUnsafe(Math.min(bytes, SHOWN_BYTES_MAX));
  try {
    const count = await value.read(target, 0);
    return { ...facts, value: toText(target.subarray(0, count)) };
  } finally {
    value.release();
  }
}
