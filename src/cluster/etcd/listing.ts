// Listing: pages of keys in their order. Each page is a range of etcd that begins where the last one ended, with the flush
// records of the same revision. Keys that stay are listed once, whatever other clients write between the pages.
//
// Invariant: a cursor is a number that this server gave. The oldest cursors are forgotten, and then mean the end.

import type { Clock } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { ITEM_HEADER_BYTES, decodeItem } from '../item-bytes.js';
import type { Listed, ListPage } from '../../store/store.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure, onlyEtcd } from './failure.js';
import type { KeyValue, RangeRequest } from './messages.js';
import type { Places } from './places.js';
import { Retries } from './retries.js';

/** Number of listings that may be under way at the same time. */
const CURSORS_MAX = 1000;
/** Bytes that one page asks for, about: etcd sends the values along. */
const PAGE_BYTES = 4 * 1024 * 1024;
const DEADLINE_MS = 5000;

/** The keys of a range at one revision. */
interface Page {
  readonly items: readonly KeyValue[];
  readonly flushes: readonly KeyValue[];
  /** The key at which the next page begins; undefined: this was the last page. */
  readonly next: Buffer | undefined;
  readonly revision: number;
}

/** Reads one page. Throws KvError KV_IO when no node answers before the deadline. */
export async function readPage(
  client: EtcdCalls,
  clock: Clock,
  places: Places,
  range: RangeRequest,
): Promise<Page> {
  const retries = new Retries(client, clock, clock.monotonicMs() + DEADLINE_MS);
  const success = [{ request_range: places.flushes }, { request_range: range }];
  let last: EtcdFailure | undefined;
  while (retries.leftMs > 0) {
    const answer = await client
      .txn({ compare: [], success, failure: [] }, retries.limitMs)
      .catch(onlyEtcd);
    if (answer instanceof EtcdFailure) {
      last = answer;
      if (answer.kind === 'refused') break;
      await retries.pause();
      continue;
    }
    const [flushes, page] = answer.responses.map(({ response_range }) => response_range);
    const items = page?.kvs ?? [];
    const end = page?.more === true ? items.at(-1)?.key : undefined;
    const next = end === undefined ? undefined : Buffer.concat([end, Buffer.alloc(1)]);
    return { items, flushes: flushes?.kvs ?? [], next, revision: answer.header?.revision ?? 0 };
  }
  throw new KvError('KV_IO', 'No etcd node answered a listing; try again later', { cause: last });
}

export class EtcdListing {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #places: Places;
  readonly #nowMs: () => number;
  readonly #averageBytes: () => number;
  readonly #starts = new Map<number, Buffer>();
  #cursors = 0;

  constructor(
    client: EtcdCalls,
    clock: Clock,
    places: Places,
    nowMs: () => number,
    averageBytes: () => number,
  ) {
    this.#client = client;
    this.#clock = clock;
    this.#places = places;
    this.#nowMs = nowMs;
    this.#averageBytes = averageBytes;
  }

  async list(cursor: number, limit: number): Promise<ListPage> {
    const key = cursor === 0 ? this.#places.items.key : this.#starts.get(cursor);
    if (key === undefined) return { entries: [], cursor: 0 };
    const fits = Math.max(1, Math.floor(PAGE_BYTES / this.#averageBytes()));
    const range = { ...this.#places.items, key, limit: Math.min(limit, fits) };
    const { items, flushes, next } = await readPage(this.#client, this.#clock, this.#places, range);
    const nowMs = this.#nowMs();
    const entries: Listed[] = [];
    for (const item of items) {
      if (flushes.some((flush) => this.#places.isFlushed(item, flush))) continue;
      const listed = this.#listed(item, nowMs);
      if (listed !== undefined) entries.push(listed);
    }
    return { entries, cursor: next === undefined ? 0 : this.#keep(next) };
  }

  #listed(item: KeyValue, nowMs: number): Listed | undefined {
    const decoded = decodeItem(item.value);
    if (decoded === undefined) return undefined;
    const { expiresAt, ownCas } = decoded;
    if (expiresAt !== 0 && expiresAt <= nowMs) return undefined;
    const key = this.#places.keyOf(item.key);
    const cas = ownCas ?? BigInt(item.mod_revision);
    const bytes = item.key.length + ITEM_HEADER_BYTES + decoded.value.length;
    return { key, cas, expiresAt, fetched: false, lastUsedSeconds: 0, bytes };
  }

  #keep(start: Buffer): number {
    this.#cursors += 1;
    this.#starts.set(this.#cursors, start);
    if (this.#starts.size > CURSORS_MAX) {
      for (const oldest of this.#starts.keys()) {
        this.#starts.delete(oldest);
        break;
      }
    }
    return this.#cursors;
  }
}
