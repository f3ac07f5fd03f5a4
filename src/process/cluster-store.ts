// The store of `--store`: reads what the URL names (certificates, the login), and opens the engine, whose code is loaded
// only then.
//
// Invariant: the process lives until it is ended by a signal or an error, also while no node has a connection.

import fs from 'node:fs';

import type { Config } from '../config/config.js';
import type { StorePlace, TlsFiles } from '../config/store-place.js';
import type { Env } from '../env/env.js';
import { keepAlive } from '../env/keep-alive.js';
import { KvError, systemReason } from '../errors.js';
import type { Store } from '../store/store.js';

interface Login {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

type ClusterConfig = Pick<Config, 'storeAuth' | 'storeAuthFile' | 'valueBytesMax'>;

/**
 * Throws KV_BAD_OPTION for a file that cannot be used, a package that is missing, or a cluster that cannot keep the
 * promises; KV_IO when it does not answer.
 */
export async function openClusterStore(
  env: Env,
  place: StorePlace,
  config: ClusterConfig,
): Promise<Store> {
  keepAlive();
  const { hosts } = place;
  const login = loginOf(config);
  const tls = place.tls === undefined ? undefined : certificatesOf(place.tls);
  const common = { hosts, tls, ...login, valueBytesMax: config.valueBytesMax };
  if (place.kind === 'etcd') {
    const { openEtcdStore } = await import('../cluster/etcd/open-store.js');
    return openEtcdStore(env, { ...common, prefix: place.prefix });
  }
  const { replicas, reads, durability } = place;
  const { openRedisStore } = await import('../cluster/redis/open-redis-store.js');
  return openRedisStore(env, { ...common, replicas, reads, durability });
}

/** `user:password`, or `:password` where there are no users. */
function loginOf({ storeAuth, storeAuthFile }: ClusterConfig): Login {
  const text = storeAuthFile === undefined ? storeAuth : readFile(storeAuthFile).toString('utf8');
  if (text === undefined || text === '') return { user: undefined, password: undefined };
  const line = text.split(/\r?\n/, 1)[0]!;
  const colon = line.indexOf(':');
  if (colon < 0) {
    const place = storeAuthFile ?? 'CAIRN_STORE_AUTH';
    throw new KvError('KV_BAD_OPTION', `${place}: the first line is no user:password`);
  }
  const user = line.slice(0, colon);
  return { user: user === '' ? undefined : user, password: line.slice(colon + 1) };
}

function certificatesOf({ caPath, certPath, keyPath }: TlsFiles): {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
} {
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined ? undefined : readFile(path);
  return { ca: read(caPath), cert: read(certPath), key: read(keyPath) };
}

function readFile(path: string): Buffer {
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw new KvError('KV_BAD_OPTION', `${path} cannot be read: ${systemReason(error)}`, {
      cause: error,
    });
  }
}
