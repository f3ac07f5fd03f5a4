// A listing of the keys, page by page: by slots, and in a slot by the hash of the key. So a key that stays is listed exactly
// once, whatever comes, goes or moves to another node meanwhile, and the place is a number that any server can go on from.
//
// Invariant: a page has at most `limit` entries, but for keys of one slot with the same 32 bits of hash, which stay together.

import { crc32 } from 'node:zlib';

import type * as S from '../../store/store.js';
import { decodeItem } from '../item-bytes.js';
import type { Cluster } from './cluster.js';
import { KEY_PREFIX } from './commands.js';
import type { SideConnections } from './side-connections.js';
import { SLOT_COUNT } from './slots.js';

/** Of so many it is asked at once how many keys they have. */
const WINDOW_SLOTS = 512;
/** A cursor is slot × this + the least hash that is still to come. */
const HASHES = 2 ** 32;
const HEADER_END = 23;

interface Name {
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

  /** `nowMs` says what has expired. Rejects when a node does not answer. */
  async page(cursor: number, limit: number, nowMs: number): Promise<S.ListPage> {
    const entries: S.Listed[] = [];
    let slot = Math.floor(cursor / HASHES);
    let from = cursor % HASHES;
    while (slot < SLOT_COUNT && entries.length < limit) {
      const filled = await this.#filledFrom(slot);
      if (filled.slot !== slot) from = 0;
      slot = filled.slot;
      if (filled.count === 0) continue;
      const names = await this.#names(slot, filled.count, from);
      const taken = cutAt(names, limit - entries.length);
      entries.push(...(await this.#entries(slot, taken, nowMs)));
      if (taken.length < names.length) {
        from = names[taken.length]!.hash;
      } else {
        slot += 1;
        from = 0;
      }
    }
    return { entries, cursor: slot < SLOT_COUNT ? slot * HASHES + from : 0 };
  }

  /** The next slot with keys, from that one on; without any in the window, the slot behind it. */
  async #filledFrom(first: number): Promise<{ readonly slot: number; readonly count: number }> {
    const host = this.#cluster.masterOf(first);
    let end = first + 1;
    while (end < Math.min(first + WINDOW_SLOTS, SLOT_COUNT)) {
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
    const at = counts.findIndex((count) => count > 0);
    return at < 0 ? { slot: end, count: 0 } : { slot: first + at, count: counts[at]! };
  }

  /** In the order of their hashes, from that one on. */
  async #names(slot: number, count: number, from: number): Promise<Name[]> {
    const keys = await this.#side.ask(
      this.#cluster.masterOf(slot),
      // Some may have come since they were counted.
      (redis) => redis.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, count + 1000),
    );
    return (keys as Buffer[])
      .filter((key) => key.toString('latin1', 0, KEY_PREFIX.length) === KEY_PREFIX)
      .map((key) => ({ key, hash: crc32(key) }))
      .filter(({ hash }) => hash >= from)
      .toSorted((one, other) => one.hash - other.hash);
  }

  async #entries(slot: number, names: readonly Name[], nowMs: number): Promise<S.Listed[]> {
    if (names.length === 0) return [];
    const replies = await this.#side.ask(this.#cluster.masterOf(slot), async (redis) => {
      const pipeline = redis.pipeline();
      for (const { key } of names) pipeline.getrangeBuffer(key, 0, HEADER_END).strlen(key);
      return (await pipeline.exec()) ?? [];
    });
    return names.flatMap(({ key }, at): S.Listed[] => {
      const [error, header] = replies[2 * at]!;
      // It is on its way to another node, and is listed there only if asked again.
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

/** The first `limit` of them, and those behind that have the same hash as the last. */
function cutAt(names: readonly Name[], limit: number): readonly Name[] {
  let end = Math.min(limit, names.length);
  while (end < names.length && names[end]!.hash === names[end - 1]!.hash) end += 1;
  return names.slice(0, end);
}
