// A bare client of a Redis cluster: one connection per master, on it one pipeline at a time. A WAIT follows the
// pipeline when the writes should be on replicas. It knows only set and get.

import { Redis } from 'ioredis';
import { slotOf, SLOT_COUNT } from '../../src/cluster/redis/slots.js';
import { parseSlots } from '../../src/cluster/redis/topology.js';
import { Gathering, type Asked } from './gathering.js';
import type { EngineClient } from './spec.js';

/** The same as Cairn's. */
const PIPELINE_MAX = 512;
const WAIT_MS_MAX = 2000;

function connect(place: string): Redis {
  const [host = '', port = ''] = place.split(':');
  return new Redis({ host, port: Number(port), enableReadyCheck: false });
}

async function exchange(
  redis: Redis,
  batch: readonly Asked[],
  waitsFor: number | undefined,
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { key, value } of batch) {
    if (value === undefined) pipeline.callBuffer('GET', key);
    else pipeline.callBuffer('SET', key, value);
  }
  if (waitsFor !== undefined) pipeline.callBuffer('WAIT', String(waitsFor), String(WAIT_MS_MAX));
  const replies = (await pipeline.exec())!;
  for (const [error] of replies) if (error !== null) throw error;
  if (waitsFor !== undefined && Number(replies.at(-1)![1]) < waitsFor) {
    throw new Error('WAIT counted too few replicas');
  }
  for (const [at, asked] of batch.entries()) asked.settle(replies[at]![1] !== null);
}

/** `waitsFor` is the number of replicas; without it there is no WAIT. The first batch that fails is given to `fail`. */
export async function redisPipelines(
  node: string,
  waitsFor: number | undefined,
  fail: (error: unknown) => void,
): Promise<EngineClient> {
  const first = connect(node);
  const shards = parseSlots(await first.call('CLUSTER', 'SLOTS'), node);
  first.disconnect();
  const owners: (Gathering | undefined)[] = Array.from({ length: SLOT_COUNT });
  for (const { master, ranges } of shards) {
    const redis = connect(master);
    const send = (batch: readonly Asked[]): Promise<void> => exchange(redis, batch, waitsFor);
    const gathering = new Gathering(1, PIPELINE_MAX, send, fail);
    for (const [low, high] of ranges)
      for (let slot = low; slot <= high; slot += 1) owners[slot] = gathering;
  }
  return { ask: (asked) => owners[slotOf(asked.key)]!.add(asked) };
}
