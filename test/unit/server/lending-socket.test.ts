// All connections read into one buffer: the unused input of one must survive the input of another.

import net from 'node:net';
import { Duplex } from 'node:stream';

import { expect } from 'chai';

import { lending } from '../../../src/server/lending-socket.js';
import type { Server } from '../../../src/server/server.js';
import { serversOf } from '../../support/test-server-hooks.js';

const STORED = 'STORED\r\n';

/** Returns the most connections that closed between two turns, after all have closed. */
async function mostAtOnce(server: Server): Promise<number> {
  let most = 0;
  for (let before = server.connectionCount; before > 0;) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = server.connectionCount;
    most = Math.max(most, before - now);
    before = now;
  }
  return most;
}

describe('lending socket @long', () => {
  const start = serversOf();

  it('half a request survives the input of another connection', async () => {
    const { connect } = await start();
    const [slow, other] = [await connect(), await connect()];
    const noise = 'x'.repeat(60_000);
    slow.send('version\r\nset a 0 0 10\r\nhello');
    await slow.take('VERSION 1.6.45\r\n'.length);
    expect(await other.ask(`set b 0 0 60000\r\n${noise}\r\n`, STORED)).to.equal(STORED);
    expect(await slow.ask('world\r\n', STORED)).to.equal(STORED);
    const reply = 'VALUE a 0 10\r\nhelloworld\r\nEND\r\n';
    expect(await slow.ask('get a\r\n', reply)).to.equal(reply);
  });

  it('requests that wait for the end of a turn survive too', async () => {
    const { connect } = await start({ argv: ['-R', '1'] });
    const clients = [await connect(), await connect(), await connect()];
    const requests = clients.map((_, at) =>
      Array.from({ length: 200 }, (_each, n) => `set k${at}-${n} 0 0 4\r\nv${at}${n % 10}.\r\n`),
    );
    for (const [at, client] of clients.entries()) client.send(requests[at]!.join(''));
    for (const client of clients) await client.take(200 * STORED.length);
    for (const [at, client] of clients.entries()) {
      const reply = `VALUE k${at}-137 0 4\r\nv${at}7.\r\nEND\r\n`;
      expect(await client.ask(`get k${at}-137\r\n`, reply)).to.equal(reply);
    }
  });

  it('pieces of a large value survive while they are written', async () => {
    const { connect } = await start({ argv: ['-I', '8m'] });
    const [first, second] = [await connect(), await connect()];
    first.send(`set a 0 0 3000000\r\n${'a'.repeat(3_000_000)}\r\n`);
    second.send(`set b 0 0 3000000\r\n${'b'.repeat(3_000_000)}\r\n`);
    expect(await first.take(STORED.length)).to.equal(STORED);
    expect(await second.take(STORED.length)).to.equal(STORED);
    const reply = `VALUE a 0 3000000\r\n${'a'.repeat(3_000_000)}\r\nEND\r\n`;
    expect((await first.ask('get a\r\n', reply)) === reply).to.equal(true);
  });

  it('reply bytes that the system does not take at once follow in order', async () => {
    const { connect } = await start();
    const client = await connect();
    const value = 'abcdefg'.repeat(9000);
    await client.ask(`set a 0 0 ${value.length}\r\n${value}\r\n`, STORED);
    const reply = `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`;
    client.socket.pause();
    client.send('get a\r\nversion\r\n'.repeat(200));
    // The server has now written as much as the system takes.
    await (await connect()).ask('version\r\n', 'VERSION 1.6.45\r\n');
    client.socket.resume();
    const expected = `${reply}VERSION 1.6.45\r\n`.repeat(200);
    expect((await client.take(expected.length)) === expected).to.equal(true);
  });

  it('a client that has gone before its reply only closes its connection', async () => {
    const { connect, server, store } = await start({ held: true });
    const [gone, other] = [await connect(), await connect()];
    gone.send('set a 0 0 1\r\nx\r\n'.repeat(100));
    await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
    gone.socket.resetAndDestroy();
    store.commits.release();
    expect(await other.ask('version\r\n', 'VERSION 1.6.45\r\n')).to.equal('VERSION 1.6.45\r\n');
    const last = await connect();
    await last.ask('version\r\n', 'VERSION 1.6.45\r\n');
    expect(server.connectionCount).to.equal(2);
  });

  it('the server still counts its connections, and stops when the last has gone', async () => {
    const { connect, server, stop } = await start();
    const client = await connect();
    await client.ask('version\r\n', 'VERSION 1.6.45\r\n');
    expect(server.connectionCount).to.equal(1);
    await stop();
    expect(await client.rest()).to.equal('');
    expect(server.connectionCount).to.equal(0);
  });

  const ends: readonly (readonly [string, (socket: net.Socket) => unknown])[] = [
    ['are reset', (socket) => socket.resetAndDestroy()],
    ['end their input', (socket) => socket.end()],
  ];
  for (const [what, act] of ends) {
    it(`hundreds of connections that ${what} in one turn are closed a few at a time`, async () => {
      const { connect, server } = await start();
      const clients = [];
      for (let n = 0; n < 400; n++) clients.push(await connect());
      for (const client of clients) await client.ask('version\r\n', 'VERSION 1.6.45\r\n');
      for (const client of clients) act(client.socket);
      expect(await mostAtOnce(server)).to.be.within(1, 200);
    });
  }

  it('hundreds of connections that are gone before their replies in one turn are closed a few at a time', async () => {
    const { connect, server, store } = await start({ held: true });
    const clients = [];
    for (let n = 0; n < 400; n++) clients.push(await connect());
    for (const client of clients) client.send('set a 0 0 1\r\nx\r\n');
    while (server.counters.cmd_set < 400) await new Promise((resolve) => setImmediate(resolve));
    // The server reads from no connection any more, so it does not see that they are gone.
    [store.commits.congested, store.commits.overloaded] = [true, true];
    const seen = server.counters.bytes_read;
    for (const client of clients) client.send('get a\r\n');
    while (server.counters.bytes_read < seen + 400 * 7) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const client of clients) client.socket.resetAndDestroy();
    await Promise.all(clients.map((client) => client.rest()));
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(server.connectionCount).to.equal(400);
    [store.commits.congested, store.commits.overloaded] = [false, false];
    store.commits.release();
    expect(await mostAtOnce(server)).to.be.within(1, 200);
  });

  it('a socket without a handle stays as it is', () => {
    const socket = new Duplex() as net.Socket;
    expect(lending(socket)).to.equal(socket);
  });

  it('values that arrive in pieces at the same time do not mix, and neither do the requests after them', async () => {
    const { connect } = await start({ argv: ['-I', '1m'] });
    const clients = [await connect(), await connect(), await connect()];
    const values = ['abcdefg', 'hijkl', 'mnopqrstuvw'].map((word) =>
      word.repeat(200_000).slice(0, 1_000_000),
    );
    const wire = values.map((value) => `set k 0 0 ${value.length}\r\n${value}\r\nversion\r\n`);
    const cuts = [70_000, 300_000, 300_001, 900_000, 999_990, Infinity];
    for (const [at, cut] of cuts.entries()) {
      const from = cuts[at - 1] ?? 0;
      for (const [n, client] of clients.entries()) client.send(wire[n]!.slice(from, cut));
      // The pieces of this round have arrived after this reply.
      await (await connect()).ask('version\r\n', 'VERSION 1.6.45\r\n');
    }
    const replies = `${STORED}VERSION 1.6.45\r\n`;
    for (const client of clients) expect(await client.take(replies.length)).to.equal(replies);
    for (const [n, client] of clients.entries()) {
      const set = `set k${n} 0 0 ${values[n]!.length}\r\n${values[n]!}\r\n`;
      expect(await client.ask(set, STORED)).to.equal(STORED);
    }
    for (const [n, value] of values.entries()) {
      const reply = `VALUE k${n} 0 ${value.length}\r\n${value}\r\nEND\r\n`;
      expect((await clients[0]!.ask(`get k${n}\r\n`, reply)) === reply).to.equal(true);
    }
  });
});
