// Every metric that /metrics serves: name, type, meaning, and the statistic that it is read from. docs/metrics.md
// lists them, and a test compares. Names with memcached_ are those of memcached_exporter, so that its dashboards
// work.

/**
 * Name, meaning, and name in `stats`, perhaps with a factor. A 0 instead of the name: memcached has the statistic,
 * and it cannot be other than 0 here.
 */
type PlainRow = readonly [name: string, help: string, stat: string | 0, factor?: number];

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** The name in `stats`; 0 for an event that cannot happen here. */
  readonly stat: string | 0;
}

export interface StatMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly Sample[];
  /** Multiplies the statistic: the metric is in seconds and bytes. */
  readonly factor: number;
}

/** Names that memcached_exporter calls counters although they do not end like counters. */
const OTHER_COUNTERS =
  /^memcached_(?:uptime_seconds|slab_(?:mem_requested_bytes|items_evicted_time_seconds|items_moves_\w+))$/;

const MEMCACHED: readonly PlainRow[] = [
  ['memcached_uptime_seconds', 'time since the start', 'uptime'],
  ['memcached_time_seconds', 'Unix time of the server', 'time'],
  ['memcached_process_user_cpu_seconds_total', 'CPU time in user mode', 'rusage_user'],
  ['memcached_process_system_cpu_seconds_total', 'CPU time in the kernel', 'rusage_system'],
  ['memcached_current_bytes', 'bytes of all live records', 'bytes'],
  ['memcached_limit_bytes', 'bound of the store, or of the hot values', 'limit_maxbytes'],
  ['memcached_current_items', 'items', 'curr_items'],
  ['memcached_items_total', 'items stored', 'total_items'],
  ['memcached_read_bytes_total', 'bytes received from clients', 'bytes_read'],
  ['memcached_written_bytes_total', 'bytes sent to clients', 'bytes_written'],
  ['memcached_current_connections', 'open connections', 'curr_connections'],
  ['memcached_max_connections', 'connections that may be open', 'max_connections'],
  ['memcached_connections_total', 'connections accepted', 'total_connections'],
  ['memcached_connections_rejected_total', 'connections refused', 'rejected_connections'],
  ['memcached_connections_yielded_total', 'turns given up to other connections', 'conn_yields'],
  ['memcached_connections_listener_disabled_total', 'always 0', 'listen_disabled_num'],
  ['memcached_accepting_connections', 'always 1', 'accepting_conns'],
  ['memcached_items_evicted_total', 'items evicted at the bounds', 'evictions'],
  ['memcached_items_reclaimed_total', 'expired items that a new item replaced', 'reclaimed'],
  ['memcached_item_too_large_total', 'writes refused: longer than -I', 'store_too_large'],
  ['memcached_item_no_memory_total', 'writes refused: no room', 'store_no_memory'],
  ['memcached_direct_reclaims_total', 'always 0', 'direct_reclaims'],
  ['memcached_lru_crawler_starts_total', 'sweeps for expired items', 'lru_crawler_starts'],
  ['memcached_lru_crawler_reclaimed_total', 'expired items swept', 'crawler_reclaimed'],
  [
    'memcached_lru_crawler_items_checked_total',
    'items that sweeps looked at',
    'crawler_items_checked',
  ],
  ['memcached_lru_crawler_moves_to_cold_total', 'always 0', 'moves_to_cold'],
  ['memcached_lru_crawler_moves_to_warm_total', 'always 0', 'moves_to_warm'],
  ['memcached_lru_crawler_moves_within_lru_total', 'always 0', 'moves_within_lru'],
  ['memcached_malloced_bytes', 'bytes of all live records', 'bytes'],
  ['memcached_extstore_compact_lost_total', 'always 0', 'extstore_compact_lost'],
  ['memcached_extstore_compact_rescued_total', 'records carried over', 'extstore_compact_rescues'],
  ['memcached_extstore_compact_skipped_total', 'always 0', 'extstore_compact_skipped'],
  ['memcached_extstore_pages_allocated_total', 'segments made', 'extstore_page_allocs'],
  ['memcached_extstore_pages_evicted_total', 'always 0', 'extstore_page_evictions'],
  ['memcached_extstore_pages_reclaimed_total', 'compactions', 'extstore_page_reclaims'],
  ['memcached_extstore_pages_free', 'always 0', 'extstore_pages_free'],
  ['memcached_extstore_pages_used', 'segments', 'extstore_pages_used'],
  ['memcached_extstore_objects_evicted_total', 'items evicted', 'extstore_objects_evicted'],
  ['memcached_extstore_objects_read_total', 'values read from the disk', 'extstore_objects_read'],
  ['memcached_extstore_objects_written_total', 'records written', 'extstore_objects_written'],
  ['memcached_extstore_objects_used', 'items', 'extstore_objects_used'],
  ['memcached_extstore_bytes_evicted_total', 'always 0', 'extstore_bytes_evicted'],
  ['memcached_extstore_bytes_written_total', 'bytes of commits', 'extstore_bytes_written'],
  ['memcached_extstore_bytes_read_total', 'bytes of values read', 'extstore_bytes_read'],
  ['memcached_extstore_bytes_used', 'bytes of all segments', 'extstore_bytes_used'],
  ['memcached_extstore_bytes_fragmented', 'dead bytes', 'extstore_bytes_fragmented'],
  ['memcached_extstore_bytes_limit', 'bytes of all segments', 'extstore_limit_maxbytes'],
  ['memcached_extstore_io_queue_depth', 'records not durable yet', 'extstore_io_queue'],
];

