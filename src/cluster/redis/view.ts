// One node's view of the cluster, asked over a connection of its own: the links to masters stand still while a WAIT does.

import type { Redis } from 'ioredis';

import type { Clock } from '../../env/env.js';
import { cut, type Connect } from './connections.js';
import { SLOT_COUNT } from './slots.js';
import { parseSlots, type ShardNodes } from './topology.js';

export interface View {
  readonly shards: readonly ShardNodes[];
  /** Grows with every failover and every moved slot; a node that is cut off stays behind. */
  readonly epoch: number;
  /** The node sees a majority, and all slots are served. */
  readonly isWell: boolean;
  /** There is no cluster, but one Redis. */
  readonly isLone: boolean;
}

const ASK_MS_MAX = 1500;

/** Rejects as ioredis does when the node does not answer in time. */
export async function askTopology(connect: Connect, clock: Clock, host: string): Promise<View> {
  const redis = await connect(host);
  const timer = clock.setTimer(ASK_MS_MAX, () => cut(redis));
  try {
    return await ask(redis, host);
  } finally {
    timer.cancel();
    redis.disconnect();
  }
}

async function ask(redis: Redis, host: string): Promise<View> {
  const info = await clusterInfo(redis);
  if (info === undefined) {
    const replicas = await replicasOf(redis);
    const shard: ShardNodes = { master: host, replicas, ranges: [[0, SLOT_COUNT - 1]] };
    return { shards: [shard], epoch: 0, isWell: true, isLone: true };
  }
  const shards = parseSlots(await redis.call('CLUSTER', 'SLOTS'), host);
  return {
    shards,
    epoch: Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0),
    isWell: info.includes('cluster_state:ok'),
    isLone: false,
  };
}

async function clusterInfo(redis: Redis): Promise<string | undefined> {
  try {
    return String(await redis.call('CLUSTER', 'INFO'));
  } catch (error: unknown) {
    if (error instanceof Error && /cluster support disabled|unknown command/i.test(error.message)) {
      return undefined;
    }
    throw error;
  }
}

/** host:port of those who follow a lone Redis. */
async function replicasOf(redis: Redis): Promise<string[]> {
  const role = (await redis.call('ROLE')) as [string, number, [string, string, string][]];
  if (role[0] !== 'master') return [];
  return role[2].map(([host, port]) => `${host}:${port}`);
}
