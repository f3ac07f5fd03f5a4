// End to end: a store over etcd, dumped from etcd itself while a server writes into it; and refused URLs.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { MIB } from '../../../src/limits.js';
import { Connection } from '../../../tools/client/connection.js';
import { etcdBehind } from '../../../tools/dump/etcd-behind-server.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { startScripted } from '../../support/scripted-server.js';
import { clusterLaunch, temporaryFolder } from '../../support/servers.js';
import { sharedStoreUrl } from '../../support/shared-cluster.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const KEYS = 2000;

/** Returns the keys of a dump in ndjson, with their lines. */
function itemsOf({ code, stdout, stderr }: ToolRun): Map<string, Record<string, unknown>> {
  expect(code, stderr).to.equal(0);
  const lines = stdout.toString().trimEnd().split('\n');
  const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return new Map(
    all.filter(({ key }) => key !== undefined).map((item) => [String(item['key']), item]),
  );
}

/** The claim that the server of an original has seen: its claim is renewed later than the one in the copy. */
function olderCopyOf(claim: string): string {
  const [holder, time] = claim.split(' ');
  return `${holder} ${Number(time) + 60_000}`;
}

describe('kv-dump etcd:// over a real etcd @long', () => {
  let server: ServerProcess;
  let connection: Connection;
  let url = '';
  let dir = '';

  const say = async (request: string | Buffer): Promise<void> => {
    const { last } = await connection.request([Buffer.from(request as string)], 'reply');
    expect(last).to.match(/^(?:HD|OK|STORED)/);
  };

  /** Resolves with the claim as soon as the server has seen it. */
  const claimSeen = async (): Promise<string> => {
    for (;;) {
      const { rows } = await connection.request([Buffer.from('stats\r\n')], 'reply');
      const claim = rows.find((row) => row.startsWith('STAT kv_etcd_claim '))?.slice(19);
      if (claim !== undefined && claim !== 'unknown') return claim;
    }
  };

  before(async function () {
    url = await sharedStoreUrl(this, 'etcd');
    dir = temporaryFolder();
    server = await ServerProcess.start(clusterLaunch(url));
    const { port } = server;
    connection = await Connection.open(
      { kind: 'tcp', host: '127.0.0.1', port },
      { timeoutMs: 10_000 },
    );
    const sets = Array.from({ length: KEYS }, (_, at) => `ms key:${at} 5 F${at} T0 q\r\nvalue\r\n`);
    await connection.request([Buffer.from(sets.join(''))], 'barrier');
    await say(`ms large ${MIB} T1000\r\n${'x'.repeat(MIB)}\r\n`);
  });
  after(async () => {
    await connection?.close();
    await server?.kill();
    if (dir !== '') removeFolder(dir);
  });

  it('never contains the later of two writes without the earlier one', async () => {
    for (const key of ['a:earlier', 'z:later']) await say(`ms ${key} 1\r\n0\r\n`);
    const state = { isOver: false };
    let writes = 0;
    const dumping = runTool('kv-dump', [url]).finally(() => {
      state.isOver = true;
    });
    // The dump reads in the order of keys, so without one revision it would see later writes of z.
    while (!state.isOver) {
      writes += 1;
      const value = String(writes);
      for (const key of ['a:earlier', 'z:later'])
        await say(`ms ${key} ${value.length}\r\n${value}\r\n`);
    }
    const dump = await dumping;
    const items = itemsOf(dump);
    expect(items).to.have.property('size', KEYS + 3);
    const [earlier, later] = ['a:earlier', 'z:later'].map((key) =>
      Number(items.get(key)?.['value']),
    );
    expect(writes).to.be.above(0);
    expect(earlier! - later!, `${earlier}, then ${later}`).to.be.within(0, 1);
    expect(dump.stderr).to.match(/^2,003 keys at revision \d+ of etcd at 127\.0\.0\.1:\d+\n$/);
  });

  it('dumps a server over etcd at one revision too', async () => {
    await claimSeen();
    const { stderr } = await runTool('kv-dump', [server.address]);
    expect(stderr).to.match(/^[\d,]+ keys at revision \d+ of etcd at 127\.0\.0\.1:\d+\n$/);
  });

  it('gives a dump that loads byte for byte into a directory, and the same through the server', async () => {
    await claimSeen();
    const dump = await runTool('kv-dump', [url]);
    const byServer = await runTool('kv-dump', [server.address]);
    expect(itemsOf(byServer)).to.deep.equal(itemsOf(dump));
    const into = join(dir, 'back');
    const loaded = await runTool('kv-load', [into, '-', '--create'], dump.stdout);
    expect(loaded.code, loaded.stderr).to.equal(0);
    const back = await runTool('kv-dump', [into, '--format', 'ndjson']);
    expect(itemsOf(back)).to.deep.equal(itemsOf(dump));
  });

  for (const [title, claimAt, why] of [
    // All single nodes of etcd that start without options have one id: the id would be no proof.
    ['another cluster that has the same name', () => `0123456789abcdef 1`, 'another cluster'],
    ['an older copy of the cluster', olderCopyOf, 'another cluster'],
    ['a cluster that the server has not looked at yet', () => 'unknown', 'try again'],
  ] as const) {
    it(`does not take ${title} for the one behind the server`, async () => {
      const claim = claimAt(await claimSeen());
      const scripted = await startScripted((line) => {
        const value = line === 'stats settings' ? `kv_store ${url}` : `kv_etcd_claim ${claim}`;
        return `STAT ${value}\r\nEND\r\n`;
      });
      const endpoint = { kind: 'tcp', host: '127.0.0.1', port: scripted.port } as const;
      const other = await Connection.open(endpoint, { timeoutMs: 10_000 });
      const env = nodeEnv(new QuietLogger());
      const behind = await etcdBehind(env, other, undefined);
      expect(behind).to.include({ kind: 'out-of-reach' });
      expect(behind).to.have.property('why').that.includes(why);
      await other.close();
      await scripted.close();
    });
  }

  it('takes --prefix, --keys-only, --columns and json into a file as other dumps do', async () => {
    const keys = itemsOf(await runTool('kv-dump', [url, '--prefix', 'key:1', '--keys-only']));
    expect(keys).to.have.property('size', 1111);
    expect(keys.get('key:17')).to.include({ flags: 17 }).and.not.have.property('value');
    const table = await runTool('kv-dump', [
      url,
      '--prefix',
      'key:19',
      '--format',
      'csv',
      '--columns',
      'key,flags',
    ]);
    expect(table.stdout.toString().split('\n').slice(0, 3)).to.deep.equal([
      'key,flags',
      'key:19,19',
      'key:190,190',
    ]);
    const out = join(dir, 'all.json');
    const { code, stderr } = await runTool('kv-dump', [url, '--format', 'json', '--out', out]);
    expect(code, stderr).to.equal(0);
    const { count, entries } = JSON.parse(readFileSync(out, 'utf8')) as {
      count: number;
      entries: unknown[];
    };
    expect(entries).to.have.lengthOf(count);
    expect(count).to.be.above(KEYS);
  });

  it('dumps nothing of another prefix, and the empty dump can be loaded', async () => {
    const dump = await runTool('kv-dump', [`${url}-other`]);
    expect(itemsOf(dump)).to.have.property('size', 0);
    const loaded = await runTool('kv-load', [join(dir, 'none'), '-', '--create'], dump.stdout);
    expect(loaded.code, loaded.stderr).to.equal(0);
  });
});