const OWN: readonly PlainRow[] = [
  ['cairn_commits_total', 'batches committed', 'kv_batches'],
  ['cairn_records_total', 'records committed', 'kv_records'],
  ['cairn_log_written_bytes_total', 'bytes of commits', 'kv_log_bytes_written'],
  ['cairn_seals_total', 'seals written when the log was idle', 'kv_seals'],
  ['cairn_last_seq', 'highest seq given out', 'kv_last_seq'],
  ['cairn_watermark_seq', 'highest durable seq', 'kv_watermark'],
  ['cairn_unsynced_records', 'records not durable yet', 'kv_watermark_lag'],
  ['cairn_segments', 'log files', 'kv_segments'],
  ['cairn_segments_created_total', 'log files made', 'kv_segments_created'],
  ['cairn_segment_bytes', 'bytes of all segments', 'kv_segment_bytes'],
  ['cairn_live_bytes', 'bytes that the keydir reaches', 'kv_live_bytes'],
  ['cairn_dead_bytes', 'bytes that compaction can free', 'kv_dead_bytes'],
  ['cairn_large_value_bytes', 'bytes of values in files of their own', 'kv_large_bytes'],
  ['cairn_keydir_bytes', 'memory of the keydir', 'kv_keydir_bytes'],
  ['cairn_compactions_total', 'compactions done', 'kv_compactions'],
  ['cairn_compacted_bytes_total', 'bytes that compactions read', 'kv_compacted_bytes'],
  ['cairn_compacted_records_total', 'records carried over', 'kv_compacted_records'],
  ['cairn_snapshots_total', 'snapshots written', 'kv_snapshots'],
  ['cairn_scrubbed_bytes_total', 'bytes read again for damage', 'kv_scrub_bytes'],
  ['cairn_scrub_passes_total', 'times all segments were read again', 'kv_scrub_passes'],
  ['cairn_scrub_damaged_places', 'damaged places that scrubbing found', 'kv_scrub_damaged'],
  ['cairn_cache_bytes', 'memory of the hot values', 'kv_cache_bytes'],
  ['cairn_cache_entries', 'hot values', 'kv_cache_entries'],
  ['cairn_cache_hits_total', 'values found in memory', 'kv_cache_hits'],
  ['cairn_cache_misses_total', 'values that the cache did not have', 'kv_cache_misses'],
  ['cairn_cache_evicted_total', 'hot values evicted from memory', 'kv_cache_evicted'],
  ['cairn_disk_reads_total', 'values read from the disk', 'kv_disk_reads'],
  ['cairn_disk_read_bytes_total', 'bytes of values read from the disk', 'kv_disk_read_bytes'],
  ['cairn_disk_full', '1 while the disk is full and writes are refused', 'kv_disk_full'],
  ['cairn_clock_ahead_seconds', "lead of the store's clock over the machine's", 'kv_clock_ahead'],
  ['cairn_silent_connections', 'connections without a request yet', 'kv_silent_connections'],
  ['cairn_noreply_writes_total', 'writes whose client wants no reply', 'noreply_writes'],
  ['cairn_idle_dropped_total', 'items dropped by --max-idle', 'kv_idle_dropped'],
  ['cairn_oldest_use_seconds', 'age of the last use of the oldest item', 'kv_oldest_use_seconds'],
  ['cairn_recovered_keys', 'keys found at the start', 'kv_recovered_keys'],
  ['cairn_recovery_duration_seconds', 'time to replay at the start', 'kv_recovery_ms', 0.001],
];

