// Statistics of a store over etcd: memcached's names where they mean the same, otherwise names that begin with kv_etcd_
// (docs/cluster.md, "Over etcd").

import type { Histogram } from '../../histogram.js';
import type { BatchFigures } from '../batcher.js';
import type { EtcdCalls } from './client.js';
import type { ClusterState } from './cluster-state.js';
import type { UpkeepCounts } from './upkeep.js';
import type { WriteLanes } from './write-lanes.js';

export interface EtcdCounters {
  /** Number of puts that were stored. */
  stored: number;
  /** Number of changes that were decided again because another server had changed the item. */
  retries: number;
}

interface Told {
  readonly client: EtcdCalls;
  readonly state: ClusterState;
  readonly counters: EtcdCounters;
  readonly upkeep: UpkeepCounts;
  /** The claim as this server has seen it last. */
  readonly claim: string | undefined;
  readonly lanes: WriteLanes;
  readonly reads: BatchFigures;
  readonly writes: BatchFigures;
}

export function etcdStats(told: Told): Map<string, number | string> {
  const { client, state, counters, upkeep, claim, lanes, reads, writes } = told;
  return new Map<string, number | string>([
    ...state.lines(),
    ['total_items', counters.stored],
    ['evictions', 0],
    ['crawler_reclaimed', upkeep.swept],
    ['crawler_items_checked', upkeep.checked],
    ['lru_crawler_starts', upkeep.sweeps],
    ['kv_etcd_claim', claim ?? 'unknown'],
    ['kv_etcd_flushed_items_removed', upkeep.flushed],
    ['kv_etcd_forgotten_revision', upkeep.forgottenRevision],
    ['kv_etcd_host', client.used],
    ['kv_etcd_host_changes', client.turns],
    ['kv_etcd_failed_calls', client.failures],
    ['kv_etcd_retried_changes', counters.retries],
    ['kv_etcd_lost_answers', lanes.lost],
    ['kv_etcd_resolved_answers', lanes.resolved],
    ['kv_disk_full', lanes.isFull ? 1 : 0],
    ...batchLines('read', reads),
    ...batchLines('write', writes),
  ]);
}

function batchLines(
  kind: string,
  { batches, jobs, queued, latency }: BatchFigures,
): (readonly [name: string, value: number])[] {
  return [
    [`kv_etcd_${kind}_batches`, batches],
    [`kv_etcd_${kind}_operations`, jobs],
    [`kv_etcd_${kind}_queued`, queued],
    [`kv_etcd_${kind}_p50_us`, quantileUs(latency, 0.5)],
    [`kv_etcd_${kind}_p99_us`, quantileUs(latency, 0.99)],
  ];
}

/** An upper bound of a percentile, as fine as the histogram. */
function quantileUs({ bounds, counts, count }: Histogram, part: number): number {
  let below = 0;
  for (let at = 0; at < bounds.length; at += 1) {
    below += counts[at]!;
    if (below >= part * count) return count === 0 ? 0 : Math.round(bounds[at]! * 1e6);
  }
  return Math.round(bounds.at(-1)! * 1e6);
}
