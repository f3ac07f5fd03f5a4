// `stats` as clients and monitors read it: the exact names of memcached, all zero at first, and the rules of the
// Prometheus exporter.

import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { idleSecondsOf } from '../../../src/server/peer.js';
import { packet, setExtras } from '../../support/binary-packets.js';
import { TestClient } from '../../support/test-server.js';
import { serversOf } from '../../support/test-server-hooks.js';
import { removeFolder } from '../../support/remove-folder.js';

type Pairs = Record<string, string>;

async function stats(client: TestClient, words = ''): Promise<Pairs> {
  client.send(`stats${words}\r\n`);
  const text = await client.until('END\r\n');
  const lines = text.split('\r\n').filter((line) => line.startsWith('STAT '));
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', ...rest] = line.split(' ');
      return [name, rest.join(' ')];
    }),
  );
}

const MEMCACHED_NAMES = `
  pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
  curr_connections total_connections rejected_connections connection_structures response_obj_oom
  response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free read_buf_oom
  reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired get_flushed
  delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
  touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written
  limit_maxbytes accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields
  hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues slab_reassign_chunk_rescues
  slab_reassign_inline_reclaim slab_reassign_busy_items slab_reassign_busy_deletes
  slab_reassign_busy_nomem slab_reassign_last_busy_status slab_reassign_running slabs_moved malloc_fails
  log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent log_watchers
  unexpected_napi_ids round_robin_fallback bytes curr_items total_items slab_global_page_pool
  expired_unfetched evicted_unfetched evictions reclaimed crawler_reclaimed crawler_items_checked
  lrutail_reflocked`
  .trim()
  .split(/\s+/);

const SLAB_NAMES = `chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks
  free_chunks_end mem_requested get_hits delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits
  cmd_set`.split(/\s+/);

