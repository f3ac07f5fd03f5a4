// Opening the store over Redis: asks the cluster for its nodes and each node for its settings, and opens the links.

import type { Redis } from 'ioredis';

import type { Env } from '../../env/env.js';
import { KvError, failureText } from '../../errors.js';
import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import { Cluster, firstView, type ClusterParts } from './cluster.js';
import { connector, type Connect, type RedisLogin } from './connections.js';
import { RedisStore } from './redis-store.js';
import { evictionPolicy, hasWaitAof, requireDurable } from './safety.js';
import { SideConnections } from './side-connections.js';
import { Strays } from './strays.js';
import { SERVER_NUMBERS, Tokens } from './tokens.js';
import { unservedSlots } from './topology.js';
import type { View } from './view.js';

export interface RedisStoreOptions extends RedisLogin {
  /** host:port of some nodes. */
  readonly hosts: readonly string[];
  /** Number of replicas that must have a change before it is acknowledged; 0: the master's own log is enough. */
  readonly replicas: number;
  /** `fast`: a read may see a write that a failover takes back. */
  readonly reads: 'strict' | 'fast';
  /** `memory`: nodes that do not sync each write are accepted. */
  readonly durability: 'disk' | 'memory';
  /** Longer values are refused; at most 1 MiB, which is also the default. */
  readonly valueBytesMax?: number | undefined;
}

const EVICTS =
  'cluster node throws items away when its memory is full: set maxmemory-policy noeviction';

/** Opens the store. Throws KV_BAD_OPTION when the nodes are not set up as they must be, KV_IO when none answers. */
export async function openRedisStore(env: Env, options: RedisStoreOptions): Promise<RedisStore> {
  const { hosts, replicas, reads, durability, valueBytesMax = INLINE_VALUE_BYTES_MAX } = options;
  const connect = await connector(options, env.clock);
  const isOnDisk = durability === 'disk';
  const { clock, logger } = env;
  const guarantee = { replicas, reads, asksForLogs: false };
  const strays = new Strays(logger);
  const parts: ClusterParts = { connect, clock, logger, guarantee, strays, isOnDisk };
  const view = await firstView(parts, hosts);
  requireUsable(view, options);
  const canAsk = await checkNodes(parts, view);
  const asked = { ...guarantee, asksForLogs: isOnDisk && canAsk };
  const cluster = new Cluster({ ...parts, guarantee: asked }, hosts, view);
  const connectNoted: Connect = async (host) => {
    const redis = await connect(host);
    await strays.note(host, redis);
    return redis;
  };
  const abandon = (host: string, redis: Redis): void => cluster.abandon(host, redis);
  const side = new SideConnections(connectNoted, clock, abandon);
  try {
    await cluster.open();
    const tokens = new Tokens(await serverNumber(cluster, side, view));
    return new RedisStore(env, { cluster, side, tokens, valueBytesMax });
  } catch (error: unknown) {
    await side.close();
    await cluster.close();
    throw error;
  }
}

function requireUsable(view: View, { replicas }: RedisStoreOptions): void {
  const unserved = unservedSlots(view.shards);
  if (unserved > 0) {
    throw new KvError('KV_BAD_OPTION', `No node of the cluster serves ${unserved} of its slots`);
  }
  for (const { master, replicas: followers } of view.shards) {
    if (master.endsWith(':0')) {
      const message = `The nodes of the cluster name port 0 for ${master.slice(0, -2)}: set tls-cluster yes there, or use redis:// with a port without TLS`;
      throw new KvError('KV_BAD_OPTION', message);
    }
    if (followers.length >= replicas) continue;
    const message = `${master} has ${followers.length} replicas, and replicas=${replicas} is asked for: add some, or ask for less`;
    throw new KvError('KV_BAD_OPTION', message);
  }
}

/** Checks whether all nodes know WAITAOF. Throws KV_BAD_OPTION that names a node which does not keep what it acknowledges. */
async function checkNodes(
  { connect, isOnDisk, logger }: ClusterParts,
  view: View,
): Promise<boolean> {
  const hosts = view.shards.flatMap(({ master, replicas }) => [master, ...replicas]);
  const known = await Promise.all(
    hosts.map(async (host) => {
      let redis: Redis | undefined;
      try {
        redis = await connect(host);
        if (isOnDisk) {
          await requireDurable(redis, host);
          const policy = await evictionPolicy(redis, host);
          if (policy !== undefined) logger.warn(EVICTS, { node: host, policy });
        }
        return await hasWaitAof(redis);
      } catch (error: unknown) {
        if (error instanceof KvError) throw error;
        // The node may be down at the moment: its shard does without it, or lacks replicas and says so.
        logger.warn('cluster node does not answer', { node: host, cause: failureText(error) });
        return false;
      } finally {
        redis?.disconnect();
      }
    }),
  );
  return known.every((knows) => knows);
}

/** Draws the server's number from a counter in the cluster, so that the next server gets another one. */
async function serverNumber(cluster: Cluster, side: SideConnections, view: View): Promise<number> {
  const host = view.shards[0]!.master;
  const key = cluster.barrierKey(cluster.linkOf(host)!);
  const drawn = await side.ask(host, (redis) =>
    redis.incr(Buffer.concat([key, Buffer.from(':servers')])),
  );
  return drawn % SERVER_NUMBERS;
}
