// Monitors read `stats`: the rules and names of prometheus' memcached_exporter, and the names that phpMemcachedAdmin shows.
// memcached beside Cairn shows that the rules are theirs.

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { describeServers } from '../support/servers.js';
import { TestClient } from '../support/test-server.js';

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Without these names the exporter reports the server as down. */
const REQUIRED = words('cmd_set cas_misses cas_hits cas_badval');
const READ = words(`
  uptime time get_hits get_misses delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses
  touch_hits touch_misses cmd_flush rusage_user rusage_system bytes limit_maxbytes curr_items total_items
  bytes_read bytes_written curr_connections total_connections rejected_connections conn_yields
  listen_disabled_num accepting_conns evictions reclaimed store_too_large store_no_memory`);
/** Names that are read when there is an LRU crawler or an extstore. */
const READ_IF = words(`
  lru_crawler_starts crawler_items_checked crawler_reclaimed moves_to_cold moves_to_warm moves_within_lru
  direct_reclaims`);
const EXTSTORE = words(`
  compact_lost compact_rescues compact_skipped page_allocs page_evictions page_reclaims pages_free pages_used
  objects_evicted objects_read objects_written objects_used bytes_evicted bytes_written bytes_read bytes_used
  bytes_fragmented io_queue`).map((name) => `extstore_${name}`);
const SLAB = words(`
  chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end mem_requested
  get_hits delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits cmd_set`);
const ITEM = words(`
  number age crawler_reclaimed evicted evicted_nonzero evicted_time evicted_unfetched expired_unfetched
  outofmemory reclaimed tailrepairs mem_requested moves_to_cold moves_to_warm moves_within_lru number_hot
  number_warm number_cold age_hot age_warm hits_to_hot hits_to_warm hits_to_cold hits_to_temp`);
const CRAWLER = words(`
  lru_crawler_sleep lru_crawler_tocrawl lru_maintainer_thread hot_lru_pct warm_lru_pct hot_max_factor
  warm_max_factor`);
/** The names on phpMemcachedAdmin's pages. */
const SHOWN = {
  stats: words(`
    pid uptime time version pointer_size rusage_user rusage_system curr_connections total_connections
    connection_structures cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses delete_hits delete_misses
    incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits touch_misses
    auth_cmds auth_errors bytes_read bytes_written limit_maxbytes threads conn_yields accepting_conns
    listen_disabled_num hash_power_level hash_bytes hash_is_expanding expired_unfetched evicted_unfetched
    bytes curr_items total_items evictions reclaimed reserved_fds`),
  settings: words(`
    maxbytes maxconns tcpport udpport inter verbosity oldest evictions domain_socket umask growth_factor
    chunk_size num_threads stat_key_prefix detail_enabled reqs_per_event cas_enabled tcp_backlog
    binding_protocol auth_enabled_sasl item_size_max maxconns_fast hashpower_init`),
};

/** All names of memcached's own `stats`. */
const MEMCACHED = new Set([
  ...REQUIRED,
  ...READ,
  ...READ_IF,
  ...EXTSTORE,
  ...SHOWN.stats,
  ...words(`
    libevent max_connections response_obj_oom response_obj_count response_obj_bytes read_buf_count
    read_buf_bytes read_buf_bytes_free read_buf_oom cmd_meta get_expired get_flushed time_in_listen_disabled_us
    slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim slab_reassign_busy_items
    slab_reassign_busy_deletes slab_reassign_busy_nomem slab_reassign_last_busy_status slab_reassign_running
    slabs_moved lru_crawler_running lru_maintainer_juggles malloc_fails log_worker_dropped log_worker_written
    log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids round_robin_fallback
    slab_global_page_pool evicted_active lrutail_reflocked lru_bumps_dropped noreply_writes noreply_failed
    extstore_compact_cas extstore_limit_maxbytes`),
]);

/** Reads like the exporter's client: `STAT name value` lines to END; it leaves out a line with more words. */
async function ask(client: TestClient, request: string): Promise<Map<string, string>> {
  client.send(`${request}\r\n`);
  const text = await client.until('END\r\n');
  expect(text.endsWith('END\r\n'), `${request}: an answer without END is waited for`).to.equal(
    true,
  );
  const found = new Map<string, string>();
  for (const line of text.split('\r\n').slice(0, -2)) {
    const [stat, name = '', ...values] = line.split(' ');
    expect(stat, line).to.equal('STAT');
    if (request === 'stats settings') expect(values.length, line).to.be.at.most(2);
    if (values.length === 1) found.set(name, values[0]!);
  }
  return found;
}