/** Metrics of the single class that `stats slabs` and `stats items` show (server/stats/classes.ts). */
const SLAB: readonly PlainRow[] = [
  ['memcached_slab_chunk_size_bytes', 'bytes of a chunk', '1:chunk_size'],
  ['memcached_slab_chunks_per_page', 'chunks in a MiB', '1:chunks_per_page'],
  ['memcached_slab_current_pages', 'MiB of live records, rounded up', '1:total_pages'],
  ['memcached_slab_current_chunks', 'items, or chunks of the pages', '1:total_chunks'],
  ['memcached_slab_chunks_used', 'items', '1:used_chunks'],
  ['memcached_slab_chunks_free', 'chunks without an item', '1:free_chunks'],
  ['memcached_slab_chunks_free_end', 'always 0', '1:free_chunks_end'],
  ['memcached_slab_mem_requested_bytes', 'bytes of all live records', '1:mem_requested'],
  ['memcached_slab_current_items', 'items', 'items:1:number'],
  ['memcached_slab_hot_items', 'always 0', 'items:1:number_hot'],
  ['memcached_slab_warm_items', 'always 0', 'items:1:number_warm'],
  ['memcached_slab_cold_items', 'items', 'items:1:number_cold'],
  ['memcached_slab_hot_age_seconds', 'always 0', 'items:1:age_hot'],
  ['memcached_slab_warm_age_seconds', 'always 0', 'items:1:age_warm'],
  ['memcached_slab_items_age_seconds', 'age of the last use of the oldest item', 'items:1:age'],
  ['memcached_slab_items_evicted_total', 'items evicted at the bounds', 'items:1:evicted'],
  ['memcached_slab_items_evicted_nonzero_total', 'always 0', 'items:1:evicted_nonzero'],
  ['memcached_slab_items_evicted_time_seconds', 'always 0', 'items:1:evicted_time'],
  ['memcached_slab_items_evicted_unfetched_total', 'evicted unread', 'items:1:evicted_unfetched'],
  ['memcached_slab_items_expired_unfetched_total', 'expired unread', 'items:1:expired_unfetched'],
  ['memcached_slab_items_outofmemory_total', 'writes refused: no room', 'items:1:outofmemory'],
  ['memcached_slab_items_reclaimed_total', 'expired items replaced', 'items:1:reclaimed'],
  ['memcached_slab_items_crawler_reclaimed_total', 'items swept', 'items:1:crawler_reclaimed'],
  ['memcached_slab_items_tailrepairs_total', 'always 0', 'items:1:tailrepairs'],
  ['memcached_slab_items_moves_to_cold', 'always 0', 'items:1:moves_to_cold'],
  ['memcached_slab_items_moves_to_warm', 'always 0', 'items:1:moves_to_warm'],
  ['memcached_slab_items_moves_within_lru', 'always 0', 'items:1:moves_within_lru'],
];

