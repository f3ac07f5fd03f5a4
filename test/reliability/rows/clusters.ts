// The rows of the stores over etcd and over Redis.

import type { FaultRow } from '../row.js';
import { deadShard } from './dead-shard.js';
import { etcdKills, etcdPartitions } from './etcd.js';
import { redisControl, redisKills, redisPartitions } from './redis.js';
import { replicaSync } from './replica-sync.js';
import { etcdTwoServers, redisTwoServers } from './two-servers.js';

export const CLUSTER_ROWS: readonly FaultRow[] = [
  etcdTwoServers,
  etcdKills,
  etcdPartitions,
  redisTwoServers,
  redisKills,
  redisPartitions,
  redisControl,
  deadShard,
  replicaSync,
];
