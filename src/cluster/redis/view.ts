// View that one node has of the cluster. It is asked for over a connection of its own, because a link to a master stands still
// during a WAIT.

import type { Redis } from 'ioredis';

import type { Clock } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { cut, type Connect } from './connections.js';
import { parseSlots, type ShardNodes } from './topology.js';

export interface View {
  readonly shards: readonly ShardNodes[];
  /** Number that grows with every failover and every moved slot; a node that is cut off stays behind. */
  readonly epoch: number;
  /** The node sees a majority, and all slots are served. */
  readonly isWell: boolean;
}

const ASK_MS_MAX = 1500;

/** Asks a node. Rejects as ioredis does when the node does not answer in time; throws KV_BAD_OPTION when it is no cluster. */
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
  const info = await clusterInfo(redis, host);
  return {
    shards: parseSlots(await redis.call('CLUSTER', 'SLOTS'), host),
    epoch: Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0),
    isWell: info.includes('cluster_state:ok'),
  };
}

async function clusterInfo(redis: Redis, host: string): Promise<string> {
  try {
    return String(await redis.call('CLUSTER', 'INFO'));
  } catch (error: unknown) {
    if (!(error instanceof Error) || !/cluster support disabled/.test(error.message)) throw error;
    const message = `${host} is no cluster: set cluster-enabled yes there; one node alone is a cluster after CLUSTER ADDSLOTSRANGE 0 16383`;
    throw new KvError('KV_BAD_OPTION', message, { cause: error });
  }
}
