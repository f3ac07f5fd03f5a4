// Opening a store over etcd: the cluster has answered before the server serves anything.

import type { Env } from '../../env/env.js';
import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import type { EtcdOptions } from './client.js';
import { openEtcdClient } from './open-client.js';
import { Places } from './places.js';
import { EtcdStore } from './store.js';
import { PACE, type UpkeepPace } from './upkeep.js';

export interface EtcdStoreOptions extends EtcdOptions {
  /** Longer values are refused; at most 1 MiB, which is the default. */
  readonly valueBytesMax?: number | undefined;
  /** The pace of the upkeep. */
  readonly pace?: UpkeepPace | undefined;
}

/**
 * Resolves when a majority has answered. Throws KvError KV_BAD_OPTION when the packages are missing or etcd refuses the
 * login, KV_IO when no majority answers within 10 s.
 */
export async function openEtcdStore(env: Env, options: EtcdStoreOptions): Promise<EtcdStore> {
  const places = new Places(options.prefix);
  const { client } = await openEtcdClient(env, options, places);
  const server = env.random.bytes(8).toString('hex');
  const { valueBytesMax = INLINE_VALUE_BYTES_MAX, pace = PACE } = options;
  return new EtcdStore({ env, client, places, server, valueBytesMax, pace });
}