const SLAB_LABELS = { slab: '1' };
const SLAB_COMMANDS: StatMetric = {
  name: 'memcached_slab_commands_total',
  type: 'counter',
  help: 'requests by command and status, of the one class',
  factor: 1,
  samples: [
    ...['get', 'delete', 'incr', 'decr', 'cas', 'touch'].map((command) => ({
      labels: { ...SLAB_LABELS, command, status: 'hit' },
      stat: `1:${command}_hits`,
    })),
    { labels: { ...SLAB_LABELS, command: 'cas', status: 'badval' }, stat: '1:cas_badval' },
    { labels: { ...SLAB_LABELS, command: 'set', status: 'hit' }, stat: 'set_hits' },
  ],
};
const SLAB_LRU_HITS: StatMetric = {
  name: 'memcached_slab_lru_hits_total',
  type: 'counter',
  help: 'hits by LRU list; there is one',
  factor: 1,
  samples: ['hot', 'warm', 'cold', 'temp'].map((lru) => ({
    labels: { ...SLAB_LABELS, lru },
    stat: `items:1:hits_to_${lru}`,
  })),
};

const COMMANDS_TOTAL: StatMetric = {
  name: 'memcached_commands_total',
  type: 'counter',
  help: 'requests by command and status',
  factor: 1,
  samples: [
    ...['get', 'delete', 'incr', 'decr', 'cas', 'touch'].flatMap((command) => [
      { labels: { command, status: 'hit' }, stat: `${command}_hits` },
      { labels: { command, status: 'miss' }, stat: `${command}_misses` },
    ]),
    { labels: { command: 'cas', status: 'badval' }, stat: 'cas_badval' },
    { labels: { command: 'flush', status: 'hit' }, stat: 'cmd_flush' },
    // cmd_set minus the stores by cas (SET_HITS).
    { labels: { command: 'set', status: 'hit' }, stat: 'set_hits' },
  ],
};

/** Statistics by label. */
const ERRORS: Readonly<Record<string, string>> = {
  commit: 'kv_failed_commits',
  reply: 'kv_failed_replies',
  noreply: 'noreply_failed',
  damaged_read: 'kv_damaged_reads',
  compaction: 'kv_compactions_failed',
  snapshot: 'kv_snapshots_failed',
  tls_handshake: 'ssl_handshake_errors',
  login: 'auth_errors',
  receive_memory: 'read_buf_oom',
};
const ENDINGS: Readonly<Record<string, string>> = {
  idle: 'idle_kicks',
  stalled: 'kv_stall_kicks',
  login: 'kv_login_kicks',
  silent: 'kv_silent_kicks',
  receive_memory: 'kv_receipt_kicks',
};

export const STAT_METRICS: readonly StatMetric[] = [
  ...[...MEMCACHED, ...OWN].map((row) => plain(row)),
  COMMANDS_TOTAL,
  ...SLAB.map((row) => plain(row, SLAB_LABELS)),
  SLAB_COMMANDS,
  SLAB_LRU_HITS,
  labelled('cairn_errors_total', 'failures by kind', 'kind', ERRORS),
  labelled('cairn_connections_ended_total', 'connections ended by the server', 'reason', ENDINGS),
];

export interface HistogramMetric {
  readonly name: string;
  readonly help: string;
}

export const HISTOGRAMS = {
  requests: {
    name: 'cairn_request_duration_seconds',
    help: 'from the arrival of a request to the hand-over of its reply, by command',
  },
  commits: { name: 'cairn_commit_duration_seconds', help: 'write and sync of a batch' },
  batchBytes: { name: 'cairn_batch_size_bytes', help: 'bytes of a batch' },
  batchRecords: { name: 'cairn_batch_records', help: 'records of a batch' },
  diskReads: { name: 'cairn_disk_read_duration_seconds', help: 'read of a value from a segment' },
  loopDelay: { name: 'cairn_event_loop_delay_seconds', help: 'lateness of a timer of 20 ms' },
} as const satisfies Readonly<Record<string, HistogramMetric>>;

function plain(
  [name, help, stat, factor = 1]: PlainRow,
  labels: Sample['labels'] = {},
): StatMetric {
  const isCounter = name.endsWith('_total') || OTHER_COUNTERS.test(name);
  return {
    name,
    help,
    factor,
    type: isCounter ? 'counter' : 'gauge',
    samples: [{ labels, stat }],
  };
}

function labelled(
  name: string,
  help: string,
  label: string,
  stats: Readonly<Record<string, string>>,
): StatMetric {
  const samples = Object.entries(stats).map(([value, stat]) => ({
    labels: { [label]: value },
    stat,
  }));
  return { name, help, type: 'counter', factor: 1, samples };
}
