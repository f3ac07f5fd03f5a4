// The metrics of a cluster: of its nodes and shards, as many as `stats` names. docs/metrics.md lists them, and a test
// compares. A local store has none of them.
//
// Invariant: names that the cluster gives (hosts) are labels, never parts of a metric's name.

export interface ClusterMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** The label of the metric. A metric without a label has one value. */
  readonly label: 'node' | 'lane' | undefined;
  /** Each pattern matches some names in `stats`; its capture group is the value of the label. */
  readonly patterns: readonly RegExp[];
  /** Turns a value in `stats` into the value of the metric. */
  readonly valueOf: (stat: string | number) => number;
}

const UP: ReadonlySet<string | number> = new Set(['leader', 'follower', 'ready']);
const MICROS_PER_SECOND = 1e6;

function isUp(state: string | number): number {
  return UP.has(state) ? 1 : 0;
}

function inSeconds(micros: string | number): number {
  return Number(micros) / MICROS_PER_SECOND;
}

/** `lane` is the number of a shard of Redis; with etcd it is `read` or `write`. */
export const CLUSTER_METRICS: readonly ClusterMetric[] = [
  {
    name: 'cairn_cluster_reachable',
    type: 'gauge',
    help: '1 while the cluster, or a part of it, answers',
    label: undefined,
    patterns: [/^kv_cluster_reachable$/],
    valueOf: Number,
  },
  {
    name: 'cairn_cluster_node_up',
    type: 'gauge',
    help: '1 while the node of etcd answers',
    label: 'node',
    patterns: [/^kv_etcd_node_(.+)$/],
    valueOf: isUp,
  },
  {
    name: 'cairn_cluster_shard_up',
    type: 'gauge',
    help: '1 while the shard answers and enough of its replicas do',
    label: 'lane',
    patterns: [/^kv_shard_(\d+)_state$/],
    valueOf: isUp,
  },
  {
    name: 'cairn_cluster_queued_requests',
    type: 'gauge',
    help: 'requests that wait to be sent',
    label: 'lane',
    patterns: [/^kv_shard_(\d+)_queue$/, /^kv_etcd_(read|write)_queued$/],
    valueOf: Number,
  },
  {
    name: 'cairn_cluster_batch_p50_seconds',
    type: 'gauge',
    help: 'half of the batches took no longer',
    label: 'lane',
    patterns: [/^kv_shard_(\d+)_p50_us$/, /^kv_etcd_(read|write)_p50_us$/],
    valueOf: inSeconds,
  },
  {
    name: 'cairn_cluster_batch_p99_seconds',
    type: 'gauge',
    help: '99 of 100 batches took no longer',
    label: 'lane',
    patterns: [/^kv_shard_(\d+)_p99_us$/, /^kv_etcd_(read|write)_p99_us$/],
    valueOf: inSeconds,
  },
  {
    name: 'cairn_cluster_failed_calls_total',
    type: 'counter',
    help: 'calls of etcd that failed, before they were tried again',
    label: undefined,
    patterns: [/^kv_etcd_failed_calls$/],
    valueOf: Number,
  },
  {
    name: 'cairn_cluster_lost_answers_total',
    type: 'counter',
    help: 'writes that etcd was sent and did not answer',
    label: undefined,
    patterns: [/^kv_etcd_lost_answers$/],
    valueOf: Number,
  },
  {
    name: 'cairn_cluster_database_bytes',
    type: 'gauge',
    help: 'database of the largest node of etcd',
    label: undefined,
    patterns: [/^kv_etcd_db_bytes$/],
    valueOf: Number,
  },
  {
    name: 'cairn_cluster_quota_bytes',
    type: 'gauge',
    help: 'bound of that database; 0: the default of etcd',
    label: undefined,
    patterns: [/^kv_etcd_quota_bytes$/],
    valueOf: Number,
  },
];

interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Returns the values that a metric has in the statistics of a server; none over a local store. */
export function valuesOf(
  { label, patterns, valueOf }: ClusterMetric,
  stats: ReadonlyMap<string, string | number>,
): LabelledValue[] {
  const values: LabelledValue[] = [];
  for (const [name, stat] of stats) {
    for (const pattern of patterns) {
      const match = pattern.exec(name);
      if (match === null) continue;
      const labels = label === undefined ? {} : { [label]: match[1]! };
      values.push({ labels, value: valueOf(stat) });
    }
  }
  return values;
}
