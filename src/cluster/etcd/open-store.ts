// Opening a store over etcd: loads the client, and asks the cluster for a word before anything is served.

import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import { EtcdClient, type EtcdCalls, type EtcdOptions } from './client.js';
import { EtcdFailure } from './failure.js';
import { Places } from './places.js';
import { Retries } from './retries.js';
import { EtcdStore } from './store.js';
import { PACE, type UpkeepPace } from './upkeep.js';

export interface EtcdStoreOptions extends EtcdOptions {
  /** Longer values are refused; at most 1 MiB, which is the default. */
  readonly valueBytesMax?: number | undefined;
  /** Of the upkeep. */
  readonly pace?: UpkeepPace | undefined;
}

const OPEN_MS = 10_000;

/**
 * Resolves when a majority has answered. Throws KvError KV_BAD_OPTION when the packages are missing or etcd refuses the
 * login, KV_IO when no majority answers within 10 s.
 */
export async function openEtcdStore(env: Env, options: EtcdStoreOptions): Promise<EtcdStore> {
  const client = await EtcdClient.load(env, options);
  const places = new Places(options.prefix);
  try {
    await reach(env, client, places, options);
  } catch (error) {
    client.close();
    throw error;
  }
  const server = env.random.bytes(8).toString('hex');
  const { valueBytesMax = INLINE_VALUE_BYTES_MAX, pace = PACE } = options;
  return new EtcdStore({ env, client, places, server, valueBytesMax, pace });
}

async function reach(
  env: Env,
  client: EtcdCalls,
  places: Places,
  { hosts }: EtcdOptions,
): Promise<void> {
  const retries = new Retries(client, env.clock, env.clock.monotonicMs() + OPEN_MS);
  let last = 'no answer';
  while (retries.leftMs > 0) {
    try {
      await client.range({ ...places.flushes, count_only: true }, retries.limitMs);
      return;
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error;
      last = error.message;
      if (error.kind === 'refused') throw new KvError('KV_BAD_OPTION', last, { cause: error });
      await retries.pause();
    }
  }
  const message = `No majority of etcd answers at ${hosts.join(', ')}: ${last}; see that the nodes run and can be reached`;
  throw new KvError('KV_IO', message);
}
