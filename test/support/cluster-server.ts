// A real server over a cluster, in this process, on a loopback port.

import { readConfig } from '../../src/config/config.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { openClusterStore } from '../../src/process/cluster-store.js';
import { serveStore } from './durable-server.js';
import { QuietLogger } from './quiet-logger.js';

/**
 * Starts a server over an emptied cluster. `argv`: flags of kv-server, except port and store. With a plain port, `port` is
 * the plain one.
 */
export async function startClusterServer(
  storeUrl: string,
  argv: readonly string[],
): ReturnType<typeof serveStore> {
  const config = readConfig(['-p', '-1', '--store', storeUrl, ...argv], {}, '0.0.0');
  if ('code' in config) throw new Error(config.stderr);
  const env = nodeEnv(new QuietLogger());
  const store = await openClusterStore(env, config.store!, config);
  await store.flush(0);
  return serveStore(env, config, store);
}
