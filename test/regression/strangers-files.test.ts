// A first start once removed every file *.tmp of a directory, whoever had put it there, and any file called IMAGE or
// control.sock. A directory MANIFEST.tmp stopped a tool with EISDIR, and made a server log 654 warnings.

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerCommand } from '../support/server-command.js';
import { TestClient } from '../support/test-server.js';
import { changedFiles, litter } from '../support/strangers-files.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const FILLED_KEYS = 30;
/** Lines of a dump that are not keys. */
const HEAD_AND_END = 2;

function expectUntouched(dir: string): void {
  expect(changedFiles(dir)).to.deep.equal([]);
}

async function store(server: ServerCommand, key: string, bytes: number): Promise<void> {
  const client = await TestClient.open(await server.port());
  client.send(`set ${key} 0 0 ${bytes}\r\n${'v'.repeat(bytes)}\r\n`);
  expect(await client.take(8)).to.equal('STORED\r\n');
  client.socket.destroy();
}

describe('Files of strangers in the data directory @long', () => {
  let root = '';
  let dir = '';
  const started: ServerCommand[] = [];
  const serve = (...argv: string[]): ServerCommand => {
    const server = new ServerCommand(['-p', '-1', '--data', dir, ...argv]);
    started.push(server);
    return server;
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-strangers-'));
    dir = join(root, 'data');
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    removeFolder(root);
  });

  it('survive the first start, a kill, a clean stop, and every tool', async () => {
    litter(dir);
    const first = serve('-I', '8m');
    await store(first, 'a', 10);
    await store(first, 'large', 2 * 1024 * 1024);
    expectUntouched(dir);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = serve();
    await store(second, 'b', 10);
    second.child.kill('SIGTERM');
    expect((await second.ended).code).to.equal(EXIT.ok);
    expectUntouched(dir);
    for (const [tool, code, ...args] of [
      ['kv-compact', EXIT.ok, dir],
      ['kv-dump', EXIT.ok, dir],
      ['kv-check', EXIT.mendable, dir],
    ] as const) {
      const run = await runTool(tool, args);
      expect(run.code, `${tool}: ${run.stderr}`).to.equal(code);
      expectUntouched(dir);
    }
    const third = serve();
    await third.port();
    expect(third.stderr).to.contain('3 keys recovered');
  });

  it('survive a start that is refused, and kv-load', async () => {
    litter(dir);
    const { code } = await serve('-s', join(root, 'no/such/place')).ended;
    expect(code).to.equal(EXIT.system);
    expectUntouched(dir);
    const dump = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';
    const loaded = await runTool('kv-load', [dir, '-', '--create', '--partial'], dump);
    expect(loaded.code, loaded.stderr).to.equal(EXIT.ok);
    expectUntouched(dir);
  });

  for (const name of ['MANIFEST', 'LOCK', '0000000001-0000.seg']) {
    it(`${name} as a directory is refused by every program, with its path and no stack`, async () => {
      mkdirSync(join(dir, name), { recursive: true });
      const server = await serve().ended;
      expect(server.code, server.stderr).to.equal(EXIT.damage);
      const runs = [server];
      for (const tool of ['kv-load', 'kv-compact', 'kv-dump', 'kv-check']) {
        const run = await runTool(tool, tool === 'kv-load' ? [dir, '-', '--create'] : [dir]);
        expect([EXIT.damage, EXIT.noInput], `${tool}: ${run.stderr}`).to.include(run.code);
        if (run.code === EXIT.damage)
          runs.push({ ...run, signal: null, stdout: run.stdout.toString() });
      }
      for (const { stderr, stdout } of runs) {
        expect(stderr + stdout)
          .to.contain(join(dir, name))
          .and.contain('move it away');
        expect(stderr).to.not.match(/EISDIR|\n\s+at /);
      }
      expect(readdirSync(join(dir, name))).to.deep.equal([]);
    });
  }

  /** Fills some sealed segments, all with hints, and stops in order. */
  async function filled(): Promise<void> {
    const server = serve('--segment-size', '1m');
    for (let at = 0; at < FILLED_KEYS; at++) await store(server, `k${at}`, 100_000);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).to.equal(EXIT.ok);
    // kv-compact writes the hints that are missing.
    expect((await runTool('kv-compact', [dir])).code).to.equal(EXIT.ok);
    const again = serve('--segment-size', '1m');
    for (let at = 0; at < FILLED_KEYS; at++) await store(again, `k${at}`, 99_999);
    again.child.kill('SIGTERM');
    expect((await again.ended).code).to.equal(EXIT.ok);
  }

  it('a pipe in the place of a segment is refused at once', async () => {
    mkdirSync(dir);
    execFileSync('mkfifo', [join(dir, '0000000001-0000.seg')]);
    const { code, stderr } = await serve().ended;
    expect(code).to.equal(EXIT.damage);
    expect(stderr).to.contain('0000000001-0000.seg').and.contain('move it away');
  });

  for (const [what, place] of [
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link to nowhere', (path: string) => symlinkSync('nowhere', path)],
  ] as const) {
    it(`${what} in the place of an unlisted segment is refused by name, and in the place of a hint is ignored`, async () => {
      await filled();
      const path = join(dir, '0000000009-0000.seg');
      place(path);
      const { code, stderr } = await serve().ended;
      expect(code).to.equal(EXIT.damage);
      expect(stderr).to.contain(path).and.contain('move it away');
      removeFolder(path);
      const [hint = ''] = readdirSync(dir).filter((name) => name.endsWith('.hint'));
      for (const name of [hint, 'IMAGE']) rmSync(join(dir, name));
      place(join(dir, hint));
      const server = serve();
      await store(server, 'new', 10);
      server.child.kill('SIGTERM');
      expect((await server.ended).code).to.equal(EXIT.ok);
      const { stdout } = await runTool('kv-dump', [dir, '--keys-only']);
      expect(stdout.toString().trim().split('\n')).to.have.length(FILLED_KEYS + 1 + HEAD_AND_END);
    });
  }

  it('kv-check names a directory in the place of a segment, and what the other segments hold', async () => {
    await filled();
    const [segment = ''] = readdirSync(dir).filter((name) => name.endsWith('.seg'));
    rmSync(join(dir, segment));
    mkdirSync(join(dir, segment));
    const { code, stdout, stderr } = await runTool('kv-check', [dir]);
    expect(code).to.equal(EXIT.damage);
    expect(stdout.toString()).to.contain(join(dir, segment));
    expect(stderr).to.match(/checked: \d+ segments, [1-9]/);
  });

  it('a directory with a temporary name of ours is left alone, without a warning', async () => {
    const names = ['MANIFEST.tmp', 'MANIFEST.cairn-1.tmp'];
    for (const name of names) {
      mkdirSync(join(dir, name), { recursive: true });
      writeFileSync(join(dir, name, 'inner'), name);
    }
    const server = serve('--segment-size', '1m');
    const client = await TestClient.open(await server.port());
    for (let at = 0; at < 40; at++) {
      client.send(`set k${at} 0 0 100000\r\n${'v'.repeat(100_000)}\r\n`);
      expect(await client.take(8)).to.equal('STORED\r\n');
    }
    client.socket.destroy();
    server.child.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(code).to.equal(EXIT.ok);
    expect(stderr).to.not.contain('warn');
    for (const name of names) {
      expect(readdirSync(join(dir, name))).to.deep.equal(['inner']);
      expect(readFileSync(join(dir, name, 'inner'), 'utf8')).to.equal(name);
    }
  });
}).timeout(60_000);