describe('stats', () => {
  const start = serversOf();

  it('has every name of memcached, and every counter is zero on the first connection', async () => {
    const client = await (await start()).connect();
    const first = await stats(client);
    expect(Object.keys(first)).to.include.members(MEMCACHED_NAMES);
    const counters = MEMCACHED_NAMES.filter((name) =>
      /^(cmd_|get_|delete_|incr_|decr_|cas_|touch_|store_|auth_|bytes_written|curr_items|total_items|evictions|rejected)/.test(
        name,
      ),
    );
    for (const name of counters) expect(first[name], name).to.equal('0');
    expect(first['accepting_conns']).to.equal('1');
    expect(first['curr_connections']).to.equal('1');
    expect(first['total_connections']).to.equal('1');
    expect(first['pid']).to.equal(String(process.pid));
    expect(first['version']).to.match(/^1\.6\.\d+$/);
    expect(Number(first['uptime'])).to.be.greaterThan(0);
  });

  it("keeps the exporter's rules for numbers, six digits of rusage, colons and spaces", async () => {
    const client = await (await start()).connect();
    for (const [name, value] of Object.entries(await stats(client))) {
      expect(name).to.match(/^[a-z][\w]*$/);
      expect(value, name).to.match(/^\S+$/);
      if (name === 'version' || name === 'libevent' || name === 'kv_version') continue;
      expect(Number(value), name).to.satisfy(Number.isFinite);
      if (name.startsWith('rusage')) expect(value).to.match(/^\d+\.\d{6}$/);
    }
    const settings = Object.entries(await stats(client, ' settings'));
    expect(settings).to.have.length.above(20);
    for (const [name, value] of settings) {
      expect(value, name).to.match(/^\S+$/);
    }
  });

  it('counts hits and misses of every command', async () => {
    const client = await (await start()).connect();
    const run =
      'set a 0 0 1\r\n1\r\nget a b\r\nincr a 1\r\nincr b 1\r\ndecr a 1\r\ndecr b 1\r\n' +
      'touch a 0\r\ntouch b 0\r\ngat 0 a b\r\ncas a 0 0 1 99999\r\n1\r\ncas b 0 0 1 1\r\n1\r\n' +
      'delete a\r\ndelete a\r\nflush_all\r\nmg a v\r\nmn\r\n';
    client.send(run);
    await client.until('MN\r\n');
    const counted = await stats(client);
    expect(counted).to.include({
      cmd_set: '3',
      cmd_get: '5',
      get_hits: '1',
      get_misses: '2',
      incr_hits: '1',
      incr_misses: '1',
      decr_hits: '1',
      decr_misses: '1',
      cmd_touch: '4',
      touch_hits: '2',
      touch_misses: '2',
      cas_badval: '1',
      cas_misses: '1',
      delete_hits: '1',
      delete_misses: '1',
      cmd_flush: '1',
      cmd_meta: '2',
    });
  });

  it('counts in noreply_writes every unanswered write, in all three protocols', async () => {
    const { connect } = await start();
    const [client, binary] = [await connect(), await connect()];
    client.send('set a 0 0 1 noreply\r\nx\r\nincr a 1 noreply\r\nms b 1 q\r\nx\r\n');
    expect(await client.ask('md none q\r\nmn\r\n', 'NF\r\nMN\r\n')).to.equal('NF\r\nMN\r\n');
    const quiet = packet(0x11, { key: 'c', value: 'x', extras: setExtras(0, 0) });
    const refused = packet(0x12, { key: 'c', value: 'x', extras: setExtras(0, 0) });
    binary.send(Buffer.concat([quiet, refused]).toString('latin1'));
    expect(await binary.take(24 + 'Data exists for key.'.length)).to.match(
      /Data exists for key\.$/,
    );
    expect(await stats(client)).to.include({ noreply_writes: '4', noreply_failed: '1' });
  });

  it('zeroes the counters and keeps the items on reset', async () => {
    const client = await (await start()).connect();
    await client.ask('set a 0 0 1\r\n1\r\nget a\r\n', 'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n');
    expect(await client.ask('stats reset\r\n', 'RESET\r\n')).to.equal('RESET\r\n');
    expect(await stats(client)).to.include({ cmd_get: '0', cmd_set: '0', curr_items: '1' });
  });

  it('counts expired and flushed misses separately', async () => {
    let nowMs = 1_800_000_000_000;
    const client = await (await start({ nowMs: () => nowMs })).connect();
    await client.ask('set a 0 10 1\r\n1\r\nset b 0 0 1\r\n1\r\n', 'STORED\r\nSTORED\r\n');
    nowMs += 10_000;
    await client.ask('get a\r\nflush_all\r\nget b\r\n', 'END\r\nOK\r\nEND\r\n');
    expect(await stats(client)).to.include({ get_expired: '1', get_flushed: '1', get_misses: '2' });
  });

  it('shows the values of the flags in settings', async () => {
    const argv = ['-c', '77', '-M', '-F', '-A', '-b', '12', '-I', '2m', '-B', 'ascii', '-m', '100'];
    const client = await (await start({ argv })).connect();
    expect(await stats(client, ' settings')).to.include({
      maxbytes: String(100 * 2 ** 20),
      maxconns: '77',
      domain_socket: 'NULL',
      evictions: 'off',
      flush_enabled: 'no',
      shutdown_command: 'yes',
      tcp_backlog: '12',
      item_size_max: String(2 ** 21),
      binding_protocol: 'ascii',
      cas_enabled: 'yes',
      auth_enabled_sasl: 'no',
      client_flags_size: '4',
    });
  });

  it('shows one class for everything in items and slabs, and END alone in items while it is empty', async () => {
    const client = await (await start()).connect();
    expect(await client.ask('stats items\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(await stats(client, ' slabs')).to.include({ active_slabs: '0', total_malloced: '0' });
    await client.ask('set a 0 0 1\r\n1\r\n', 'STORED\r\n');
    expect(await stats(client, ' items')).to.include({ 'items:1:number': '1' });
    const slabs = await stats(client, ' slabs');
    expect(Object.keys(slabs)).to.include.members([
      ...SLAB_NAMES.map((name) => `1:${name}`),
      'active_slabs',
      'total_malloced',
    ]);
  });

  it('shows in conns the listener first, and a connection in its value as conn_nread', async () => {
    const server = await start();
    const [slow, client] = [await server.connect(), await server.connect()];
    slow.send('set a 0 0 10\r\nab');
    let shown: Pairs;
    do shown = await stats(client, ' conns');
    while (shown['1:state'] !== 'conn_nread' && shown['2:state'] !== 'conn_nread');
    expect(Object.entries(shown)[0]).to.deep.equal(['0:addr', `tcp:127.0.0.1:${server.port}`]);
    expect(shown['0:state']).to.equal('conn_listening');
    expect(Object.values(shown)).to.include('conn_parse_cmd');
    expect(shown['1:listen_addr']).to.equal(`tcp:127.0.0.1:${server.port}`);
    expect(shown['1:secs_since_last_cmd']).to.match(/^\d+$/);
  });

  it('shows in conns the path of a unix socket as the address of its client and of its listener', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-conns-'));
    const path = join(dir, 's');
    await start({ argv: ['-s', path] });
    const client = new TestClient(connect(path));
    const shown = await stats(client, ' conns');
    client.socket.destroy();
    removeFolder(dir);
    expect(shown['1:addr']).to.equal(`unix:${path}`);
    expect(shown['1:listen_addr']).to.equal(`unix:${path}`);
  });

  it('counts a second of silence in conns from its beginning', () => {
    const shown = [0, 1, 999, 1000, 1001, 2500].map(idleSecondsOf);
    expect(shown).to.deep.equal([0, 1, 1, 1, 2, 3]);
  });

  it('has the names of TLS in settings without TLS', async () => {
    const client = await (await start()).connect();
    expect(await stats(client, ' settings')).to.include({
      ssl_enabled: 'no',
      ssl_chain_cert: 'NULL',
      ssl_key: 'NULL',
      ssl_verify_mode: '0',
      ssl_keyformat: '1',
      ssl_ciphers: 'NULL',
      ssl_ca_cert: 'NULL',
      ssl_wbuf_size: '16384',
      ssl_session_cache: 'no',
      ssl_min_version: 'tlsv1.2',
      time_since_server_cert_refresh: '0',
    });
  });

  for (const [argv, before, after] of [
    [[], 64, 100],
    [['-m', '32'], 32, 100],
    [['--memcached-limits'], 64, 100],
    [['--max-bytes', '10g'], 10_240, 10_240],
  ] as const) {
    it(`shows cache_memlimit in limit_maxbytes unless --max-bytes is set (${argv.join(' ')})`, async () => {
      const client = await (await start({ argv })).connect();
      const limits = async (): Promise<number[]> => {
        const shown = [(await stats(client))['limit_maxbytes']];
        shown.push((await stats(client, ' settings'))['maxbytes']);
        return shown.map((bytes) => Number(bytes) / 2 ** 20);
      };
      expect(await limits()).to.deep.equal([before, before]);
      expect(await client.ask('cache_memlimit 100\r\n', 'OK\r\n')).to.equal('OK\r\n');
      expect(await limits()).to.deep.equal([after, after]);
    });
  }

  for (const [sent, reply] of [
    ['stats bogus', 'ERROR'],
    ['stats noreply', 'ERROR'],
    ['stats sizes', 'STAT sizes_status disabled\r\nEND'],
    ['stats detail', 'CLIENT_ERROR usage: stats detail on|off|dump'],
    ['stats detail foo', 'CLIENT_ERROR usage: stats detail on|off|dump'],
    ['stats cachedump', 'CLIENT_ERROR bad command line'],
    ['stats cachedump abc 1', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 1 abc', 'CLIENT_ERROR bad command line format'],
    ['stats cachedump 1 0', 'END'],
    ['stats cachedump 255 0', 'CLIENT_ERROR Illegal slab id'],
    ['lru_crawler metadump all', 'END'],
    ['lru_crawler mgdump all', 'EN'],
    ['watch foo', 'ERROR'],
    ['shutdown', 'SERVER_ERROR: shutdown not enabled'],
    ['verbosity 1', 'OK'],
    ['cache_memlimit 1', 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m'],
    ['cache_memlimit 100', 'OK'],
    ['version', 'VERSION 1.6.45'],
    ['mn', 'MN'],
  ] as const) {
    it(`answers ${sent}`, async () => {
      const client = await (await start()).connect();
      expect(await client.ask(`${sent}\r\n`, `${reply}\r\n`)).to.equal(`${reply}\r\n`);
    });
  }

  it('counts by prefix in detail while that is on', async () => {
    const client = await (await start()).connect();
    const run =
      'stats detail on\r\nset foo:a 0 0 1\r\n1\r\nget foo:a foo:b\r\ndelete foo:b\r\nget bar\r\nstats detail dump\r\n';
    const expected =
      'OK\r\nSTORED\r\nVALUE foo:a 0 1\r\n1\r\nEND\r\nNOT_FOUND\r\nEND\r\nPREFIX foo get 2 hit 1 set 1 del 1\r\nEND\r\n';
    expect(await client.ask(run, expected)).to.equal(expected);
    await client.ask('stats reset\r\n', 'RESET\r\n');
    expect(await client.ask('stats detail dump\r\n', 'END\r\n')).to.equal('END\r\n');
  });

  it('lists every key once, page by page, in cachedump, metadump, mgdump and keys', async () => {
    const { connect } = await start();
    const client = await connect();
    const count = 300;
    const names = Array.from({ length: count }, (_, at) => `key-${at}`);
    client.send(names.map((name) => `set ${name} 0 0 1\r\n1\r\n`).join(''));
    await client.take(count * 8);
    const listed = async (command: string, end: string, pattern: RegExp): Promise<string[]> => {
      client.send(`${command}\r\n`);
      const text = await client.until(end);
      return [...text.matchAll(pattern)].map(([, name = '']) => name).sort();
    };
    const sorted = names.toSorted();
    expect(
      await listed('stats cachedump 1 0', 'END\r\n', /^ITEM (\S+) \[\d+ b; 0 s\]\r$/gm),
    ).to.deep.equal(sorted);
    expect(
      await listed(
        'lru_crawler metadump all',
        'END\r\n',
        /^key=(\S+) exp=-1 la=\d+ cas=\d+ fetch=no cls=1 size=\d+$/gm,
      ),
    ).to.deep.equal(sorted);
    expect(await listed('lru_crawler mgdump all', 'EN\r\n', /^mg (\S+)\r$/gm)).to.deep.equal(
      sorted,
    );
    expect(await listed('keys key-', 'END\r\n', /^KEY (\S+)\r$/gm)).to.deep.equal(sorted);
    expect(await listed('keys key-29', 'END\r\n', /^KEY (\S+)\r$/gm)).to.have.length(11);
    expect(await listed('stats cachedump 1 7', 'END\r\n', /^ITEM (\S+)/gm)).to.have.length(7);
  });

  it('sends watchers mutations when these are durable, and fetches', async () => {
    const { connect, store } = await start({ held: true });
    const [watcher, client] = [await connect(), await connect()];
    await watcher.ask('watch mutations fetchers\r\n', 'OK\r\n');
    client.send('set a 0 0 1\r\n1\r\n');
    await client.ask('', '');
    while (store.durability.lastSeq === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(watcher.received).to.equal('');
    store.commits.release();
    expect(await watcher.until('\n')).to.match(
      /^ts=\d+\.\d{6} gid=1 type=item_store key=a status=stored cmd=set ttl=0 clsid=1 cfd=\d+ size=1\n$/,
    );
    client.send('get nokey\r\n');
    expect(await watcher.until('\n')).to.contain('type=item_get key=nokey status=not_found');
  });

  it('sends watchers large values, cas and TTLs too, and the reason of a miss', async () => {
    let nowMs = 1_800_000_000_000;
    const { connect } = await start({ nowMs: () => nowMs, inlineBytes: 10 });
    const [watcher, client] = [await connect(), await connect()];
    await watcher.ask('watch mutations fetchers\r\n', 'OK\r\n');
    const told = async (request: string): Promise<string> => {
      client.send(request);
      return (await watcher.until('\n'))
        .replace(/^ts=\S+ gid=\d+ /, '')
        .replace(/cfd=\d+/, 'cfd=#');
    };
    expect(await told('set big 0 90 20\r\n12345678901234567890\r\n')).to.equal(
      'type=item_store key=big status=stored cmd=set ttl=90 clsid=1 cfd=# size=20\n',
    );
    expect(await told('get big\r\n')).to.equal(
      'type=item_get key=big status=found clsid=1 cfd=# size=20\n',
    );
    expect(await told('cas big 0 0 1 77\r\nx\r\n')).to.equal(
      'type=item_store key=big status=exists cmd=cas ttl=0 clsid=1 cfd=# size=1\n',
    );
    nowMs += 91_000;
    expect(await told('get big\r\n')).to.equal(
      'type=item_get key=big status=expired clsid=0 cfd=# size=0\n',
    );
  });
});
