// Slot listing: lists the keys page by page, by slots, and within a slot by the hash of the key. So a key that stays is listed
// exactly once, also when other keys come, go or move to another node meanwhile. The cursor is a number that any server can
// continue from.
//
// Invariant: a page has at most `limit` entries, except that keys of one slot with the same 32-bit hash stay together.

import { crc32 } from 'node:zlib';

import type * as S from '../../store/store.js';
import { decodeItem } from '../item-bytes.js';
import type { Cluster } from './cluster.js';
import { KEY_PREFIX } from './commands.js';
import type { SideConnections } from './side-connections.js';
import { SLOT_COUNT } from './slots.js';

/** Number of slots whose keys are counted at once: at first, and at most. */
const WINDOW_SLOTS_FIRST = 64;
const WINDOW_SLOTS_MAX = 4096;
/** Factor by which the window grows when a page is not full after it. */
const WINDOW_GROWTH = 4;
/** A cursor is slot × this + the least hash that is not listed yet. */
const HASHES = 2 ** 32;
const HEADER_END = 23;

interface Filled {
  readonly slot: number;
  readonly count: number;
}

interface Window {
  readonly host: string;
  /** The slot behind the window. */
  readonly end: number;
  readonly filled: readonly Filled[];
}

interface Name {
  readonly slot: number;
  readonly key: Buffer;
  readonly hash: number;
}

export class SlotListing {
  readonly #cluster: Cluster;
  readonly #side: SideConnections;

  constructor(cluster: Cluster, side: SideConnections) {
    this.#cluster = cluster;
    this.#side = side;
  }

  /** Reads a page. `nowMs` decides which items have expired. Rejects when a node does not answer. */
  async page(cursor: number, limit: number, nowMs: number): Promise<S.ListPage> {
    const entries: S.Listed[] = [];
    let slot = Math.floor(cursor / HASHES);
    let from = cursor % HASHES;
    let width = WINDOW_SLOTS_FIRST;
    while (slot < SLOT_COUNT && entries.length < limit) {
      const window = await this.#window(slot, width);
      width = Math.min(width * WINDOW_GROWTH, WINDOW_SLOTS_MAX);
      const group = groupOf(window.filled, limit - entries.length);
      const last = group.at(-1);
      if (last === undefined) {
        slot = window.end;
        from = 0;
        continue;
      }
      const names = (await this.#names(window.host, group)).filter(
        (name) => name.slot > slot || name.hash >= from,
      );
      const taken = cutAt(names, limit - entries.length);
      entries.push(...(await this.#entries(window.host, taken, nowMs)));
      const next = names[taken.length];
      slot = next?.slot ?? last.slot + 1;
      from = next?.hash ?? 0;
    }
    return { entries, cursor: slot < SLOT_COUNT ? slot * HASHES + from : 0 };
  }

  /** The slots that have keys, among the next `width` slots as far as they have the same master. */
  async #window(first: number, width: number): Promise<Window> {
    const host = this.#cluster.masterOf(first);
    let end = first + 1;
    while (end < Math.min(first + width, SLOT_COUNT)) {
      if (this.#cluster.masterOf(end) !== host) break;
      end += 1;
    }
    const counts = await this.#side.ask(host, async (redis) => {
      const pipeline = redis.pipeline();
      for (let slot = first; slot < end; slot += 1) {
        pipeline.call('CLUSTER', 'COUNTKEYSINSLOT', slot);
      }
      return ((await pipeline.exec()) ?? []).map(([error, count]) => {
        if (error !== null) throw error;
        return Number(count);
      });
    });
    const filled = counts.flatMap((count, at) => (count > 0 ? [{ slot: first + at, count }] : []));
    return { host, end, filled };
  }

  /** The keys of the slots, in the order of their hashes. */
  async #names(host: string, slots: readonly Filled[]): Promise<Name[]> {
    const replies = await this.#side.ask(host, async (redis) => {
      const pipeline = redis.pipeline();
      for (const { slot, count } of slots) {
        // Keys may have come since the count.
        pipeline.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, count + 1000);
      }
      return (await pipeline.exec()) ?? [];
    });
    return slots.flatMap(({ slot }, at) => {
      const [error, keys] = replies[at]!;
      if (error !== null) throw error;
      return (keys as Buffer[])
        .filter((key) => key.toString('latin1', 0, KEY_PREFIX.length) === KEY_PREFIX)
        .map((key) => ({ slot, key, hash: crc32(key) }))
        .toSorted((one, other) => one.hash - other.hash);
    });
  }

  async #entries(host: string, names: readonly Name[], nowMs: number): Promise<S.Listed[]> {
    if (names.length === 0) return [];
    const replies = await this.#side.ask(host, async (redis) => {
      const pipeline = redis.pipeline();
      for (const { key } of names) pipeline.getrangeBuffer(key, 0, HEADER_END).strlen(key);
      return (await pipeline.exec()) ?? [];
    });
    return names.flatMap(({ key }, at): S.Listed[] => {
      const [error, header] = replies[2 * at]!;
      // The key is on its way to another node, and is found there only by another request.
      if (error !== null) throw error;
      const item = decodeItem(header as Buffer);
      if (item === undefined || (item.expiresAt !== 0 && item.expiresAt <= nowMs)) return [];
      const { expiresAt, ownCas: cas = 0n } = item;
      const bytes = Number(replies[2 * at + 1]![1]);
      const name = key.subarray(KEY_PREFIX.length);
      return [{ key: name, cas, expiresAt, fetched: false, lastUsedSeconds: 0, bytes }];
    });
  }
}

/** The first slots that together have this many keys; at least one. */
function groupOf(filled: readonly Filled[], keys: number): readonly Filled[] {
  let sum = 0;
  const end = filled.findIndex(({ count }) => (sum += count) >= keys);
  return end < 0 ? filled : filled.slice(0, end + 1);
}

/** The first `limit` entries, and those behind them that have the same hash as the last. */
function cutAt(names: readonly Name[], limit: number): readonly Name[] {
  let end = Math.min(limit, names.length);
  while (end < names.length && isTie(names[end]!, names[end - 1]!)) end += 1;
  return names.slice(0, end);
}

function isTie(one: Name, other: Name): boolean {
  return one.slot === other.slot && one.hash === other.hash;
}
