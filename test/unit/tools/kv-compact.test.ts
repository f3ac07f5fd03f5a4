// End to end: the compiled kv-compact as a process, with and without a server on the directory.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { openStore } from '../../../src/store/open-store.js';
import { DataDirectory } from '../../support/data-directory.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());
const SEGMENT_BYTES = 256 * 1024;

interface Figures {
  readonly before: { readonly bytes: number };
  readonly after: { readonly bytes: number; readonly liveBytes: number };
  readonly bytesFreed: number;
}

/** Writes three keys, each twenty times. */
async function fill(dir: string): Promise<void> {
  const options = {
    segmentBytesMax: SEGMENT_BYTES,
    snapshot: 'never',
    compactRatio: 0.99,
  } as const;
  const store = await openStore(env, dir, options);
  for (let i = 0; i < 60; i += 1) {
    const value = Buffer.alloc(20_000, `value ${i};`);
    const key = Buffer.from(`key-${i % 3}`);
    await store.put({ mode: 'set', key, value, flags: 0, expiresAt: 0 });
    while (store.durability.watermark < store.durability.lastSeq) await new Promise(setImmediate);
  }
  await store.close();
}

/** Returns live, dead, headers and size of one column of the table. */
function figures(table: string, column: number): number[] {
  const rows = table.split('\n').filter((line) => /bytes|marks/.test(line));
  return rows.map((line) => Number((line.split('│')[2 + column] ?? '').trim().replaceAll(',', '')));
}

async function valuesOf(dir: string): Promise<string[]> {
  const { stdout } = await runTool('kv-dump', [dir, '--format', 'ndjson']);
  const lines = stdout.toString().trimEnd().split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { value: string }).value.slice(0, 9)).sort();
}

describe('kv-compact @long', () => {
  let root = '';
  let dir = '';

  beforeEach(async () => {
    root = temporaryFolder();
    dir = join(root, 'data');
    await fill(dir);
  });
  afterEach(() => removeFolder(root));

  it('frees disk space without a server, keeps the live values, and exports them', async () => {
    const file = join(root, 'snapshot.json');
    const { code, stdout, stderr } = await runTool('kv-compact', [
      dir,
      '--json',
      '--snapshot',
      file,
    ]);
    expect(stderr).to.contain('3 keys at seq');
    expect(code).to.equal(0);
    const { before, after, bytesFreed } = JSON.parse(stdout.toString()) as Figures;
    expect(before.bytes).to.be.greaterThan(1_100_000);
    expect(after.bytes).to.be.lessThan(2 * after.liveBytes);
    expect(bytesFreed).to.equal(before.bytes - after.bytes);
    expect(await valuesOf(dir)).to.deep.equal(['value 57;', 'value 58;', 'value 59;']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).to.include({ count: 3 });
  });

  it('--dry-run shows the figures and changes nothing', async () => {
    const before = new DataDirectory(dir).contents();
    const { code, stdout } = await runTool('kv-compact', [dir, '--dry-run']);
    const [live = 0, dead = 0, rest = 0, size = 0] = figures(stdout.toString(), 0);
    expect([live, size]).to.satisfy(() => live > 50_000 && live < 65_000 && size > 1_100_000);
    expect(live + dead + rest).to.equal(size);
    expect(code).to.equal(0);
    expect(new DataDirectory(dir).contents()).to.equal(before);
  });

  it('asks the server that has the directory @long', async () => {
    const args = ['--compact-ratio', '0.99', '--snapshot', 'never'];
    const server = await ServerProcess.start(cairnLaunch(dir, args));
    try {
      const file = join(root, 'snapshot.json');
      const { code, stdout, stderr } = await runTool('kv-compact', [dir, '--snapshot', file]);
      expect(stdout.toString()).to.match(/before[^]*after[^]*freed/);
      for (const column of [0, 1]) {
        const [live = 0, dead = 0, rest = 0, size = 0] = figures(stdout.toString(), column);
        expect(live + dead + rest, stdout.toString())
          .to.equal(size)
          .and.above(0);
      }
      expect(stderr).to.contain('3 keys at seq');
      expect(code).to.equal(0);
      expect(await valuesOf(dir)).to.deep.equal(['value 57;', 'value 58;', 'value 59;']);
      expect(JSON.parse(readFileSync(file, 'utf8'))).to.include({ count: 3 });
    } finally {
      await server.kill();
    }
  });

  it('creates no store when there is none', async () => {
    const { code } = await runTool('kv-compact', [root]);
    expect(code).to.equal(66);
    expect(readdirSync(root)).to.deep.equal(['data']);
  });
}).timeout(40_000);
