// kv-server as a process: what it says, how it ends, and with which code.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { ServerCommand } from '../../support/server-command.js';
import { TestClient } from '../../support/test-server.js';

describe('kv-server', () => {
  let dir: string;
  let data: string;
  const started: ServerCommand[] = [];
  const run = (...argv: string[]): ServerCommand => {
    const server = new ServerCommand(['-p', '-1', '--data', data, ...argv]);
    started.push(server);
    return server;
  };
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-process-'));
    data = path.join(dir, 'data');
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    fs.rmSync(dir, { recursive: true });
  });

  it('says one line on stderr, answers, and ends cleanly with the unsynced write durable', async () => {
    const server = run('-P', path.join(dir, 'pid'));
    const client = await TestClient.open(await server.port());
    expect(server.stderr).to.match(
      /^cairn: listening on 127\.0\.0\.1:\d+, data in \S+, 0 keys recovered, ready in \d+ ms\n$/,
    );
    expect(fs.readFileSync(path.join(dir, 'pid'), 'latin1')).to.equal(`${server.child.pid}\n`);
    client.send('set a 0 0 1\r\n1\r\n');
    expect(await client.take(8)).to.equal('STORED\r\n');
    server.child.kill('SIGTERM');
    expect(await client.rest()).to.equal('');
    const { code, stdout } = await server.ended;
    expect(code).to.equal(EXIT.ok);
    expect(stdout).to.equal('');
    expect(fs.existsSync(path.join(dir, 'pid'))).to.equal(false);

    const again = run();
    const second = await TestClient.open(await again.port());
    expect(again.stderr).to.contain('1 keys recovered');
    const hit = 'VALUE a 0 1\r\n1\r\nEND\r\n';
    expect(await second.ask('get a\r\n', hit)).to.equal(hit);
    second.socket.destroy();
  });

  it('SIGHUP does not end it, SIGINT and SIGUSR1 do, with exit 0', async () => {
    for (const signal of ['SIGINT', 'SIGUSR1'] as const) {
      const server = run();
      const client = await TestClient.open(await server.port());
      server.child.kill('SIGHUP');
      expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
      server.child.kill(signal);
      expect((await server.ended).code, signal).to.equal(EXIT.ok);
      client.socket.destroy();
    }
  });

  it('SIGHUP reads the users again: the new ones come in, the old ones no more', async () => {
    const users = path.join(dir, 'users');
    fs.writeFileSync(users, 'ann:secret\n');
    const server = run('-Y', users, '-v');
    const port = await server.port();
    const login = async (words: string): Promise<string> => {
      const client = await TestClient.open(port);
      client.send(`set x 0 0 ${words.length}\r\n${words}\r\n`);
      const reply = await client.until('\r\n');
      client.socket.destroy();
      return reply;
    };
    expect(await login('ann secret')).to.equal('STORED\r\n');
    fs.writeFileSync(users, 'bob:hunter2\n');
    server.child.kill('SIGHUP');
    await server.says('were read again');
    expect(await login('bob hunter2')).to.equal('STORED\r\n');
    expect(await login('ann secret')).to.equal('CLIENT_ERROR authentication failure\r\n');
    expect(server.stderr).not.to.match(/secret|hunter2/);
  });

  it('a directory that another server has, and a port that is taken, are refused by name', async () => {
    const port = await run().port();
    const locked = await run().ended;
    expect(locked.code).to.equal(EXIT.busy);
    expect(locked.stderr).to.contain(data).and.contain('--data');
    const other = path.join(dir, 'other');
    const taken = new ServerCommand(['-p', String(port), '--data', other]);
    started.push(taken);
    const { code, stderr } = await taken.ended;
    expect(code).to.equal(EXIT.system);
    expect(stderr).to.contain(`127.0.0.1:${port}`).and.contain('in use');
  });

  it('shutdown ends it when -A allows it', async () => {
    const server = run('-A');
    const client = await TestClient.open(await server.port());
    client.send('shutdown graceful\r\n');
    expect(await client.rest()).to.equal('');
    expect((await server.ended).code).to.equal(EXIT.ok);
  });

  it('warns when it listens beyond this machine without users', async () => {
    const server = run('-l', '0.0.0.0');
    expect(await server.says('Anyone who reaches')).to.contain('-Y <file>');
  });

  it('-d returns when it serves, with the pid of the daemon in the file of -P', async () => {
    const pidFile = path.join(dir, 'pid');
    const socket = path.join(dir, 'sock');
    const starter = run('-d', '-P', pidFile, '-s', socket);
    expect((await starter.ended).code).to.equal(EXIT.ok);
    const pid = Number(fs.readFileSync(pidFile, 'latin1'));
    try {
      const client = net.connect(socket);
      await once(client, 'connect');
      const speaker = new TestClient(client);
      expect(await speaker.ask('stats\r\n', `STAT pid ${pid}\r\n`)).to.equal(`STAT pid ${pid}\r\n`);
      const gone = speaker.rest();
      process.kill(pid, 'SIGTERM');
      await gone;
    } finally {
      spawnSync('kill', ['-KILL', String(pid)]);
    }
  });

  it('unusable flags and files end it with 64 before anything is touched', async () => {
    expect((await run('-c', '0').ended).code).to.equal(EXIT.usage);
    expect((await run('-Y', path.join(dir, 'none')).ended).code).to.equal(EXIT.usage);
    expect((await run('-l', 'no.such.host.invalid').ended).code).to.equal(EXIT.system);
  });
});
