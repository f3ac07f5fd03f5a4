// Clients that connect and never make a request, against a real server process: whatever they do, and on whatever kind
// of listener, they cannot keep out clients that make requests.

import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { expect } from 'chai';

import { Authority, canMakeCertificates } from '../../support/certificates.js';
import { skip } from '../../support/programs.js';
import { ServerCommand } from '../../support/server-command.js';
import { TestClient } from '../../support/test-server.js';
import { removeFolder } from '../../support/remove-folder.js';

const END = 'END\r\n';
/** More than `-c 200` and the further clients that the server accepts only to refuse them. */
const STRANGERS = 216;
const CLOSE_WAIT = '08';

/** The first bytes of a ClientHello; its length announces more bytes. */
const HALF_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

async function numbers(client: TestClient): Promise<Map<string, number>> {
  client.send('stats\r\n');
  const text = await client.until(END);
  return new Map(
    [...text.matchAll(/^STAT (\S+) (\d+)\r$/gm)].map((found) => [found[1]!, Number(found[2])]),
  );
}

/** Counts the sockets of the server's port that the peer has closed and the server has not. */
function forgotten(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = fs.readFileSync('/proc/net/tcp', 'latin1').split('\n');
  return lines.filter((line) => {
    const [, address = '', , state] = line.trim().split(/\s+/);
    return address.endsWith(local) && state === CLOSE_WAIT;
  }).length;
}

describe('strangers @long', function () {
  let dir: string;
  let authority: Authority;
  let server: ServerCommand | undefined;
  const sockets: net.Socket[] = [];

  before(function () {
    if (!canMakeCertificates()) skip(this, 'openssl');
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-strangers-'));
    authority = new Authority(dir, 'ours');
  });
  after(() => removeFolder(dir));
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.child.kill('SIGKILL');
    await server?.ended;
    removeFolder(path.join(dir, 'data'));
  });

  async function start(...argv: string[]): Promise<number> {
    server = new ServerCommand([
      '-p',
      '-1',
      '--data',
      path.join(dir, 'data'),
      '-c',
      '200',
      ...argv,
    ]);
    return server.port();
  }

  function startTls(): Promise<number> {
    const { certPath, keyPath } = authority.sign('first', 'server');
    return start('-Z', '-o', `ssl_chain_cert=${certPath},ssl_key=${keyPath}`);
  }

  async function plain(where: net.NetConnectOpts): Promise<net.Socket> {
    const socket = net.connect({ allowHalfOpen: true, ...where });
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    return socket.resume();
  }

  async function secure(port: number): Promise<TestClient> {
    const ca = fs.readFileSync(authority.certPath);
    const options = { port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined };
    const socket = tls.connect(options);
    sockets.push(socket);
    await once(socket, 'secureConnect');
    return new TestClient(socket);
  }

  const ways: readonly (readonly [string, (socket: net.Socket) => void])[] = [
    ['close without a byte', (socket) => socket.end()],
    ['reset the connection', (socket) => socket.resetAndDestroy()],
    ['send a part of a ClientHello', (socket) => socket.write(HALF_HELLO)],
    ['send a part of a ClientHello and close', (socket) => socket.end(HALF_HELLO)],
    ['send something else', (socket) => socket.write('get a\r\n')],
    ['send nothing', () => undefined],
  ];
  for (const [what, act] of ways) {
    it(`a TLS port serves others when ${STRANGERS} strangers ${what}`, async () => {
      const port = await startTls();
      const speaker = await secure(port);
      expect(await speaker.ask('get a\r\n', END)).to.equal(END);
      for (let n = 0; n < STRANGERS; n++) act(await plain({ port, host: '127.0.0.1' }));
      const next = await secure(port);
      expect(await next.ask('get a\r\n', END)).to.equal(END);
      expect(await speaker.ask('get a\r\n', END), 'who spoke before').to.equal(END);
      const stats = await numbers(next);
      expect(stats.get('curr_connections')).to.be.at.most(200);
      expect(stats.get('rejected_connections')).to.equal(0);
      expect(forgotten(port)).to.equal(0);
    });
  }

  it('a TLS handshake has a deadline, and stats count and show it', async function () {
    this.timeout(40_000);
    const port = await startTls();
    const client = await secure(port);
    await client.ask('get a\r\n', END);
    const [silent, half] = [
      await plain({ port, host: '127.0.0.1' }),
      await plain({ port, host: '127.0.0.1' }),
    ];
    half.write(HALF_HELLO);
    // A client that sends byte by byte gets no more time.
    const trickle = setInterval(() => half.write('\0'), 500);
    try {
      while ((await numbers(client)).get('kv_silent_connections') !== 2);
      client.send('stats conns\r\n');
      expect((await client.until(END)).split('kv_handshake')).to.have.length(3);
      const before = await numbers(client);
      expect(before.get('curr_connections')).to.equal(3);
      await Promise.all(
        [once(silent, 'end'), once(half, 'close')].map((gone) => gone.catch(() => 0)),
      );
    } finally {
      clearInterval(trickle);
    }
    const stats = await numbers(client);
    expect(stats.get('ssl_handshake_errors')).to.equal(2);
    expect(stats.get('curr_connections')).to.equal(1);
  });

  it('a client that closes its half after the handshake is answered', async () => {
    const port = await startTls();
    const client = await secure(port);
    client.socket.end('get a\r\nget b\r\n');
    expect(await client.rest()).to.equal(`${END}${END}`);
  });

  const listeners: readonly (readonly [string, readonly string[]])[] = [
    ['TCP', []],
    ['a unix socket', ['-s']],
    ['the plain port', ['--plain-port', '-1', '-p', '0']],
    ['a port with users', ['-Y']],
  ];
  for (const [name, flags] of listeners) {
    it(`${STRANGERS} silent clients do not use up ${name}`, async () => {
      const users = path.join(dir, 'users');
      fs.writeFileSync(users, 'me:secret\n', { mode: 0o600 });
      const unix = path.join(dir, 'sock');
      const paths: Readonly<Record<string, string>> = { '-s': unix, '-Y': users };
      const argv = flags.flatMap((flag) =>
        paths[flag] === undefined ? flag : [flag, paths[flag]],
      );
      const isUnix = flags[0] === '-s';
      let where: net.NetConnectOpts = { path: unix };
      if (isUnix) {
        server = new ServerCommand(['--data', path.join(dir, 'data'), '-c', '200', ...argv]);
        await server.says('ready in');
      } else where = { port: await start(...argv), host: '127.0.0.1' };
      const word = flags[0] === '-Y' ? 'set a 0 0 9\r\nme secret\r\n' : 'version\r\n';
      const reply = flags[0] === '-Y' ? 'STORED\r\n' : 'VERSION 1.6.45\r\n';
      for (let n = 0; n < STRANGERS; n++) {
        // Requests without a login do not count as requests when a login is required.
        const socket = await plain(where);
        if (flags[0] === '-Y') socket.write('version\r\n');
      }
      const client = new TestClient(await plain(where));
      expect(await client.ask(word, reply)).to.equal(reply);
      const stats = await numbers(client);
      expect(stats.get('kv_silent_kicks')).to.be.greaterThan(10);
      expect(stats.get('curr_connections')).to.equal(200);
      expect(stats.get('kv_silent_connections')).to.equal(199);
    });
  }
});
