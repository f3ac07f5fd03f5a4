// Page: its paths over a store in memory: access, the data of keys, and changes.

import fs, { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { readConfig } from '../../../../src/config/config.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { HttpListener } from '../../../../src/http/listener.js';
import type { KeyPage, LiveEvent, SizesEvent } from '../../../../src/http/page/wire.js';
import type { Store } from '../../../../src/store/store.js';
import { askHttp, eventsOf, pageFiles, postJson } from '../../../support/http-client.js';
import { MemoryStore } from '../../../support/memory-store.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

const TOKEN = '0123456789abcdef';
const text = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('base64url');

function put(store: MemoryStore, key: string, value: string | Buffer, expiresAt = 0): void {
  const bytes = Buffer.from(value);
  store.put({ mode: 'set', key: Buffer.from(key, 'latin1'), value: bytes, flags: 7, expiresAt });
}

async function keysOf(url: string, query = ''): Promise<KeyPage> {
  return JSON.parse((await askHttp(`${url}/page/keys${query}`)).body) as KeyPage;
}

describe('Page', () => {
  const open: HttpListener[] = [];
  afterEach(() => {
    for (const listener of open.splice(0)) listener.close();
  });

  /** Serves `store` and returns its address. */
  async function serve(store: Store | undefined, ...argv: string[]): Promise<string> {
    const config = readConfig(['--http', '-1', ...argv], {}, '0.0.0');
    if ('code' in config) throw new Error(config.stderr);
    const listener = await HttpListener.listen(nodeEnv(new QuietLogger()), config);
    open.push(listener);
    const connection = { id: 1, address: 'tcp:1', listenAddress: 'tcp:2', idleSeconds: 3 };
    const describeConnections = () => [{ ...connection, state: 'conn_read' }].values();
    if (store !== undefined)
      listener.serves(store, { statLines: () => [['kv_version', '1.2.3']], describeConnections });
    return listener.addresses[0] ?? '';
  }

  it('serves the shell and its files with a policy that allows nothing else, also before the log is read', async () => {
    const url = await serve(undefined);
    const shell = await askHttp(`${url}/`);
    expect(shell.status).to.equal(200);
    expect(shell.headers['content-type']).to.match(/^text\/html/);
    expect(shell.headers['content-security-policy']).to.equal(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    const files = await pageFiles(url);
    expect([...files.keys()]).to.include.members(['/page/uplot.js', '/page/page.css']);
    expect([...files].filter(([, status]) => status !== 200)).to.deep.equal([]);
    for (const path of ['/page/wire.js', '/page/tsconfig.json', '/page/../listener.js']) {
      expect((await askHttp(url + path)).status, path).to.equal(404);
    }
    expect((await askHttp(`${url}/page/keys`)).status).to.equal(503);
  });

  it('serves its files while the files of the package are replaced', async () => {
    const url = await serve(undefined);
    const { readFileSync } = fs;
    fs.readFileSync = () => {
      throw new Error('ENOENT');
    };
    try {
      expect((await askHttp(`${url}/page/theme.js`)).status).to.equal(200);
    } finally {
      fs.readFileSync = readFileSync;
    }
  });

  it('pages through the keys, gives each once, and finds the keys of a prefix', async () => {
    const store = new MemoryStore();
    for (let n = 0; n < 170; n += 1) put(store, `${n % 10 === 0 ? 'rare:' : 'many:'}${n}`, 'v');
    const url = await serve(store);
    const seen: string[] = [];
    let cursor = 0;
    do {
      const page = await keysOf(url, `?cursor=${cursor}`);
      expect(page.keys.length).to.be.at.most(50);
      seen.push(...page.keys.map(({ key }) => key));
      ({ cursor } = page);
    } while (cursor !== 0);
    expect(new Set(seen).size).to.equal(170);
    expect(seen).to.have.length(170);
    const rare = await keysOf(url, '?prefix=rare:');
    expect(rare.keys).to.have.length(17);
    expect(rare).to.include({ cursor: 0, isPart: false });
    expect((await askHttp(`${url}/page/keys?cursor=x`)).status).to.equal(400);
  });

  it('shows nothing that a crash could take back', async () => {
    const store = new MemoryStore({ held: true });
    put(store, 'k', 'v');
    const url = await serve(store);
    let isTold = false;
    const asked = [keysOf(url), postJson(`${url}/page/value`, { key: text('k') })];
    for (const each of asked) void each.then(() => (isTold = true));
    expect((await askHttp(`${url}/livez`)).status).to.equal(200);
    expect(isTold).to.equal(false);
    store.commits.release();
    await Promise.all(asked);
  });

  it('shows the value of any key, cuts large ones and gives their size, and counts no use of the item', async () => {
    const store = new MemoryStore({ inlineBytes: 100_000, nowMs: () => 1_000_000 });
    put(store, '\xff\0k', 'v', 1_060_000);
    put(store, 'long', 'x'.repeat(90_000));
    put(store, 'large', 'y'.repeat(200_000));
    const url = await serve(store);
    const valueOf = async (key: string): Promise<Record<string, unknown>> =>
      JSON.parse((await postJson(`${url}/page/value`, { key: text(key) })).body);
    expect(await valueOf('\xff\0k')).to.deep.equal({
      flags: 7,
      cas: '1',
      ttl: 60,
      bytes: 1,
      value: text('v'),
    });
    expect(await valueOf('long')).to.include({ bytes: 90_000, value: text('x'.repeat(65_536)) });
    expect(await valueOf('large')).to.include({ bytes: 200_000, value: text('y'.repeat(65_536)) });
    expect(store.list(0, 10).entries.some(({ fetched }) => fetched)).to.equal(false);
    expect((await postJson(`${url}/page/value`, { key: text('none') })).status).to.equal(404);
    store.damaged.add('long');
    expect((await postJson(`${url}/page/value`, { key: text('long') })).status).to.equal(500);
    for (const key of ['', '?', 7]) {
      expect((await postJson(`${url}/page/value`, { key })).status, String(key)).to.equal(400);
    }
  });

  it('makes no backup without --http-backup, and says why kv-backup failed', async () => {
    const refused = await postJson(`${await serve(new MemoryStore())}/page/backup`, {});
    expect(refused.status).to.equal(403);
    expect(refused.body).to.contain('--http-backup');
    const nowhere = join(temporaryFolder(), 'none');
    const url = await serve(new MemoryStore(), '--data', nowhere, '--http-backup', `${nowhere}-2`);
    expect((await postJson(`${url}/page/backup`, {})).status).to.equal(200);
    for await (const event of eventsOf(`${url}/page/live`)) {
      const [job] = (event as LiveEvent & { kind: 'log' }).log?.jobs ?? [];
      if (job?.state !== 'failed') continue;
      expect(job.error).to.contain('There is no such directory');
      return;
    }
    throw new Error('Nobody told of the failed backup');
  });

  it('sets and deletes only with --http-write, and only an item that is unchanged since it was seen', async () => {
    const store = new MemoryStore({ nowMs: () => 1_000_000 });
    const refusing = await serve(store);
    const set = { key: text('k'), value: text('v'), flags: 3, ttl: 9 };
    for (const path of ['set', 'delete']) {
      const refused = await postJson(`${refusing}/page/${path}`, set);
      expect(refused.status).to.equal(403);
      expect(refused.body).to.contain('--http-write');
    }
    expect(store.list(0, 10).entries).to.deep.equal([]);
    const url = await serve(store, '--http-write');
    const statusOf = async (path: string, fields: object): Promise<string> =>
      (JSON.parse((await postJson(`${url}/page/${path}`, fields)).body) as { status: string })
        .status;
    expect(await statusOf('set', set)).to.equal('stored');
    expect(store.list(0, 10).entries[0]).to.include({ expiresAt: 1_009_000, cas: 1n });
    expect(await statusOf('set', { ...set, isNew: true })).to.equal('not-stored');
    expect(await statusOf('set', { ...set, cas: '5' })).to.equal('exists');
    expect(await statusOf('set', { ...set, cas: '1' })).to.equal('stored');
    expect(await statusOf('delete', { key: text('k'), cas: '1' })).to.equal('exists');
    expect(await statusOf('delete', { key: text('k'), cas: '2' })).to.equal('deleted');
  });

  it('refuses an item that cannot be set', async () => {
    const url = await serve(new MemoryStore(), '--http-write', '-I', '2k');
    const good = { key: text('k'), value: text('v') };
    const wrong: readonly object[] = [
      { key: '' },
      { key: text('a b') },
      { key: text('x'.repeat(251)) },
      { value: text('x'.repeat(2049)) },
      { value: 7 },
      { flags: -1 },
      { flags: 2 ** 32 },
      { ttl: 0.5 },
      { cas: 'x' },
      { cas: '18446744073709551616' },
    ];
    for (const each of wrong) {
      const answer = await postJson(`${url}/page/set`, { ...good, ...each });
      expect(answer.status, JSON.stringify(each).slice(0, 60)).to.equal(400);
    }
    const statusOf = async (body: string): Promise<number> => {
      const options = { method: 'POST', headers: { origin: url } };
      return (await askHttp(`${url}/page/set`, options, body)).status;
    };
    for (const body of ['', 'x', '[]', 'null', '7']) {
      expect(await statusOf(body), body).to.equal(400);
    }
    expect(await statusOf(' '.repeat(1024 * 1024 * 2))).to.equal(413);
  });

  it('takes no requests of another site’s page, by Host, Origin and Sec-Fetch-Site', async () => {
    const store = new MemoryStore();
    const url = await serve(store, '--http-write');
    const fields = { key: text('k'), value: text('v') };
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await postJson(`${url}/page/set`, fields, headers)).status;
    expect(await statusOf({ origin: 'http://evil.example' })).to.equal(403);
    expect(await statusOf({ origin: 'null' })).to.equal(403);
    expect(await statusOf({ origin: 'http://evil.example', host: 'evil.example' })).to.equal(421);
    expect(store.list(0, 10).entries).to.deep.equal([]);
    const bare = await askHttp(`${url}/page/set`, { method: 'POST' }, JSON.stringify(fields));
    expect(bare.status).to.equal(403);
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site };
      expect((await askHttp(`${url}/page/sizes`, { headers })).status).to.equal(403);
      expect((await askHttp(`${url}/page/live`, { headers })).status).to.equal(403);
      const navigation = { ...headers, 'sec-fetch-mode': 'navigate' };
      for (const [dest, status] of Object.entries({ document: 200, iframe: 403, embed: 403 })) {
        const options = { headers: { ...navigation, 'sec-fetch-dest': dest } };
        expect((await askHttp(`${url}/livez`, options)).status, dest).to.equal(status);
      }
    }
    const headers = { 'sec-fetch-site': 'same-origin' };
    expect((await askHttp(`${url}/page/keys`, { headers })).status).to.equal(200);
    expect((await askHttp(`${url}/page/set`)).status).to.equal(405);
    expect((await postJson(`${url}/page/keys`, {})).status).to.equal(413);
    expect(await statusOf({})).to.equal(200);
  });

  it('wants the token for keys and actions on loopback too when clients have to log in', async () => {
    const dir = temporaryFolder();
    const [users, tokenFile] = [join(dir, 'users'), join(dir, 'token')];
    writeFileSync(users, 'name:password\n');
    writeFileSync(tokenFile, TOKEN);
    const url = await serve(new MemoryStore(), '-Y', users, '--http-token-file', tokenFile);
    for (const headers of [{}, { authorization: `Bearer ${TOKEN}` }]) {
      const status = 'authorization' in headers ? 200 : 401;
      expect((await askHttp(`${url}/page/keys`, { headers })).status).to.equal(status);
      expect((await postJson(`${url}/page/compact`, {}, headers)).status).to.equal(status);
      for (const path of ['/', '/page/connections', '/livez']) {
        expect((await askHttp(url + path, { headers })).status, path).not.to.equal(401);
      }
    }
    removeFolder(dir);
  });

  it('lists no keys with -X', async () => {
    const url = await serve(new MemoryStore(), '-X');
    for (const path of ['keys', 'sizes']) {
      expect((await askHttp(`${url}/page/${path}`)).status, path).to.equal(403);
    }
  });

  it('weighs the keys, below a prefix too', async () => {
    const store = new MemoryStore();
    for (let n = 0; n < 300; n += 1) put(store, `a:${n % 3}:${n}`, 'v'.repeat(n));
    put(store, 'plain', 'v');
    const url = await serve(store);
    const weigh = async (query: string): Promise<Extract<SizesEvent, { kind: 'sizes' }>> => {
      const events: SizesEvent[] = [];
      for await (const event of eventsOf(`${url}/page/sizes${query}`)) {
        events.push(event as SizesEvent);
      }
      expect(events[0]).to.deep.equal({ kind: 'progress', seen: 0, total: 301 });
      const last = events.at(-1);
      if (last?.kind !== 'sizes') throw new Error('The result comes last');
      return last;
    };
    const all = await weigh('');
    expect(all.all.keys).to.equal(301);
    expect(all.prefixes.map(({ key, keys }) => [key, keys])).to.deep.equal([[text('a:'), 300]]);
    expect(all.largest).to.have.length(50);
    expect(all.largest[0]).to.include({ key: text('a:2:299') });
    const below = await weigh('?prefix=a:&delimiter=:');
    expect(below.all.keys).to.equal(300);
    expect(below.prefixes.map(({ key }) => key)).to.deep.equal(['a:2:', 'a:1:', 'a:0:'].map(text));
  });

  it('lists the connections', async () => {
    const url = await serve(new MemoryStore());
    expect(JSON.parse((await askHttp(`${url}/page/connections`)).body)).to.deep.equal({
      connections: [{ id: 1, address: 'tcp:1', listener: 'tcp:2', state: 'conn_read', idle: 3 }],
      isCut: false,
    });
  });
});
