// The conformance suite over the Redis store: a cluster of three masters with one replica each, which the cases share.

import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { openRedisStore } from '../../src/cluster/redis/open-redis-store.js';
import { findProgram, requireProgram } from '../support/programs.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { storeConformance } from './store-conformance.js';
import type { StoreFixture } from './subject.js';

describe('over a Redis cluster @long', () => {
  let cluster: RedisCluster | undefined;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    cluster = await RedisCluster.start({ program, replicas: 1 });
  });
  after(() => cluster?.close());

  if (findProgram('redis-server') !== undefined) {
    storeConformance('Redis cluster', () => openFixture(cluster!), false);
  }
});

async function openFixture(cluster: RedisCluster): Promise<StoreFixture> {
  let passedMs = 0;
  const real = nodeEnv(new QuietLogger());
  const clock = {
    ...real.clock,
    wallMs: () => real.clock.wallMs() + passedMs,
    monotonicMs: () => real.clock.monotonicMs() + passedMs,
  };
  const env: Env = { ...real, clock };
  const store = await openRedisStore(env, {
    hosts: cluster.hosts,
    replicas: 1,
    reads: 'strict',
    durability: 'disk',
  });
  await store.flush(0);
  return {
    store,
    offers: {
      uses: false,
      largeValues: false,
      delayedFlush: false,
      answersEarly: false,
      files: false,
      flushedMisses: false,
      exactCount: false,
    },
    wait: async (promise) => promise,
    advance: (delayMs) => {
      passedMs += delayMs;
      return Promise.resolve();
    },
    close: () => store.close(),
  };
}
