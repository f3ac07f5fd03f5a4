// End to end: the compiled kv-dump and kv-load as processes, on directories that stand still, crashed or are in use
// by a server.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import * as fc from 'fast-check';

import { nodeEnv } from '../../../src/env/node-env.js';
import { openStore } from '../../../src/store/open-store.js';
import type { Store } from '../../../src/store/store.js';
import { DataDirectory } from '../../support/data-directory.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { seeded } from '../../support/seed.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());

function set(store: Store, key: string | Buffer, value: string | Buffer, more = {}): unknown {
  const bytes = { key: Buffer.from(key as string), value: Buffer.from(value as string) };
  return store.put({ mode: 'set', ...bytes, flags: 0, expiresAt: 0, ...more });
}

/** Returns the entries of a dump, sorted, so that their source does not matter. */
function entriesOf(dump: Buffer): string[] {
  const lines = dump.toString().split('\n').slice(1, -2);
  return lines.map((line) => line.replace(/,$/, '')).sort();
}

describe('kv-dump and kv-load @long', () => {
  let root = '';
  let dir = '';

  before(async () => {
    root = temporaryFolder();
    dir = join(root, 'data');
    const store = await openStore(env, dir, { snapshot: 'never' });
    await set(store, 'user:1', 'one', { flags: 5, chosenCas: 2n ** 60n });
    await set(store, 'user:2', Buffer.from([0xff, 0, 0x0a]), { expiresAt: 4_000_000_000_123 });
    await set(store, Buffer.from([0x80, 0x20]), '');
    await set(store, 'large', Buffer.alloc(1_500_000, 'abc'));
    await store.close();
  });
  after(() => removeFolder(root));

  it('dump → load → dump gives the same dump, through a file and through a pipe', async () => {
    const file = join(root, 'dump.json');
    const dumped = await runTool('kv-dump', [dir, '--out', file]);
    expect(dumped.stderr).to.contain('4 keys at seq');
    const first = readFileSync(file);
    expect(JSON.parse(first.toString())).to.include({ count: 4 });
    const loaded = await runTool('kv-load', [join(root, 'copy'), file, '--create']);
    expect([loaded.code, loaded.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 0 && text.startsWith('4 keys loaded'),
    );
    const lines = await runTool('kv-dump', [join(root, 'copy'), '--format', 'ndjson']);
    await runTool('kv-load', ['--create', join(root, 'again'), '-'], lines.stdout);
    const second = await runTool('kv-dump', [join(root, 'again')]);
    expect(entriesOf(second.stdout)).to.deep.equal(entriesOf(first));
    expect(entriesOf(first).length).to.equal(4);
  });

  it('print the keys of a prefix, with or without values', async () => {
    const args = [dir, '--prefix', 'user:', '--format', 'ndjson'];
    const whole = await runTool('kv-dump', args);
    const lines = whole.stdout.toString().trimEnd().split('\n');
    expect(lines.pop()).to.match(/^\{"count":2,"checksum":"crc32:[0-9a-f]{8}"\}$/);
    expect(lines.map((line) => (JSON.parse(line) as { key: string }).key).sort()).to.deep.equal([
      'user:1',
      'user:2',
    ]);
    const keys = await runTool('kv-dump', [...args, '--keys-only']);
    expect(keys.stdout.toString()).to.contain('"key":"user:1","flags":5').and.not.contain('value');
    const refused = await runTool('kv-load', ['--create', join(root, 'none'), '-'], keys.stdout);
    expect(refused.code).to.equal(65);
  });

  it('print no control character of a key or a value raw, and kv-load reads it back @long', async () => {
    const [key, value] = ['c1:\x9b2J\x7f\u202e', '\x9d\x7f'];
    const line = JSON.stringify({
      key,
      value,
      encoding: 'utf8',
      flags: 0,
      expiresAt: null,
      cas: 1,
    });
    const made = join(root, 'c1');
    expect(
      (await runTool('kv-load', [made, '-', '--create', '--partial'], `${line}\n`)).code,
    ).to.equal(0);
    for (const args of [['--keys-only'], ['--format', 'ndjson'], []]) {
      const text = (await runTool('kv-dump', [made, ...args])).stdout.toString();
      expect(text)
        .to.contain('"c1:\\u009b2J\\u007f\\u202e"')
        .and.not.match(/[\x7f-\x9f\u202e]/);
      if (args.length === 0)
        expect((await runTool('kv-load', [join(root, 'c2'), '-', '--create'], text)).code).to.equal(
          0,
        );
      else if (args.length === 2)
        expect(JSON.parse(text.split('\n')[0] ?? '')).to.include({ key, value });
    }
  });

  it('change nothing, and a reader that leaves early is no failure', async () => {
    const before = new DataDirectory(dir).contents();
    const program = join(import.meta.dirname, '../../../tools/kv-dump.js');
    const shell = `"${process.execPath}" "${program}" "${dir}" 2>&1 | head -c 10; exit \${PIPESTATUS[0]}`;
    expect(execFileSync('bash', ['-c', shell]).toString()).to.equal('{"format":');
    expect(new DataDirectory(dir).contents()).to.equal(before);
  });

  it('end with 66 without a store, and with 64 for wrong use', async () => {
    expect((await runTool('kv-dump', [join(root, 'nowhere')])).code).to.equal(66);
    expect((await runTool('kv-dump', [root])).code).to.equal(66);
    expect((await runTool('kv-dump', [dir, '--format', 'xml'])).code).to.equal(64);
    const redis = await runTool('kv-dump', ['redis://:secret@127.0.0.1:1']);
    expect(redis.code).to.equal(64);
    expect(redis.stderr).to.contain('kv-load').and.not.contain('secret');
    expect((await runTool('kv-load', [dir, join(root, 'nowhere')])).code).to.equal(66);
  });

  it('dump nothing of a damaged store, and say what to do', async () => {
    const spoiled = join(root, 'spoiled');
    cpSync(dir, spoiled, { recursive: true });
    const name = readdirSync(spoiled).find((file) => file.endsWith('.seg'))!;
    const path = join(spoiled, name);
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('user:1one') + 7]! ^= 1;
    writeFileSync(path, bytes);
    const dump = await runTool('kv-dump', [spoiled]);
    expect([dump.code, dump.stdout.length]).to.deep.equal([65, 0]);
    expect(dump.stderr).to.contain(path).and.contain('kv-check');
  });

  it('load nothing from a damaged dump', async () => {
    const file = join(root, 'bad.json');
    const { stdout } = await runTool('kv-dump', [dir]);
    stdout[stdout.indexOf('"one"') + 1]! ^= 1;
    writeFileSync(file, stdout);
    const { code, stderr } = await runTool('kv-load', [join(root, 'untouched'), file, '--create']);
    expect(code).to.equal(65);
    expect(stderr).to.contain('checksum');
    expect(existsSync(join(root, 'untouched'))).to.equal(false);
  });

  it('work beside a running server, and load through it @long', async () => {
    const data = join(root, 'served');
    const server = await ServerProcess.start(cairnLaunch(data, ['-I', '2m']));
    try {
      const { stdout } = await runTool('kv-dump', [dir]);
      const file = join(root, 'served.json');
      writeFileSync(file, stdout);
      const locked = await runTool('kv-load', [data, file]);
      expect(locked.code).to.equal(75);
      const loaded = await runTool('kv-load', [String(server.port), file]);
      expect([loaded.code, loaded.stderr.split('\n')[0]]).to.satisfy(
        ([code, text]: [number, string]) => code === 0 && text.startsWith('4 keys loaded'),
      );
      const live = await runTool('kv-dump', [data]);
      // The expiry that comes back is in whole seconds, rounded up.
      const expected = entriesOf(stdout).map((line) =>
        line.replace('4000000000123', '4000000001000'),
      );
      expect(entriesOf(live.stdout)).to.deep.equal(expected);
    } finally {
      await server.kill();
    }
    const crashed = await runTool('kv-dump', [data]);
    expect(entriesOf(crashed.stdout).length).to.equal(4);
  });

  it('keep any bytes, flags, expiry and CAS token from dump to load to dump @long', async () => {
    const item = fc.record({
      key: fc.uint8Array({ minLength: 1, maxLength: 30 }),
      value: fc.uint8Array({ maxLength: 100 }),
      flags: fc.nat(0xffff_ffff),
      expiresAt: fc.oneof(fc.constant(0), fc.integer({ min: 2 ** 42, max: 2 ** 45 })),
      chosenCas: fc.oneof(fc.constant(undefined), fc.bigInt(1n, 2n ** 64n - 1n)),
    });
    let run = 0;
    const property = fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
      run += 1;
      const from = join(root, `from-${run}`);
      const to = join(root, `to-${run}`);
      const store = await openStore(env, from, { snapshot: 'never' });
      for (const { key, value, ...more } of items)
        await set(store, Buffer.from(key), Buffer.from(value), more);
      await store.close();
      const file = join(root, `run-${run}.json`);
      await runTool('kv-dump', [from, '-o', file]);
      expect((await runTool('kv-load', [to, file, '--create'])).code).to.equal(0);
      const { stdout } = await runTool('kv-dump', [to]);
      expect(entriesOf(stdout)).to.deep.equal(entriesOf(readFileSync(file)));
    });
    await fc.assert(property, seeded('dump → load → dump', 4));
  });
}).timeout(60_000);
