// `-o`: memcached's list of named options. Only TLS and the idle timeout have an effect here. The other options tune
// slabs and LRUs that we do not have; they are accepted and reported. Options that memcached lacks too are refused.

import { suggestion } from '../nearest-name.js';
import type { Exit } from './flags.js';
import { usageExit } from './flags.js';

export interface TlsConfig {
  readonly chainCertPath: string;
  readonly keyPath: string;
  readonly caCertPath: string | undefined;
  /** ssl_verify_mode, 0 to 3. */
  readonly verifyMode: number;
  /** ssl_verify_mode 1 to 3: the server asks clients for a certificate and refuses a bad one. */
  readonly asksForCertificates: boolean;
  /** ssl_verify_mode 2 and 3 refuse a missing certificate too. (3, "once": no second request on an open connection.) */
  readonly clientsNeedCertificates: boolean;
  readonly ciphers: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

interface Extended {
  readonly idleTimeoutMs: number | undefined;
  readonly tls: Readonly<Record<string, string>>;
  /** Names without effect. */
  readonly ignored: readonly string[];
}

const TLS_WORDS: ReadonlySet<string> = new Set([
  'ssl_chain_cert',
  'ssl_key',
  'ssl_ca_cert',
  'ssl_verify_mode',
  'ssl_ciphers',
  'ssl_min_version',
]);

/** Options of memcached, of this release and earlier ones, that have no effect here. */
const IGNORED_WORDS: readonly string[] = (
  'maxconns_fast no_maxconns_fast hashpower no_hashexpand hash_algorithm slab_reassign no_slab_reassign ' +
  'slab_automove no_slab_automove slab_automove_version slab_automove_ratio slab_automove_window ' +
  'slab_automove_freeratio slab_chunk_max slab_sizes no_chunked_items tail_repair_time lru_crawler no_lru_crawler ' +
  'lru_crawler_sleep lru_crawler_tocrawl lru_maintainer no_lru_maintainer hot_lru_pct warm_lru_pct hot_max_factor ' +
  'warm_max_factor temporary_ttl expirezero_does_not_evict track_sizes no_track_sizes inline_ascii_resp ' +
  'inline_ascii_response no_inline_ascii_resp modern no_modern watcher_logbuf_size worker_logbuf_size ' +
  'drop_privileges no_drop_privileges relaxed_privileges resp_obj_mem_limit read_buf_mem_limit read_obj_mem_limit ' +
  'meta_response_old num_napi_ids proxy_config proxy_arg proxy_uring ssl_keyformat ssl_wbuf_size ssl_session_cache ' +
  'ssl_kernel_tls ext_page_size ext_page_count ext_wbuf_size ext_threads ext_io_depth ext_path ext_item_size ' +
  'ext_item_age ext_low_ttl ext_recache_rate ext_compact_under ext_drop_under ext_max_sleep ext_max_frag ' +
  'slab_automove_freeratio ext_drop_unread no_ext_drop_unread'
).split(' ');

/** memcached's numbers and names. Versions before TLS 1.2 are raised to it. */
const MIN_VERSIONS: ReadonlyMap<string, TlsConfig['minVersion']> = new Map([
  ['0', 'TLSv1.2'],
  ['1', 'TLSv1.2'],
  ['2', 'TLSv1.2'],
  ['tlsv1.2', 'TLSv1.2'],
  ['3', 'TLSv1.3'],
  ['tlsv1.3', 'TLSv1.3'],
]);

export function extendedOf(words: readonly string[]): Extended | Exit {
  const tls: Record<string, string> = {};
  const ignored: string[] = [];
  let idleTimeoutMs: number | undefined;
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? '' : word.slice(equals + 1);
    if (name === 'idle_timeout') {
      if (!/^\d{1,9}$/.test(value)) return usageExit('-o idle_timeout takes seconds');
      idleTimeoutMs = Number(value) * 1000;
    } else if (TLS_WORDS.has(name)) {
      if (value === '') return usageExit(`-o ${name} needs a value`);
      tls[name] = value;
    } else if (IGNORED_WORDS.includes(name)) {
      ignored.push(name);
    } else {
      const known = ['idle_timeout', ...TLS_WORDS, ...IGNORED_WORDS];
      return usageExit(`-o has no option '${name}'${suggestion(name, known)}`);
    }
  }
  return { idleTimeoutMs, tls, ignored };
}

/** Returns the refusal of TLS options without -Z: whoever gives them believes that the connections are encrypted. */
export function tlsWithoutZ({ tls, ignored }: Extended): string | undefined {
  const name = Object.keys(tls)[0] ?? ignored.find((word) => word.startsWith('ssl_'));
  return name === undefined ? undefined : `-o ${name} needs -Z, without which nothing is encrypted`;
}

export function tlsOf(words: Readonly<Record<string, string>>): TlsConfig | Exit {
  const { ssl_chain_cert: chainCertPath, ssl_key: keyPath } = words;
  if (chainCertPath === undefined || keyPath === undefined) {
    return usageExit('-Z needs -o ssl_chain_cert=<file>,ssl_key=<file>');
  }
  const verifyMode = Number(words['ssl_verify_mode'] ?? 0);
  if (![0, 1, 2, 3].includes(verifyMode)) return usageExit('-o ssl_verify_mode is 0, 1, 2 or 3');
  const caCertPath = words['ssl_ca_cert'];
  if (verifyMode !== 0 && caCertPath === undefined) {
    // Without ssl_ca_cert, a certificate of any public authority would be accepted.
    return usageExit(
      '-o ssl_verify_mode needs ssl_ca_cert=<file>, the authority of the client certificates',
    );
  }
  const minVersion = MIN_VERSIONS.get(words['ssl_min_version'] ?? '2');
  if (minVersion === undefined) {
    return usageExit('-o ssl_min_version is 2 (tlsv1.2) or 3 (tlsv1.3)');
  }
  return {
    chainCertPath,
    keyPath,
    caCertPath,
    verifyMode,
    asksForCertificates: verifyMode > 0,
    clientsNeedCertificates: verifyMode > 1,
    ciphers: words['ssl_ciphers'],
    minVersion,
  };
}
