// A store over a Redis cluster for tests, with short words for its operations.

import { openRedisStore } from '../../src/cluster/redis/open-redis-store.js';
import type { RedisStoreOptions } from '../../src/cluster/redis/open-redis-store.js';
import type { RedisStore } from '../../src/cluster/redis/redis-store.js';
import type { Clock } from '../../src/env/env.js';
import { nodeClock, nodeEnv } from '../../src/env/node-env.js';
import { Subject } from '../conformance/subject.js';
import { QuietLogger } from './quiet-logger.js';
import type { RedisCluster } from './redis-cluster.js';

export class RedisSubject extends Subject {
  readonly redis: RedisStore;

  private constructor(redis: RedisStore) {
    super({
      store: redis,
      wait: async (promise) => promise,
      advance: () => Promise.reject(new Error('Redis has a clock of its own')),
      close: () => redis.close(),
    });
    this.redis = redis;
  }

  static async open(
    cluster: RedisCluster,
    options: Partial<RedisStoreOptions> = {},
    clock: Clock = nodeClock,
  ): Promise<RedisSubject> {
    const usual = {
      hosts: cluster.hosts,
      replicas: 1,
      reads: 'strict',
      durability: 'disk',
    } as const;
    const env = { ...nodeEnv(new QuietLogger()), clock };
    return new RedisSubject(await openRedisStore(env, { ...usual, ...options }));
  }
}
