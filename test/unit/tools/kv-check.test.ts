// End to end: the compiled kv-check as a process, on directories that are whole, crashed, served or damaged.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { temporaryName } from '../../../src/log/bytes/file-names.js';
import { openStore } from '../../../src/store/open-store.js';
import { DataDirectory, put, turn } from '../../support/data-directory.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { removeFolder } from '../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());

interface Report {
  readonly verdict: string;
  readonly findings: readonly { path: string; offset: number; bytes?: number; key?: string }[];
  readonly keys?: number;
  readonly largeValues: number;
  readonly image: string;
  readonly hints: { good: number; missing: number; unusable: string[] };
  readonly leftovers: string[];
  readonly snapshot: { state: string; keys?: number };
}

async function check(dir: string): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await runTool('kv-check', [dir, '--json']);
  expect(stderr).to.equal('');
  return { code, report: JSON.parse(stdout.toString()) as Report };
}

describe('kv-check @long', () => {
  let root = '';
  let stopped = '';

  before(async () => {
    root = temporaryFolder();
    stopped = join(root, 'stopped');
    const options = { segmentBytesMax: 64 * 1024, snapshot: 'never' } as const;
    const store = await openStore(env, stopped, options);
    for (let i = 0; i < 40; i += 1) await put(store, `key-${i}`, `value ${i};`.repeat(600));
    await put(store, 'large', Buffer.alloc(1_500_000, 'large'));
    await store.snapshot();
    // All hints must be written, since a stop while one is written leaves a file that the next start removes.
    const data = new DataDirectory(stopped);
    const sealed = (): number =>
      data.manifest().segments.filter(({ bytes }) => bytes !== null).length;
    while (data.names('.hint').length < Math.max(1, sealed())) await turn();
    await store.close();
  });
  after(() => removeFolder(root));

  /** Returns a copy that the test may damage. */
  function copy(): DataDirectory {
    const path = mkdtempSync(join(root, 'copy-'));
    cpSync(stopped, path, { recursive: true });
    return new DataDirectory(path);
  }

  it('finds no damage in a good store, and says what it has read', async () => {
    const { code, stdout, stderr } = await runTool('kv-check', [stopped]);
    expect([code, stdout.toString()]).to.deep.equal([0, '']);
    expect(stderr).to.match(
      /^checked: \d segments, 41 frames, 1 large value, .*; 41 keys at seq 41$/m,
    );
    expect(stderr).to.match(/^snapshot: good, 41 keys at seq 41, of 20/m);
    expect(stderr).to.contain('no damage');
    const { report } = await check(stopped);
    expect(report).to.include({ verdict: 'clean', keys: 41, largeValues: 1 });
    expect(report.snapshot).to.include({ state: 'good', keys: 41 });
    expect(report.hints.good).to.be.above(0);
    expect(report.image).to.equal('good');
  });

  it('names each damaged place with its length and key, and the next step', async () => {
    const data = copy();
    const [name = ''] = data.names('.seg');
    const bytes = data.read(name);
    const at = bytes.indexOf('value 3;');
    data.flip(name, at);
    data.flip(data.names('.val')[0]!, 700_000);
    const before = data.contents();
    const { code, stdout, stderr } = await runTool('kv-check', [data.path]);
    expect(code).to.equal(65);
    const frame = at - 32 - 'key-3'.length;
    const [first, second] = stdout.toString().split('\n');
    expect(first).to.match(
      new RegExp(`^${data.pathOf(name)}@${frame}\\+\\d+: frame: checksum; key "key-3"$`),
    );
    expect(second).to.contain('.val@524336').and.contain('A large value is damaged');
    expect(stderr).to.contain('2 places are damaged').and.contain('--repair');
    expect(data.contents()).to.equal(before);
  });

  it('ends with another exit code for faults that the next start repairs than for damage', async () => {
    const data = copy();
    data.write(temporaryName('MANIFEST', '1'), 'half');
    data.write('report.tmp', 'of somebody else');
    data.flip(data.names('.hint')[0]!, 80);
    data.flip('IMAGE', 300);
    data.flip('snapshot.json', 300);
    const { code, report } = await check(data.path);
    expect([code, report.verdict]).to.deep.equal([80, 'mendable']);
    expect(report.leftovers).to.deep.equal([temporaryName('MANIFEST', '1')]);
    expect(report.hints.unusable).to.deep.equal([data.names('.hint')[0]]);
    expect(report.image).to.equal('unusable');
    expect(report.snapshot.state).to.equal('damaged');
  });

  it('finds a missing segment, swapped segments and a damaged manifest @long', async () => {
    const missing = copy();
    const [first = '', second = ''] = missing.names('.seg');
    rmSync(missing.pathOf(first));
    expect((await check(missing.path)).report.findings[0]).to.include({
      path: missing.pathOf(first),
    });
    const swapped = copy();
    const bytes = swapped.read(first);
    swapped.write(first, swapped.read(second));
    swapped.write(second, bytes);
    const { stdout } = await runTool('kv-check', [swapped.path]);
    expect(stdout.toString()).to.contain(`the segment that belongs here is in ${second}`);
    const headless = copy();
    headless.flip('MANIFEST', 30);
    const { code, report } = await check(headless.path);
    expect(code).to.equal(65);
    expect(report.findings.map(({ path }) => path)).to.deep.equal([headless.pathOf('MANIFEST')]);
  });

  it('--repair saves the rest into a new directory, from which a server starts @long', async () => {
    const data = copy();
    const [name = ''] = data.names('.seg');
    data.flip(name, data.read(name).indexOf('value 3;'));
    const before = data.contents();
    const to = join(root, 'repaired');
    const dry = await runTool('kv-check', [data.path, '--repair', '--dry-run']);
    expect(dry.code).to.equal(65);
    expect(dry.stdout.toString()).to.match(/^lost: key "key-3" \(.*\.seg@\d+\+\d+\)/);
    expect(dry.stderr).to.contain('40 keys, 1 large value among them at seq 41 can be saved');
    expect(existsSync(to)).to.equal(false);
    const done = await runTool('kv-check', [data.path, '--repair', '--to', to]);
    expect([done.code, done.stdout.toString()]).to.deep.equal([65, dry.stdout.toString()]);
    expect(done.stderr).to.contain(`Next: kv-server --data ${to}`);
    expect(data.contents()).to.equal(before);
    const server = await ServerProcess.start(cairnLaunch(to));
    const client = await WireClient.connect(server.port);
    try {
      expect(await client.line('mg key-4 c\r\n')).to.equal('HD c5');
      expect(await client.line('mg key-3 c\r\n')).to.equal('EN');
      const locked = await runTool('kv-check', [to, '--repair', '--dry-run']);
      expect(locked.code).to.equal(75);
    } finally {
      client.close();
      await server.stop();
    }
  });

  it('--repair refuses a target that is not empty, or lies in the damaged directory @long', async () => {
    const data = copy();
    const full = await runTool('kv-check', [data.path, '--repair', '--to', stopped]);
    expect([full.code, full.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 64 && text.includes('not empty'),
    );
    const inside = await runTool('kv-check', [data.path, '--repair', '--to', data.pathOf('new')]);
    expect(inside.code).to.equal(64);
    expect((await runTool('kv-check', [data.path, '--repair'])).code).to.equal(64);
    expect((await runTool('kv-check', [data.path, '--dry-run'])).code).to.equal(64);
  });

  it('works beside a running server, and on the directory that a kill leaves @long', async () => {
    const data = join(root, 'served');
    const server = await ServerProcess.start(cairnLaunch(data));
    const client = await WireClient.connect(server.port);
    try {
      for (let i = 0; i < 50; i += 1) {
        expect(await client.line(`set k${i} 0 0 5\r\nvalue\r\n`)).to.equal('STORED');
      }
      const { code, report } = await check(data);
      expect([code, report.verdict, report.keys]).to.deep.equal([0, 'clean', 50]);
    } finally {
      client.close();
      await server.kill();
    }
    expect((await check(data)).report.keys).to.equal(50);
    const [name = ''] = new DataDirectory(data).names('.seg');
    const path = join(data, name);
    const bytes = readFileSync(path);
    const last = new DataDirectory(data).batchesOf(name).at(-1)!;
    bytes[last + 50]! ^= 1;
    bytes.fill(0, last, last + 8);
    writeFileSync(path, bytes);
    const torn = await check(data);
    expect([torn.code, torn.report.verdict]).to.deep.equal([80, 'mendable']);
    expect(torn.report.findings[0]).to.include({ path, offset: last });
  });

  it('ends with 66 without a store, and with 64 for wrong use', async () => {
    expect((await runTool('kv-check', [join(root, 'nowhere')])).code).to.equal(66);
    expect((await runTool('kv-check', [root])).code).to.equal(66);
    const repaired = await runTool('kv-check', [join(root, 'nowhere'), '--repair', '--dry-run']);
    expect(repaired.code).to.equal(66);
    expect(repaired.stderr).to.include('There is no such directory');
    expect((await runTool('kv-check', [])).code).to.equal(64);
  });
}).timeout(60_000);
