// A real server over the real engine, in this process, on a loopback port. It has a directory of its own, which is removed
// with it.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readConfig, type Config } from '../../src/config/config.js';
import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { Server } from '../../src/server/server.js';
import { openStore } from '../../src/store/open-store.js';
import type { StoreOptions } from '../../src/store/options.js';
import type { Store } from '../../src/store/store.js';
import { QuietLogger } from './quiet-logger.js';
import { removeFolder } from './remove-folder.js';

interface ServedStore {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Starts the server. `argv`: flags of kv-server, except port and directory. With a plain port, `port` is the plain one. */
export async function startDurableServer(
  argv: readonly string[],
  options: Partial<StoreOptions> = {},
): Promise<ServedStore> {
  const config = readConfig(['-p', '-1', ...argv], {}, '0.0.0');
  if ('code' in config) throw new Error(config.stderr);
  const dir = mkdtempSync(join(tmpdir(), 'cairn-server-'));
  const env = nodeEnv(new QuietLogger());
  const store = await openStore(env, dir, {
    segmentBytesMax: 1024 * 1024,
    valueBytesMax: config.valueBytesMax,
    keysMax: config.keysMax,
    bytesMax: config.storeBytesMax,
    evicts: config.evicts,
    ...options,
  });
  const { port, stop } = await serveStore(env, config, store);
  return {
    port,
    stop: async () => {
      await stop();
      removeFolder(dir);
    },
  };
}

/** Serves any store in this process; the store ends with the server. */
export async function serveStore(env: Env, config: Config, store: Store): Promise<ServedStore> {
  const server = new Server(env, config, store, {
    version: '0.0.0',
    onShutdown: () => undefined,
    onVerbosity: () => undefined,
  });
  const address = (await server.start()).at(-1) ?? '';
  return {
    port: Number(address.slice(address.lastIndexOf(':') + 1)),
    stop: async () => {
      await server.stop();
      await store.close();
    },
  };
}
