// One small cluster of each engine for all suites of a test process. The first suite that asks starts it, and it ends with
// the process's last test (hooks.ts). A cluster takes seconds to start, and the suites take turns.
//
// Invariant: no suite finds what another one has left. Each has a prefix of its own in etcd. Redis has no prefixes, so a
// suite begins with flush_all there (servers.ts).

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Context } from 'mocha';

import { startEtcd } from './cluster/etcd-nodes.js';
import { LOOPBACK, type Cluster } from './cluster/node.js';
import { startRedisCluster } from './cluster/redis-nodes.js';
import { requireProgram } from './programs.js';
import { removeFolder } from './remove-folder.js';

export type Engine = Cluster['engine'];

const clusters = new Map<Engine, Promise<Cluster>>();
let root: string | undefined;
let urls = 0;

/** Returns the --store URL of the cluster, with room for one suite. Skips the suite when the engine is not installed. */
export async function sharedStoreUrl(context: Context, engine: Engine): Promise<string> {
  const program =
    engine === 'etcd'
      ? requireProgram(context, 'etcd', 'etcd-server')
      : requireProgram(context, 'redis-server', 'redis-server');
  let starting = clusters.get(engine);
  if (starting === undefined) {
    starting = start(engine, program);
    clusters.set(engine, starting);
  }
  const { storeUrl } = await starting;
  urls += 1;
  return engine === 'etcd' ? `${storeUrl}/suite-${urls}` : storeUrl;
}

/** Ends the shared clusters; safe when there are none. */
export async function endSharedClusters(): Promise<void> {
  const started = await Promise.allSettled(clusters.values());
  clusters.clear();
  for (const each of started) if (each.status === 'fulfilled') await each.value.end();
  if (root !== undefined) removeFolder(root);
  root = undefined;
}

/** Starts one node of etcd, or two masters of Redis with one replica each, so that keys have shards and writes have a WAIT. */
function start(engine: Engine, program: string): Promise<Cluster> {
  root ??= mkdtempSync(join(tmpdir(), 'cairn-clusters-'));
  const dir = join(root, engine);
  mkdirSync(dir);
  return engine === 'etcd'
    ? startEtcd({ program, dir, places: [LOOPBACK] })
    : startRedisCluster({ program, dir, masters: 2, replicas: 1 });
}
