// End to end: a store loaded into a cluster and dumped back, byte for byte, through a server over it; and the tools
// that are given the URL of a cluster.

import { join } from 'node:path';

import { expect } from 'chai';

import { MIB } from '../../../src/limits.js';
import { refuseStoreUrl } from '../../../tools/terminal/store-url.js';
import { describeServers, temporaryFolder } from '../../support/servers.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const FAR_MS = 4_000_000_000_000;

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}

/** Returns lines as kv-dump writes them: keys and values of any bytes, flags, expiries, tokens. */
function lines(): string[] {
  const any = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const entries = [
    { key: base64(any.subarray(0, 150)), value: base64(any), flags: 4_294_967_295, cas: 1 },
    { key: base64(Buffer.from('with spaces \n')), value: '', flags: 0, expiresAt: FAR_MS, cas: 2 },
    { key: base64(Buffer.from('large')), value: base64(Buffer.alloc(MIB, 0xfe)), cas: 3 },
    ...Array.from({ length: 300 }, (_, at) => ({
      key: base64(Buffer.from(`key:${at}`)),
      value: base64(any.subarray(0, at % 256)),
      flags: at,
      expiresAt: at % 3 === 0 ? FAR_MS + at * 1000 : null,
      cas: 10 + at,
    })),
  ];
  return entries.map((entry) =>
    JSON.stringify({
      flags: 0,
      expiresAt: null,
      ...entry,
      keyEncoding: 'base64',
      encoding: 'base64',
    }),
  );
}

/** Returns the items of a dump as sorted text. */
function itemsOf({ code, stdout, stderr }: ToolRun): string[] {
  expect(code, stderr).to.equal(0);
  const all = stdout.toString().trimEnd().split('\n');
  return all.filter((line) => !line.startsWith('{"count"')).sort();
}

async function load(args: readonly string[], dump: Buffer | string): Promise<void> {
  const { code, stderr } = await runTool('kv-load', args, dump);
  expect(code, stderr).to.equal(0);
}

describeServers(
  'kv-dump and kv-load',
  (server) => {
    let dir: string;
    before(() => {
      dir = temporaryFolder();
    });
    after(() => removeFolder(dir));

    it('carry a store there and back, with keys, values, flags, expiries and tokens', async () => {
      const [there, back] = [join(dir, 'there'), join(dir, 'back')];
      await load([there, '-', '--create', '--partial'], `${lines().join('\n')}\n`);
      const first = await runTool('kv-dump', [there, '--format', 'ndjson']);
      const wanted = itemsOf(first);
      expect(wanted).to.have.lengthOf(303);
      await load([server.address(), '-'], first.stdout);
      const second = await runTool('kv-dump', [`memcached://${server.address()}`]);
      expect(itemsOf(second)).to.deep.equal(wanted);
      const moment = server.kind === 'etcd' ? / at revision \d+ of etcd/ : /is not of one moment/;
      expect(second.stderr).to.match(moment);
      await load([back, '-', '--create'], second.stdout);
      expect(itemsOf(await runTool('kv-dump', [back, '--format', 'ndjson']))).to.deep.equal(wanted);
    });

    it('kv-load names a key whose value is over 1 MiB, and says what to do', async () => {
      const value = 'x'.repeat(MIB + 1);
      const line = JSON.stringify({ key: 'huge', value, encoding: 'utf8', flags: 0 });
      const args = [server.address(), '-', '--partial'];
      const { code, stderr } = await runTool('kv-load', args, `${line}\n`);
      expect(code).to.equal(74);
      expect(stderr).to.match(
        /refused key "huge" .*1,048,577 bytes.*leave the key out of the dump/,
      );
    });

    it('kv-client sets, lists and reads keys', async () => {
      const address = server.address();
      const ask = async (...words: string[]): Promise<string> => {
        const { code, stdout, stderr } = await runTool('kv-client', [address, ...words]);
        expect(code, stderr).to.equal(0);
        return stdout.toString();
      };
      await ask('set', 'asked:1', 'a value');
      expect(await ask('get', 'asked:1')).to.equal('a value');
      expect(await ask('keys', 'asked:')).to.equal('asked:1\n');
    });
  },
  { kinds: ['etcd', 'redis'] },
);

describe('the URL of a cluster', () => {
  it('refuseStoreUrl() accepts every other word', () => {
    for (const word of [
      'data',
      './etcd',
      'etcd',
      'redis:11211',
      '127.0.0.1:2379',
      'memcached://a',
    ]) {
      expect(() => refuseStoreUrl(word, 'never'), word).to.not.throw();
    }
  });

  it('refuseStoreUrl() says what to use instead, and does not repeat a password', () => {
    for (const word of ['etcd://a', 'etcds://a:1,b', 'redis://u:secret@a', 'REDISS://a/1']) {
      expect(() => refuseStoreUrl(word, 'use that'))
        .to.throw(/use that$/)
        .with.property('message')
        .that.does.not.include('secret');
    }
  });

  const TOOLS: readonly (readonly [string, ...string[]])[] = [
    ['kv-check'],
    ['kv-compact'],
    ['kv-backup', '--to', 'x'],
    ['kv-restore', '--to', 'x'],
    ['kv-torture'],
    ['kv-load', '-'],
    ['kv-client'],
  ];
  for (const [tool, ...rest] of TOOLS) {
    it(`${tool} refuses it with 64 @long`, async () => {
      for (const url of ['etcd://127.0.0.1:1', 'redis://127.0.0.1:1']) {
        const { code, stderr } = await runTool(tool, [url, ...rest]);
        expect(code, stderr).to.equal(64);
        expect(stderr).to.match(/server|cluster|nodes/);
      }
    });
  }
});
