// A server once ran with a clock that was ten years ahead. From then on every absolute expiry was a silent miss: the
// store's clock stayed ahead and had passed the client's time already.

import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { skip } from '../support/programs.js';
import { ServerCommand } from '../support/server-command.js';
import { TestClient } from '../support/test-server.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const LIBRARY = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path));
const AHEAD_DAYS = 3650;
const IN_THE_FUTURE = {
  LD_PRELOAD: LIBRARY ?? '',
  FAKETIME: `+${AHEAD_DAYS}d`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
};

describe('a clock that is behind the log @long', () => {
  let dir = '';
  let data = '';
  const started: ServerCommand[] = [];

  function run(env: Readonly<Record<string, string>>, ...argv: string[]): ServerCommand {
    const server = new ServerCommand(['-p', '-1', '--data', data, ...argv], env);
    started.push(server);
    return server;
  }
  function content(): Map<string, string> {
    const names = readdirSync(data, { withFileTypes: true }).filter((each) => each.isFile());
    return new Map(names.map(({ name }) => [name, readFileSync(join(data, name), 'latin1')]));
  }

  before(function () {
    if (LIBRARY === undefined) skip(this, 'faketime');
  });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-clock-'));
    data = join(dir, 'data');
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    removeFolder(dir);
  });

  /** Runs a server ten years ahead and stores one item that stays and one that expires after 1000 s. */
  async function liveInTheFuture(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const server = run(IN_THE_FUTURE);
    const client = await TestClient.open(await server.port());
    client.send('set stays 0 0 1\r\nx\r\nset relative 0 1000 1\r\nx\r\n');
    expect(await client.take(16)).to.equal('STORED\r\nSTORED\r\n');
    server.child.kill(signal);
    await server.ended;
    client.socket.destroy();
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`refuses the start after ${signal}, says both times, and changes nothing`, async () => {
      await liveInTheFuture(signal);
      const before = content();
      const { code, stderr } = await run({}).ended;
      expect(code, stderr).to.equal(EXIT.system);
      expect(stderr).to.match(/behind the log by 36(?:49|50) days \d+ hours/);
      expect(stderr).to.contain(`it says ${new Date().getUTCFullYear()}-`);
      const future = new Date(Date.now() + AHEAD_DAYS * 86_400_000);
      expect(stderr).to.contain(`is of ${future.getUTCFullYear()}-`);
      expect(stderr).to.contain('--accept-clock').and.contain(data);
      expect(content()).to.deep.equal(before);
    });
  }

  it('--accept-clock goes on: absolute expiries count by the wall clock, relative ones as before', async () => {
    await liveInTheFuture('SIGTERM');
    const server = run({ CAIRN_ACCEPT_CLOCK: '1' });
    const client = await TestClient.open(await server.port());
    expect(server.stderr).to.contain('The clock is behind the newest record');
    const ask = async (text: string, last: string): Promise<string> => {
      client.send(text);
      return client.until(last);
    };
    expect(await ask('mg stays v\r\nmn\r\n', 'MN\r\n')).to.equal('VA 1\r\nx\r\nMN\r\n');
    expect(await ask('mg relative t\r\n', '\r\n')).to.match(/^HD t(?:9\d\d|1000)\r\n$/);

    const soon = Math.floor(Date.now() / 1000) + 100;
    const past = soon - 200;
    client.send(`set absolute 0 ${soon} 1\r\nx\r\nset gone 0 ${past} 1\r\nx\r\n`);
    expect(await client.take(16)).to.equal('STORED\r\nSTORED\r\n');
    expect(await ask('mg absolute t\r\n', '\r\n')).to.match(/^HD t(?:9\d|10[01])\r\n$/);
    expect(await ask('mg gone t\r\n', '\r\n')).to.equal('EN\r\n');
    expect(await ask(`touch stays ${soon}\r\n`, '\r\n')).to.equal('TOUCHED\r\n');
    expect(await ask('mg stays t\r\n', '\r\n')).to.match(/^HD t(?:9\d|10[01])\r\n$/);
    const listed = await ask('lru_crawler metadump all\r\n', 'END\r\n');
    expect(listed).to.contain(`key=absolute exp=${soon} `).and.contain(`key=stays exp=${soon} `);

    const stats = await ask('stats\r\n', 'END\r\n');
    const ahead = Number(/kv_clock_ahead (\d+)/.exec(stats)?.[1]);
    expect(ahead / 86_400).to.be.within(AHEAD_DAYS - 1, AHEAD_DAYS);
    const time = Number(/STAT time (\d+)/.exec(stats)?.[1]);
    expect(Math.abs(time - Date.now() / 1000)).to.be.below(100);

    // The time is in whole seconds, because the two clocks are compared in whole seconds.
    const end = Math.floor(Date.now() / 1000) + 2;
    expect(await ask(`set ends 0 ${end} 1\r\nx\r\n`, '\r\n')).to.equal('STORED\r\n');
    while ((await ask('mg ends t\r\n', '\r\n')) !== 'EN\r\n') {
      expect(Date.now() / 1000).to.be.below(end + 30);
    }
    expect(Date.now() / 1000).to.be.at.least(end - 0.6);
    client.socket.destroy();
  });

  it('kv-compact and kv-load refuse the clock too and take the flag; kv-dump reads, with expiries by the wall clock', async () => {
    await liveInTheFuture('SIGKILL');
    const dump = await runTool('kv-dump', [data, '--format', 'ndjson']);
    expect(dump.code, dump.stderr).to.equal(EXIT.ok);
    const expiry = Number(/"expiresAt":(\d+)/.exec(dump.stdout.toString())?.[1]);
    expect(expiry - Date.now()).to.be.within(800_000, 1_001_000);
    const file = join(dir, 'dump');
    writeFileSync(file, dump.stdout);

    for (const [tool, ...args] of [
      ['kv-compact', data],
      ['kv-load', data, file],
    ] as const) {
      const before = content();
      const refused = await runTool(tool, args);
      expect(refused.code, refused.stderr).to.equal(EXIT.system);
      expect(refused.stderr).to.contain('behind the log by').and.contain('--accept-clock');
      expect(content()).to.deep.equal(before);
      const taken = await runTool(tool, [...args, '--accept-clock']);
      expect(taken.code, taken.stderr).to.equal(EXIT.ok);
    }
    const again = await runTool('kv-dump', [data, '--format', 'ndjson']);
    const kept = Number(/"expiresAt":(\d+)/.exec(again.stdout.toString())?.[1]);
    expect(kept - Date.now()).to.be.within(800_000, 1_010_000);
    expect((await runTool('kv-check', [data])).code).to.equal(EXIT.ok);
  });
});
