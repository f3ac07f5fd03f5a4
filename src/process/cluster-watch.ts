// Cluster watch: says in the server's log when the cluster, or one shard of it, begins to refuse requests and when it serves
// again. Otherwise only the clients would hear of it (docs/cluster.md, "Counters").

import type { Env } from '../env/env.js';
import type { Store } from '../store/store.js';

const LOOK_MS = 2000;

/** Looks at the counters of the store until the process ends. `cluster` names it in the messages. */
export function watchCluster(
  store: Pick<Store, 'stats'>,
  { clock, logger }: Pick<Env, 'clock' | 'logger'>,
  cluster: string,
): void {
  let known = new Map<string, string>();
  const look = (): void => {
    const found = troublesOf(store.stats(), cluster);
    for (const [place, trouble] of found) {
      if (known.get(place) !== trouble) logger.warn(`${place} ${trouble}`);
    }
    for (const place of known.keys()) if (!found.has(place)) logger.warn(`${place} serves again`);
    known = found;
    clock.setTimer(LOOK_MS, look);
  };
  clock.setTimer(LOOK_MS, look);
}

/** By place: what is wrong there. Shards are not named while the whole cluster is in trouble. */
function troublesOf(
  stats: ReadonlyMap<string, number | string>,
  cluster: string,
): Map<string, string> {
  const troubles = new Map<string, string>();
  if (stats.get('kv_cluster_reachable') === 0) {
    return troubles.set(cluster, 'cannot be reached: requests are refused');
  }
  if (stats.get('kv_disk_full') === 1) {
    return troubles.set(cluster, 'has no room left: writes are refused');
  }
  for (let at = 0; ; at += 1) {
    const state = stats.get(`kv_shard_${at}_state`);
    if (state === undefined) return troubles;
    const shard = `the shard of ${stats.get(`kv_shard_${at}_master`)}`;
    if (state === 'down') troubles.set(shard, 'has no master: its requests are refused');
    if (state === 'short') {
      troubles.set(shard, 'has too few replicas: its writes and strict reads are refused');
    }
  }
}
