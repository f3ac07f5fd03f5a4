// Opening a client of etcd, for the store and for readers of a revision: loads the packages, and reads from the cluster once
// before anything else.

import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { EtcdClient, type EtcdOptions } from './client.js';
import { EtcdFailure } from './failure.js';
import type { RangeResponse } from './messages.js';
import type { Places } from './places.js';
import { Retries } from './retries.js';

const OPEN_MS = 10_000;

interface OpenClient {
  readonly client: EtcdClient;
  /** The flush records, and in its header the revision at which they were read. */
  readonly flushes: RangeResponse;
}

/**
 * Resolves when a majority has answered. Throws KvError KV_BAD_OPTION when the packages are missing or etcd refuses the
 * login, KV_IO when no majority answers within 10 s.
 */
export async function openEtcdClient(
  env: Env,
  options: EtcdOptions,
  places: Places,
): Promise<OpenClient> {
  const client = await EtcdClient.load(env, options);
  try {
    return { client, flushes: await reach(env, client, places) };
  } catch (error) {
    client.close();
    throw error;
  }
}

async function reach(env: Env, client: EtcdClient, places: Places): Promise<RangeResponse> {
  const retries = new Retries(client, env.clock, env.clock.monotonicMs() + OPEN_MS);
  let last = 'no answer';
  while (retries.leftMs > 0) {
    try {
      return await client.range(places.flushes, retries.limitMs);
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error;
      last = error.message;
      if (error.kind === 'refused') throw new KvError('KV_BAD_OPTION', last, { cause: error });
      await retries.pause();
    }
  }
  const message = `No majority of etcd answers at ${client.hosts.join(', ')}: ${last}; see that etcd runs there and can be reached, with TLS for etcds:// and without TLS for etcd://`;
  throw new KvError('KV_IO', message);
}
