// `stats settings`: prints memcached's names. Booleans are yes and no, and values hold no space (the exporter's rule).

import { storeUrl } from '../../config/store-place.js';
import type { Services } from '../session.js';
import { limitBytes } from './general.js';
import type { StatLines } from './lines.js';

const yes = (is: boolean): string => (is ? 'yes' : 'no');

/** Returns the TLS lines; without TLS they have memcached's defaults. */
function tlsLines({ config: { tls }, control }: Services): StatLines {
  return [
    ['ssl_chain_cert', tls?.chainCertPath ?? 'NULL'],
    ['ssl_key', tls?.keyPath ?? 'NULL'],
    ['ssl_verify_mode', tls?.verifyMode ?? 0],
    ['ssl_keyformat', 1],
    ['ssl_ciphers', tls?.ciphers ?? 'NULL'],
    ['ssl_ca_cert', tls?.caCertPath ?? 'NULL'],
    ['ssl_wbuf_size', 16_384],
    ['ssl_session_cache', 'no'],
    ['ssl_kernel_tls', 'no'],
    ['ssl_min_version', (tls?.minVersion ?? 'TLSv1.2').toLowerCase()],
    ['time_since_server_cert_refresh', control.certificateAgeSeconds],
  ];
}

/** Returns the lines that memcached does not have. */
function ownLines({ config, httpUrl }: Services): StatLines {
  return [
    ['kv_segment_size', config.segmentBytes],
    ['kv_max_keys', config.keysMax],
    ['kv_max_bytes', config.storeBytesMax],
    ['kv_max_key_bytes', config.keyBytesMax],
    ['kv_compact_ratio', config.compactRatio],
    ['kv_compact_min', config.compactMinBytes],
    ['kv_snapshot', config.snapshot],
    ['kv_http', httpUrl ?? 'no'],
    ['kv_store', config.store === undefined ? 'log' : storeUrl(config.store)],
  ];
}

export function settingsLines(services: Services): StatLines {
  const { config, control } = services;
  const tcp = config.endpoints.flatMap((one) => (one.kind === 'tcp' ? [one] : []));
  const unix = config.endpoints.find((one) => one.kind === 'unix');
  const names = { auto: 'auto-negotiate', text: 'ascii', binary: 'binary' } as const;
  return [
    ['maxbytes', limitBytes(services)],
    ['maxconns', control.connectionsMax],
    ['tcpport', control.tcpPort],
    ['udpport', 0],
    ['inter', tcp.length === 0 ? 'NULL' : tcp.map(({ host }) => host).join(',')],
    ['verbosity', control.verbosity],
    ['oldest', 0],
    ['evictions', config.evicts ? 'on' : 'off'],
    ['domain_socket', unix?.path ?? 'NULL'],
    ['umask', (unix?.mode ?? 0o700).toString(8)],
    ['shutdown_command', yes(config.shutdownEnabled)],
    ['growth_factor', '1.25'],
    ['chunk_size', 48],
    ['num_threads', config.threads],
    ['num_threads_per_udp', 0],
    ['stat_key_prefix', config.prefixDelimiter],
    ['detail_enabled', yes(services.detail.isOn)],
    ['reqs_per_event', config.requestsPerTurn],
    ['cas_enabled', yes(config.casEnabled)],
    ['tcp_backlog', config.backlog],
    ['binding_protocol', names[config.protocol]],
    ['auth_enabled_sasl', yes(config.sasl)],
    ['auth_enabled_ascii', config.authFile !== undefined && !config.sasl ? config.authFile : 'no'],
    ['item_size_max', config.valueBytesMax],
    ['maxconns_fast', 'yes'],
    ['hashpower_init', 0],
    ['slab_reassign', 'no'],
    ['slab_automove', 0],
    ['slab_automove_ratio', '0.80'],
    ['slab_automove_window', 30],
    ['slab_chunk_max', 524_288],
    ['lru_crawler', 'no'],
    ['lru_crawler_sleep', 100],
    ['lru_crawler_tocrawl', 0],
    ['tail_repair_time', 0],
    ['flush_enabled', yes(config.flushEnabled)],
    ['dump_enabled', yes(config.dumpEnabled)],
    ['hash_algorithm', 'xxh32'],
    ['lru_maintainer_thread', 'no'],
    ['lru_segmented', 'no'],
    ['hot_lru_pct', 0],
    ['warm_lru_pct', 0],
    ['hot_max_factor', '0.00'],
    ['warm_max_factor', '0.00'],
    ['temp_lru', 'no'],
    ['temporary_ttl', 61],
    ['idle_timeout', Math.ceil(config.idleTimeoutMs / 1000)],
    ['watcher_logbuf_size', 262_144],
    ['worker_logbuf_size', 65_536],
    ['read_buf_mem_limit', 0],
    ['track_sizes', 'no'],
    ['inline_ascii_response', 'no'],
    ['client_flags_size', 4],
    ['ssl_enabled', yes(config.tls !== undefined)],
    ...tlsLines(services),
    ...ownLines(services),
  ];
}