function number(stats: ReadonlyMap<string, string>, name: string): number {
  const value = stats.get(name);
  expect(value, name).to.not.equal(undefined);
  const read = Number(value);
  expect(read, `${name} ${value}`).to.satisfy(Number.isFinite);
  return read;
}

/** Groups `items:1:number` and `1:chunk_size` by their class. */
function byClass(stats: ReadonlyMap<string, string>): Map<string, Map<string, string>> {
  const classes = new Map<string, Map<string, string>>();
  for (const [name, value] of stats) {
    const [, id, rest] = /^(?:items:)?(\d+):(.+)$/.exec(name) ?? [];
    if (id === undefined || rest === undefined) continue;
    const own = classes.get(id) ?? new Map<string, string>();
    classes.set(id, own.set(rest, value));
  }
  return classes;
}

describeServers('monitoring', (server) => {
  let client: TestClient;

  before(async () => {
    const socket = connect({ port: server.port(), host: '127.0.0.1' });
    await once(socket, 'connect');
    client = new TestClient(socket);
    for (const request of ['set a 0 0 5\r\nvalue', 'set n 0 0 1\r\n1', 'incr n 1', 'delete none']) {
      client.send(`${request}\r\n`);
      await client.until('\r\n');
    }
    await client.ask('get none\r\n', 'END\r\n');
  });
  after(() => client.socket.destroy());

  it('the exporter reads stats, slabs, items and settings on one connection', async () => {
    const stats = await ask(client, 'stats');
    for (const name of stats.keys()) {
      const [first = '', ...more] = name.split(':');
      if (more.length > 0)
        expect(Number.isInteger(Number(first)), `${name}: no slab`).to.equal(true);
    }
    for (const name of [...REQUIRED, ...READ]) number(stats, name);
    for (const name of READ_IF) if (stats.has(name)) number(stats, name);
    for (const name of ['rusage_user', 'rusage_system']) {
      expect(stats.get(name), name).to.match(/^\d+\.\d{6}$/);
    }
    if (stats.has('extstore_limit_maxbytes')) for (const name of EXTSTORE) number(stats, name);
    // memcached_commands_total{command="set"} is the rest of cmd_set.
    const cas =
      number(stats, 'cas_hits') + number(stats, 'cas_misses') + number(stats, 'cas_badval');
    expect(number(stats, 'cmd_set') - cas).to.equal(2);
    expect([number(stats, 'get_misses'), number(stats, 'delete_misses')]).to.deep.equal([1, 1]);
    expect([number(stats, 'incr_hits'), number(stats, 'curr_items')]).to.deep.equal([1, 2]);

    const slabs = await ask(client, 'stats slabs');
    number(slabs, 'total_malloced');
    number(slabs, 'active_slabs');
    expect(byClass(slabs).size).to.be.at.least(1);
    for (const slab of byClass(slabs).values()) {
      for (const name of SLAB) if (server.kind === 'cairn' || slab.has(name)) number(slab, name);
      for (const name of words('cmd_set cas_hits cas_badval')) number(slab, name);
    }
    const items = await ask(client, 'stats items');
    for (const item of byClass(items).values()) {
      for (const name of ITEM) if (server.kind === 'cairn' || item.has(name)) number(item, name);
    }
    const settings = await ask(client, 'stats settings');
    number(settings, 'maxconns');
    if (settings.get('lru_crawler') === 'yes') {
      for (const name of CRAWLER.filter((each) => each !== 'lru_maintainer_thread')) {
        number(settings, name);
      }
      expect(settings.get('lru_maintainer_thread')).to.match(/^(?:yes|no)$/);
    }
  });

  it('phpMemcachedAdmin finds every name that it shows', async () => {
    const stats = await ask(client, 'stats');
    expect(SHOWN.stats.filter((name) => !stats.has(name))).to.deep.equal([]);
    const settings = await ask(client, 'stats settings');
    expect(SHOWN.settings.filter((name) => !settings.has(name))).to.deep.equal([]);
  });

  if (server.kind === 'cairn') {
    it('extstore_* describes the log, and our own names begin with kv_', async () => {
      const stats = await ask(client, 'stats');
      for (const name of [...EXTSTORE, ...READ_IF]) number(stats, name);
      expect(number(stats, 'extstore_bytes_used')).to.be.greaterThan(0);
      expect(number(stats, 'extstore_objects_used')).to.equal(2);
      const own = [...stats.keys()].filter((name) => !MEMCACHED.has(name));
      expect(own).to.include('kv_version');
      expect(own.filter((name) => !name.startsWith('kv_'))).to.deep.equal([]);
      expect([...stats.keys()].filter((name) => name.includes(':'))).to.deep.equal([]);
    });
  }
});