describe('kv-dump etcd://', () => {
  const REFUSALS: readonly (readonly [why: RegExp, ...args: string[]])[] = [
    [/--store-auth-file <file>/, 'etcd://u:secret@127.0.0.1:1'],
    [/--at is for a data directory/, 'etcd://127.0.0.1:1', '--at', '1m'],
    [/--before-flush is for a data directory/, 'etcd://127.0.0.1:1', '--before-flush'],
    [/--tls is for a server/, 'etcd://127.0.0.1:1', '--tls'],
    [/--password-file is for a server/, 'etcd://127.0.0.1:1', '--password-file', 'x'],
    [/json begins with the number of keys/, 'etcd://127.0.0.1:1', '--format', 'json'],
    [/no option half=/, 'etcd://127.0.0.1:1?half=1'],
    [/cannot be read/, 'etcd://127.0.0.1:1', '--store-auth-file', '/nowhere/at/all'],
    [/--store-auth-file is for etcd:/, '.', '--store-auth-file', 'x'],
    [/no single moment.*host:port/, 'redis://u:secret@127.0.0.1:1'],
  ];

  it('refuses with 64 flags that do not fit, and repeats no password @long', async () => {
    for (const [why, ...args] of REFUSALS) {
      const { code, stdout, stderr } = await runTool('kv-dump', args);
      expect(code, stderr).to.equal(64);
      expect(stderr).to.match(why).and.not.include('secret');
      expect(stdout.toString()).to.equal('');
    }
  });

  it('ends with 69 and leaves the old file when no node answers @long', async () => {
    const dir = temporaryFolder();
    try {
      const out = join(dir, 'old.json');
      writeFileSync(out, 'old');
      const { code, stderr } = await runTool('kv-dump', ['etcd://127.0.0.1:1', '--out', out]);
      expect(code, stderr).to.equal(69);
      expect(stderr).to.include('No majority of etcd answers');
      expect(readFileSync(out, 'utf8')).to.equal('old');
    } finally {
      removeFolder(dir);
    }
  });
});
