// The store of `--store`: opens the engine that the URL names, and loads its code only then.

import type { Config } from '../config/config.js';
import type { StorePlace } from '../config/store-place.js';
import type { Env } from '../env/env.js';
import type { Store } from '../store/store.js';
import { readStoreAccess, type StoreLogin } from './store-access.js';

type ClusterConfig = StoreLogin & Pick<Config, 'valueBytesMax'>;

/**
 * Opens the store of `place`. Throws KV_BAD_OPTION for a file that cannot be used, a missing package, or a cluster that
 * cannot keep the promises. Throws KV_IO when the cluster does not answer.
 */
export async function openClusterStore(
  env: Env,
  place: StorePlace,
  config: ClusterConfig,
): Promise<Store> {
  const common = { ...readStoreAccess(place, config), valueBytesMax: config.valueBytesMax };
  if (place.kind === 'etcd') {
    const { openEtcdStore } = await import('../cluster/etcd/open-store.js');
    return openEtcdStore(env, { ...common, prefix: place.prefix });
  }
  const { replicas, reads, durability } = place;
  const { openRedisStore } = await import('../cluster/redis/open-redis-store.js');
  return openRedisStore(env, { ...common, replicas, reads, durability });
}
