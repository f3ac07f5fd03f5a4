// kv-server as a process: its messages, its end, and its exit codes.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { packet } from '../../support/binary-packets.js';
import { freePort } from '../../support/free-port.js';
import { removeFolder } from '../../support/remove-folder.js';
import { skip } from '../../support/programs.js';
import { ServerCommand } from '../../support/server-command.js';
import { TestClient } from '../../support/test-server.js';

describe('kv-server @long', () => {
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
    // A daemon may still be ending after its kill.
    removeFolder(dir);
  });

  it('writes one line to stderr, answers, and ends cleanly with the unsynced write durable', async () => {
    const server = run('-P', path.join(dir, 'pid'));
    const client = await TestClient.open(await server.port());
    expect(server.stderr).to.match(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z cairn: listening on 127\.0\.0\.1:\d+, data in \S+, 0 keys recovered, ready in \d+ ms\n$/,
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
    expect(again.stderr).to.contain('1 key recovered');
    const hit = 'VALUE a 0 1\r\n1\r\nEND\r\n';
    expect(await second.ask('get a\r\n', hit)).to.equal(hit);
    second.socket.destroy();
  });

  it('--http listens before the data directory is touched, logs its URL, and ends with the server', async () => {
    const server = run('--http', '-1');
    await server.port();
    const url =
      /health and metrics on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(server.stderr)?.[1] ?? '';
    expect(await (await fetch(`${url}/readyz`)).text()).to.equal('ok\n');
    const second = new ServerCommand([
      '-p',
      '-1',
      '--data',
      `${data}2`,
      '--http',
      new URL(url).port,
    ]);
    started.push(second);
    const { code, stderr } = await second.ended;
    expect([code, fs.existsSync(`${data}2`)]).to.deep.equal([EXIT.system, false]);
    expect(stderr).to.contain('the address is in use').and.contain('--http');
    // The HTTP connection is still open, and must not hold up the end.
    server.child.kill('SIGTERM');
    expect((await server.ended).code).to.equal(EXIT.ok);
  });

  it('SIGHUP does not end it, and SIGINT and SIGUSR1 end it with exit code 0 @long', async () => {
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

  it('SIGHUP reads the users again, so that new users log in and old ones no longer do', async () => {
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

  it('refuses by name a directory that another server has, and a port in use @long', async () => {
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

  it('refuses a second server although LOCK was removed, or when the directory has another name @long', async () => {
    await run().port();
    fs.rmSync(path.join(data, 'LOCK'));
    const link = path.join(dir, 'link');
    fs.symlinkSync(data, link);
    for (const again of [run(), new ServerCommand(['-p', '-1', '--data', link])]) {
      started.push(again);
      const { code, stderr } = await again.ended;
      expect(code, stderr).to.equal(EXIT.busy);
      expect(stderr).to.contain('Another process has this data directory open');
    }
  });

  it('refuses by name a LOCK that may not be written, with exit code 77', async function () {
    // Only root can start the server as another user.
    if (process.getuid?.() !== 0) skip(this, 'root');
    fs.mkdirSync(data);
    fs.writeFileSync(path.join(data, 'LOCK'), '', { mode: 0o400 });
    fs.chownSync(data, 65_534, 65_534);
    fs.chmodSync(dir, 0o755);
    const { code, stderr } = await run('-u', 'nobody').ended;
    expect(stderr).to.contain('The lock file may not be opened').and.contain(data);
    expect(code).to.equal(EXIT.noPermission);
  });

  it('listens at every address of -l, repeated, in a list or with a port, and at -s with the mode of -a', async () => {
    const fixed = await freePort();
    const socket = path.join(dir, 'sock');
    const listed = `127.0.0.2,127.0.0.3:${fixed}`;
    const server = run('-l', '127.0.0.1', '-l', listed, '-s', socket, '-a', '0620');
    const line = await server.says('ready in');
    const where = /listening on (.*), data in/.exec(line)?.[1]?.split(', ') ?? [];
    expect(where.map((each) => each.replace(/:\d+$/, ''))).to.deep.equal([
      socket,
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
    ]);
    expect(where[3]).to.equal(`127.0.0.3:${fixed}`);
    expect(fs.statSync(socket).mode & 0o777).to.equal(0o620);
    for (const [i, each] of where.entries()) {
      const [host, port] = each.split(':');
      const client = net.connect(
        port === undefined ? { path: each } : { host, port: Number(port) },
      );
      await once(client, 'connect');
      const speaker = new TestClient(client);
      const number = `${i + 1}\r\n`;
      if (i === 0) await speaker.ask('set n 0 0 1\r\n1\r\n', 'STORED\r\n');
      else expect(await speaker.ask('incr n 1\r\n', number), each).to.equal(number);
      client.destroy();
    }
  });

  it('has no password in its arguments or in its log with -vv @long', async () => {
    const users = path.join(dir, 'users');
    fs.writeFileSync(users, 'ann:hush-plain\n');
    const server = run('-S', '-Y', users, '-vv');
    const port = await server.port();
    const plain = await TestClient.open(port);
    for (const [password, status] of [
      ['hush-wrong', 0x20],
      ['hush-plain', 0],
    ] as const) {
      const value = `\0ann\0${password}`;
      plain.send(packet(0x21, { key: 'PLAIN', value }).toString('latin1'));
      const header = await plain.take(24);
      expect(Buffer.from(header, 'latin1').readUInt16BE(6)).to.equal(status);
      await plain.take(Buffer.from(header, 'latin1').readUInt32BE(8));
    }
    plain.socket.destroy();
    server.child.kill('SIGHUP');
    await server.says('were read again');
    const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(server.child.pid)]);
    expect(stdout.toString()).to.contain('-Y').and.not.to.contain('hush');
    server.child.kill('SIGTERM');
    const ended = await server.ended;
    expect(ended.stderr + ended.stdout).not.to.contain('hush');
  });

  it('the command shutdown ends it when -A allows that', async () => {
    const server = run('-A');
    const client = await TestClient.open(await server.port());
    // A shutdown with a word too many is a mistake, and must not end the server.
    const refused = 'CLIENT_ERROR invalid shutdown mode\r\n';
    expect(await client.ask('shutdown graceful now\r\n', refused)).to.equal(refused);
    client.send('shutdown graceful\r\n');
    expect(await client.rest()).to.equal('');
    expect((await server.ended).code).to.equal(EXIT.ok);
  });

  it('warns when it listens beyond the machine without users', async () => {
    const server = run('-l', '0.0.0.0');
    expect(await server.says('Anyone who reaches')).to.contain('-Y <file>');
  });

  it('-d returns when the daemon serves, with its pid in the file of -P', async () => {
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

  it('unusable flags and files end it with exit code 64 before it touches anything @long', async () => {
    expect((await run('-c', '0').ended).code).to.equal(EXIT.usage);
    expect((await run('-Y', path.join(dir, 'none')).ended).code).to.equal(EXIT.usage);
    expect((await run('-l', 'no.such.host.invalid').ended).code).to.equal(EXIT.system);
  });
});
