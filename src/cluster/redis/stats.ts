// Statistics of a store over Redis: its nodes, and the state, the times and the queue of each shard.

import type { Histogram } from '../../histogram.js';
import type { Cluster } from './cluster.js';

export function redisStats(cluster: Cluster, items: number): ReadonlyMap<string, number | string> {
  const stats = new Map<string, number | string>();
  stats.set('curr_items', items);
  const { shards } = cluster.view;
  // One shard that answers is enough: requests for keys of the others are refused one by one.
  const isReachable = shards.some(({ master }) => cluster.linkOf(master)?.state === 'ready');
  stats.set('kv_cluster_reachable', isReachable ? 1 : 0);
  stats.set('kv_store', 'redis');
  stats.set('kv_shards', shards.length);
  for (const [at, { master, replicas }] of shards.entries()) {
    const link = cluster.linkOf(master);
    const name = `kv_shard_${at}`;
    stats.set(`${name}_master`, master);
    stats.set(`${name}_replicas`, replicas.join(',') || 'none');
    stats.set(`${name}_state`, link?.state ?? 'down');
    stats.set(`${name}_queue`, link?.batcher.queued ?? 0);
    stats.set(`${name}_acknowledged`, link?.acknowledged ?? 0);
    if (link === undefined) continue;
    for (const percent of [50, 99]) {
      stats.set(`${name}_p${percent}_us`, percentileMicros(link.batcher.latency, percent));
    }
  }
  return stats;
}

/** The upper bound of the bucket of the percentile, or the last bound for values above all bounds. */
function percentileMicros({ bounds, counts, count }: Histogram, percent: number): number {
  let left = (count * percent) / 100;
  for (const [at, bound] of bounds.entries()) {
    left -= counts[at]!;
    if (left <= 0) return count === 0 ? 0 : Math.round(bound * 1_000_000);
  }
  return Math.round((bounds.at(-1) ?? 0) * 1_000_000);
}
