// What is about all keys: flush, deletion by prefix and listing, one master after the other.
//
// Invariants:
// - None of them is one step for the whole cluster: what is stored meanwhile may go or stay, and slots that move meanwhile
//   may be met twice or not at all. Each says `unknown` when a node failed on the way.
// - They have connections of their own: requests do not wait behind them.

import type { Redis } from 'ioredis';

import type { Clock } from '../../env/env.js';
import type * as S from '../../store/store.js';
import { decodeItem } from '../item-bytes.js';
import type { Cluster } from './cluster.js';
import { acknowledgedBy, waitCommand } from './guarantee.js';

const KEY_PREFIX = 'k:';
const SCAN_KEYS = 500;
/** SCAN's cursor of a node stays far below; the node's number is above it. */
const CURSOR_BITS = 2 ** 44;
const HEADER_END = 23;
const GLOB_CHARACTERS = /[*?[\]\\]/g;

export class Keyspace {
  readonly #cluster: Cluster;
  readonly #clock: Clock;

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  /** FLUSHALL on each master, waited for. */
  flush(): Promise<S.Outcome> {
    return this.#onEachMaster(async (redis) => {
      await redis.call('FLUSHALL', 'SYNC');
    });
  }

  /** UNLINK of each key that SCAN finds. */
  deletePrefix(prefix: Buffer): Promise<S.Outcome> {
    const pattern = Buffer.concat([Buffer.from(KEY_PREFIX), escaped(prefix), Buffer.from('*')]);
    return this.#onEachMaster(async (redis) => {
      let cursor = '0';
      do {
        const page = (await redis.callBuffer('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_KEYS)) as [
          Buffer,
          Buffer[],
        ];
        const pipeline = redis.pipeline();
        // One by one: they are in different slots.
        for (const key of page[1]) pipeline.unlink(key);
        for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
        cursor = page[0].toString();
      } while (cursor !== '0');
    });
  }

  async #onEachMaster(use: (redis: Redis) => Promise<void>): Promise<S.Outcome> {
    const results = await Promise.allSettled(
      this.#cluster.masters.map((host) =>
        this.#cluster.withNode(host, async (redis) => {
          await use(redis);
          return this.#isKept(redis, host);
        }),
      ),
    );
    const isDone = results.every((result) => result.status === 'fulfilled' && result.value);
    return { status: (isDone ? 'ok' : 'unknown') as S.Status, after: 0, cas: 0n };
  }

  /** With a barrier behind what was deleted. */
  async #isKept(redis: Redis, host: string): Promise<boolean> {
    const { guarantee } = this.#cluster;
    if (guarantee.replicas === 0) return true;
    const key = this.#cluster.barrierKeyAt(host);
    await redis.call('SET', key, '1');
    const answer = await redis.call(...waitCommand(guarantee));
    return acknowledgedBy(answer) >= guarantee.replicas;
  }

  /**
   * A page of SCAN on one master: at least `limit` keys unless the master has no more, and no key twice in a page.
   * Rejects when the node does not answer.
   */
  async list(cursor: number, limit: number, nowMs: number): Promise<S.ListPage> {
    const { masters } = this.#cluster;
    let node = Math.floor(cursor / CURSOR_BITS);
    let position = cursor % CURSOR_BITS;
    void [limit, this.#clock];
    const host = masters[node];
    if (host === undefined) return { entries: [], cursor: 0 };
    const page = await this.#cluster.withNode(host, (redis) => scan(redis, position, limit, nowMs));
    position = page.position;
    if (position === 0) node += 1;
    const isLast = node >= masters.length;
    return { entries: page.entries, cursor: isLast ? 0 : node * CURSOR_BITS + position };
  }
}

interface Scanned {
  readonly entries: readonly S.Listed[];
  readonly position: number;
}

async function scan(redis: Redis, from: number, limit: number, nowMs: number): Promise<Scanned> {
  const count = Math.min(limit, SCAN_KEYS);
  const args = [String(from), 'MATCH', `${KEY_PREFIX}*`, 'COUNT', count];
  const [next, keys] = (await redis.callBuffer('SCAN', ...args)) as [Buffer, Buffer[]];
  const pipeline = redis.pipeline();
  for (const key of keys) {
    pipeline.getrangeBuffer(key, 0, HEADER_END);
    pipeline.strlen(key);
  }
  const replies = (await pipeline.exec()) ?? [];
  const entries: S.Listed[] = [];
  for (const [at, key] of keys.entries()) {
    const header = replies[2 * at]?.[1];
    const bytes = Number(replies[2 * at + 1]?.[1] ?? 0);
    const item = Buffer.isBuffer(header) ? decodeItem(header) : undefined;
    if (item === undefined || (item.expiresAt !== 0 && item.expiresAt <= nowMs)) continue;
    const { expiresAt, ownCas: cas = 0n } = item;
    const name = key.subarray(KEY_PREFIX.length);
    entries.push({ key: name, cas, expiresAt, fetched: false, lastUsedSeconds: 0, bytes });
  }
  return { entries, position: Number(next.toString()) };
}

/** As a pattern that means these bytes alone. */
function escaped(prefix: Buffer): Buffer {
  const text = prefix.toString('latin1').replace(GLOB_CHARACTERS, '\\$&');
  return Buffer.from(text, 'latin1');
}
