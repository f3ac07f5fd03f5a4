// `stats`: first memcached's names, in its order and formats (the exporter's rules: numbers, no colon in our own
// names, rusage with six digits), then the engine's names with the prefix kv_, and the log as extstore_*.

import { arch } from 'node:process';

import { MEMCACHED_VERSION } from '../../limits.js';
import type { CounterName } from '../counters.js';
import type { Services } from '../session.js';
import { extstoreLines } from './extstore.js';
import type { StatLines } from './lines.js';

/** The names in memcached's order. Each is a counter of ours, a value of the store, or 0 when we have no such value. */
const ORDER: readonly string[] = `
  pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
  curr_connections total_connections rejected_connections connection_structures response_obj_oom
  response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free
  read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses
  get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits
  cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large store_no_memory
  auth_cmds auth_errors bytes_read bytes_written limit_maxbytes accepting_conns
  listen_disabled_num time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes
  hash_is_expanding slab_reassign_rescues slab_reassign_chunk_rescues
  slab_reassign_inline_reclaim slab_reassign_busy_items slab_reassign_busy_deletes
  slab_reassign_busy_nomem slab_reassign_last_busy_status slab_reassign_running slabs_moved
  lru_crawler_running lru_crawler_starts lru_maintainer_juggles malloc_fails log_worker_dropped
  log_worker_written log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids
  round_robin_fallback bytes curr_items total_items slab_global_page_pool expired_unfetched
  evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed crawler_items_checked
  lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims
  lru_bumps_dropped
`
  .trim()
  .split(/\s+/);
const STANDARD: ReadonlySet<string> = new Set(ORDER);
const KEYDIR_BYTES = 'kv_keydir_bytes';

export function generalLines(services: Services): StatLines {
  const { store, counters, config } = services;
  const engine = store.stats();
  const process = processValues(services);
  const lines: (readonly [string, string | number])[] = ORDER.map((name) => [
    name,
    process.get(name) ?? counters[name as CounterName] ?? engine.get(name) ?? 0,
  ]);
  if (config.tls !== undefined) {
    lines.push(
      ['ssl_handshake_errors', counters.ssl_handshake_errors],
      ['time_since_server_cert_refresh', services.control.certificateAgeSeconds],
    );
  }
  if (config.idleTimeoutMs > 0) lines.push(['idle_kicks', counters.idle_kicks]);
  lines.push(
    ['kv_version', services.version],
    ['kv_failed_replies', counters.failed_replies],
    ['kv_stall_kicks', counters.stall_kicks],
    ['kv_unchecked_logins', counters.unchecked_logins],
    ['kv_login_kicks', counters.login_kicks],
    ['kv_silent_kicks', counters.silent_kicks],
    ['kv_receipt_kicks', counters.receipt_kicks],
    ['kv_silent_connections', services.control.silentCount],
    ['noreply_writes', counters.noreply_writes],
    ['noreply_failed', counters.noreply_failed],
  );
  for (const [name, value] of engine) if (!STANDARD.has(name)) lines.push([name, value]);
  lines.push(...extstoreLines(engine));
  return lines;
}

/** Returns memcached's limit_maxbytes: the bound of the store if it has one, otherwise that of the hot values. */
export function limitBytes({ config, control }: Services): number {
  const isOfStore = config.storeBytesMax > 0 && !config.memcachedLimits;
  return isOfStore ? config.storeBytesMax : control.memoryLimitBytes;
}

function processValues(services: Services): ReadonlyMap<string, string | number> {
  const { control, store, clock, counters, config } = services;
  const usage = process.resourceUsage();
  const memory = Number(store.stats().get(KEYDIR_BYTES) ?? 0);
  // At least 1, because monitors divide by it.
  const uptime = 1 + Math.floor((clock.monotonicMs() - control.startedMs) / 1000);
  return new Map<string, string | number>([
    ['pid', process.pid],
    ['uptime', uptime],
    ['time', Math.floor((store.nowMs() - store.clockAheadMs) / 1000)],
    ['version', MEMCACHED_VERSION],
    ['libevent', `libuv-${process.versions.uv}`],
    ['pointer_size', arch === 'arm' || arch === 'ia32' ? 32 : 64],
    ['rusage_user', secondsText(usage.userCPUTime)],
    ['rusage_system', secondsText(usage.systemCPUTime)],
    ['max_connections', control.connectionsMax],
    ['curr_connections', control.connectionCount],
    ['connection_structures', control.connectionCount],
    ['total_connections', counters.total_connections],
    ['accepting_conns', 1],
    ['limit_maxbytes', limitBytes(services)],
    ['threads', config.threads],
    ['hash_power_level', Math.max(16, Math.ceil(Math.log2(memory + 1)))],
    ['hash_bytes', memory],
    ['read_buf_count', services.receipts.count],
    ['read_buf_bytes', services.receipts.amount],
    ['log_watchers', services.watchers.count],
  ]);
}

/** Composes seconds in memcached's format `%d.%06d`. */
function secondsText(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1e6);
  return `${seconds}.${String(Math.floor(microseconds % 1e6)).padStart(6, '0')}`;
}
