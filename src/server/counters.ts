// The counters of the server: plain numbers in one table, under memcached's names or with a name of our own. The store
// has its own counters (Store.stats). `stats reset` zeroes them all.

const COUNTER_NAMES = [
  'total_connections',
  'rejected_connections',
  'conn_yields',
  'idle_kicks',
  'stall_kicks',
  'login_kicks',
  'silent_kicks',
  'ssl_handshake_errors',
  'receipt_kicks',
  'read_buf_oom',
  'cmd_get',
  'cmd_set',
  'cmd_flush',
  'cmd_touch',
  'cmd_meta',
  'get_hits',
  'get_misses',
  'get_expired',
  'get_flushed',
  'delete_misses',
  'delete_hits',
  'incr_misses',
  'incr_hits',
  'decr_misses',
  'decr_hits',
  'cas_misses',
  'cas_hits',
  'cas_badval',
  'touch_hits',
  'touch_misses',
  'store_too_large',
  'store_no_memory',
  'auth_cmds',
  'auth_errors',
  'unchecked_logins',
  'bytes_read',
  'bytes_written',
  'log_worker_written',
  'log_watcher_sent',
  'log_watcher_skipped',
  'noreply_writes',
  'noreply_failed',
  'failed_replies',
  'damaged_reads',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];
export type Counters = Record<CounterName, number>;

export function newCounters(): Counters {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counters;
}

export function resetCounters(counters: Counters): void {
  for (const name of COUNTER_NAMES) counters[name] = 0;
}
