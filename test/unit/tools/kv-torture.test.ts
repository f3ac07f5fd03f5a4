// End to end: the compiled kv-torture kills real servers in a directory of the test.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'fs-extra';
import { join } from 'node:path';

import { temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';

interface Figures {
  readonly seed: number;
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly invented: number;
  readonly wrong: number;
  readonly findings: readonly string[];
  readonly disk: { readonly syncs: number };
}

describe('kv-torture @long', function () {
  this.timeout(120_000);
  let dir: string;

  beforeEach(async () => {
    dir = temporaryFolder();
    await fs.writeFile(join(dir, 'mine'), 'untouched');
  });
  afterEach(() => fs.remove(dir));

  const torture = (...args: string[]) => runTool('kv-torture', [dir, '--life', '50ms', ...args]);

  it('kills as often as asked, finds nothing lost, and leaves nothing behind @long', async () => {
    const { code, stdout, stderr } = await torture('--kills', '2', '--seed', '7', '--json');
    expect(code, stderr).to.equal(0);
    const figures = JSON.parse(stdout.toString()) as Figures;
    expect(figures).to.include({ seed: 7, kills: 2, lost: 0, invented: 0, wrong: 0 });
    expect(figures.acknowledged).to.be.above(2);
    expect(figures.disk.syncs).to.be.above(0);
    expect(await fs.readdir(dir)).to.deep.equal(['mine']);
    expect(await fs.readFile(join(dir, 'mine'), 'utf8')).to.equal('untouched');
  });

  it('--keep leaves the data, in a directory of its own @long', async () => {
    const { code, stdout, stderr } = await torture('--kills', '1', '--keep');
    expect(code, stderr).to.equal(0);
    expect(stdout.toString()).to.match(/kills +│ 1 /);
    const made = (await fs.readdir(dir)).filter((name) => name !== 'mine');
    expect(made).to.have.length(1);
    expect(stderr).to.include(made[0]);
    expect(await fs.readdir(join(dir, made[0] ?? '', 'data'))).to.include('MANIFEST');
  });

  it('ends with 65 when a server loses data by eviction, and keeps the data @long', async () => {
    const { code, stdout, stderr } = await torture(
      '--life',
      '300ms',
      '--kills',
      '3',
      '--',
      '--max-keys',
      '3',
    );
    expect(code, stderr).to.equal(65);
    expect(stdout.toString()).to.match(/^lost: /m);
    expect(stderr).to.match(/^The data is in /m);
  });

  it('ends with the message and the code of a server that does not start', async () => {
    const { code, stderr } = await torture('--', '--no-such-flag');
    expect(code).to.equal(64);
    expect(stderr).to.include('--no-such-flag');
    expect(await fs.readdir(dir)).to.deep.equal(['mine']);
  });

  it('ends with 64 for wrong use, and with 66 without the directory', async () => {
    expect((await torture('--kills', '0')).code).to.equal(64);
    expect((await runTool('kv-torture', [])).code).to.equal(64);
    expect((await runTool('kv-torture', [join(dir, 'none')])).code).to.equal(66);
  });

  it('prints its figures so far at SIGINT, and removes the server and the directory @long', async () => {
    const program = join(import.meta.dirname, '../../../tools/kv-torture.js');
    const child = spawn(process.execPath, [program, dir, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const watcher = fs.watch(dir, { recursive: true });
    await new Promise<void>((resolve) => {
      watcher.on('change', (_event, name) => {
        if (String(name).endsWith('LOCK')) resolve();
      });
    });
    watcher.close();
    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ code, signal }).to.deep.equal({ code: null, signal: 'SIGINT' });
    expect(JSON.parse(stdout)).to.include({ lost: 0, invented: 0, wrong: 0 });
    expect(await fs.readdir(dir)).to.deep.equal(['mine']);
  });
});
