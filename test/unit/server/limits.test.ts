// The bounds of the server: no client can stall, starve or fill it.

import { once } from 'node:events';

import { expect } from 'chai';

import { connectionsWithin, descriptorLimit } from '../../../src/server/descriptors.js';
import type { TestClient } from '../../support/test-server.js';
import { serversOf } from '../../support/test-server-hooks.js';

const STORED = 'STORED\r\n';
const MIB = 2 ** 20;

describe('server limits', () => {
  const start = serversOf();

  /** Sends each second until the server drops the client; returns the seconds until then, at most 60. */
  async function stalled(send: (client: TestClient, second: number) => void): Promise<number> {
    let nowMs = 0;
    const checks: (() => void)[] = [];
    const clock = {
      monotonicMs: () => nowMs,
      setTimer: (_delayMs: number, call: () => void) => {
        checks.push(call);
        return { cancel: () => undefined };
      },
    };
    const { connect, server } = await start({ argv: ['--stall-timeout', '20'], clock });
    const [client, other] = [await connect(), await connect()];
    for (let second = 0; second < 60 && server.counters.stall_kicks === 0; second++) {
      send(client, second);
      await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
      nowMs += 1000;
      checks.pop()!();
    }
    expect(await other.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    return nowMs / 1000;
  }

  it('the server stops reading from a client that never reads, and serves others', async () => {
    const { connect, server } = await start();
    const [greedy, other] = [await connect(), await connect()];
    const value = 'v'.repeat(100_000);
    await greedy.ask(`set a 0 0 ${value.length}\r\n${value}\r\n`, STORED);
    greedy.socket.pause();
    const request = 'get a\r\n';
    const flood = request.repeat(20_000);
    greedy.send(flood);
    // The server stands still for the greedy client when another is answered twice without a further get.
    let before = -1;
    while (server.counters.cmd_get !== before) {
      before = server.counters.cmd_get;
      await other.ask('version\r\n'.repeat(200), 'VERSION 1.6.45\r\n'.repeat(200));
    }
    expect(server.counters.cmd_get).to.be.lessThan(1000);
    expect(await other.ask('get nokey\r\n', 'END\r\n')).to.equal('END\r\n');
    greedy.socket.resume();
    const answer = `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`;
    expect(await greedy.take(answer.length)).to.equal(answer);
  });

  it('a congested and overloaded store holds input back until it has caught up', async () => {
    const { connect, store } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send('set a 0 0 1\r\n1\r\n');
    await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
    store.commits.congested = true;
    store.commits.overloaded = true;
    client.send('set b 0 0 1\r\n1\r\n');
    const seen = once(client.socket, 'data');
    store.commits.release();
    await seen;
    expect(store.durability.lastSeq).to.equal(1);
    store.commits.congested = false;
    store.commits.overloaded = false;
    store.commits.tell();
    await client.take(STORED.length);
    store.commits.release();
    while (store.durability.lastSeq < 2) await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
    store.commits.release();
    expect(await client.take(STORED.length)).to.equal(STORED);
  });

  it('a congested store does not hold up a client that only reads, and an overloaded store does', async () => {
    const { connect, store } = await start({ held: true });
    const [writer, reader] = [await connect(), await connect()];
    writer.send('set a 0 0 1\r\n1\r\n');
    await reader.ask('version\r\n', 'VERSION 1.6.45\r\n');
    store.commits.congested = true;
    expect(await reader.ask('get b\r\n', 'END\r\n')).to.equal('END\r\n');
    store.commits.overloaded = true;
    reader.send('get c\r\n');
    const seen = writer.take(STORED.length);
    store.commits.release();
    expect(await seen).to.equal(STORED);
    expect(reader.received).to.equal('');
    store.commits.overloaded = false;
    store.commits.tell();
    expect(await reader.take(5)).to.equal('END\r\n');
  });

  it('-R makes a client that pipelines yield to others', async () => {
    const { connect, server } = await start({ argv: ['-R', '1'] });
    const client = await connect();
    const expected = 'END\r\n'.repeat(6);
    expect(await client.ask('get a\r\n'.repeat(6), expected)).to.equal(expected);
    expect(server.counters.conn_yields).to.equal(5);
  });

  it('changes of a long value end the turn by their time, and not by their number', async () => {
    let nowMs = 0;
    const { connect, server, store } = await start({ clock: { monotonicMs: () => nowMs } });
    const client = await connect();
    // A process reads the clock after every request at first; these requests take it past that.
    const misses = 'END\r\n'.repeat(2000);
    expect(await client.ask('get a\r\n'.repeat(2000), misses)).to.equal(misses);
    const value = 'v'.repeat(100_000);
    const set = `set long 0 0 ${value.length}\r\n${value}\r\n`;
    expect(await client.ask(set, STORED)).to.equal(STORED);
    const put = store.put.bind(store);
    store.put = (change) => {
      nowMs += 6;
      return put(change);
    };
    const yields = server.counters.conn_yields;
    const expected = STORED.repeat(7);
    expect(await client.ask('append long 0 0 1\r\nx\r\n'.repeat(7), expected)).to.equal(expected);
    // The first change starts the time of the turn, and nothing follows the last one.
    expect(server.counters.conn_yields - yields).to.equal(5);
  });

  it('a client that pipelines without end does not hold up another', async () => {
    const { connect } = await start();
    const [flood, other] = [await connect(), await connect()];
    const request = 'get nokey\r\n'.repeat(200_000);
    flood.send(request);
    await flood.take(5);
    await other.ask('get nokey\r\n', 'END\r\n');
    const answered = flood.received.length / 5;
    expect(answered).to.be.lessThan(150_000);
    await flood.take(200_000 * 5 - 5);
  });

  it('-c refuses the next connection with an error, closes it and counts it', async () => {
    const { connect, server } = await start({ argv: ['-c', '2'] });
    const [first, second] = [await connect(), await connect()];
    for (const client of [first, second]) await client.ask('version\r\n', 'VERSION 1.6.45\r\n');
    const refused = await connect();
    expect(await refused.rest()).to.equal('ERROR Too many open connections\r\n');
    expect(server.counters.rejected_connections).to.equal(1);
    first.socket.destroy();
    await once(first.socket, 'close');
    while (server.connectionCount > 1) await new Promise(setImmediate);
    const next = await connect();
    expect(await next.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
  });

  it('-c closes the oldest client without a request for the next one', async () => {
    const { connect, server } = await start({ argv: ['-c', '3'] });
    const speaker = await connect();
    await speaker.ask('version\r\n', 'VERSION 1.6.45\r\n');
    const [oldest, younger] = [await connect(), await connect()];
    while (server.connectionCount < 3) await new Promise(setImmediate);
    expect(server.silentCount).to.equal(2);
    const next = await connect();
    expect(await next.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(await oldest.rest()).to.equal('');
    expect(await younger.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(await speaker.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(server.counters.silent_kicks).to.equal(1);
    expect(server.counters.rejected_connections).to.equal(0);
    expect(server.silentCount).to.equal(0);
  });

  it('idle_timeout closes a silent client, and counts it', async () => {
    let nowMs = 0;
    const checks: (() => void)[] = [];
    const clock = {
      monotonicMs: () => nowMs,
      setTimer: (_delayMs: number, call: () => void) => {
        checks.push(call);
        return { cancel: () => undefined };
      },
    };
    const { connect, server } = await start({ argv: ['-o', 'idle_timeout=3'], clock });
    const [silent, busy] = [await connect(), await connect()];
    await silent.ask('version\r\n', 'VERSION 1.6.45\r\n');
    // The server checks for input every second.
    nowMs = 100;
    checks.pop()!();
    nowMs = 3000;
    await busy.ask('version\r\n', 'VERSION 1.6.45\r\n');
    checks.pop()!();
    expect(server.counters.idle_kicks).to.equal(0);
    nowMs = 3100;
    checks.pop()!();
    expect(await silent.rest()).to.equal('');
    expect(server.counters.idle_kicks).to.equal(1);
    expect(await busy.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
  });

  describe('--stall-timeout', () => {
    it('ends a command that comes at one byte per second', async () => {
      expect(await stalled((client) => client.send('g'))).to.be.within(20, 22);
    });

    it('ends a value that comes at one byte per second', async () => {
      const sent = stalled((client, second) =>
        client.send(second === 0 ? 'set k 0 0 9000\r\n' : 'v'),
      );
      expect(await sent).to.be.within(20, 22);
    });

    it('ends a client that never reads its replies', async () => {
      const value = 'v'.repeat(100_000);
      const took = await stalled((client, second) => {
        if (second > 0) return;
        client.socket.pause();
        client.send(`set big 0 0 ${value.length}\r\n${value}\r\n${'get big\r\n'.repeat(500)}`);
      });
      expect(took).to.be.within(20, 23);
    });

    it('does not end an idle client, a slow client that makes progress, or one that types', async () => {
      expect(await stalled(() => undefined)).to.equal(60);
      const upload = 'v'.repeat(2000);
      const slow = stalled((client, second) =>
        client.send(second === 0 ? 'set k 0 0 900000\r\n' : upload),
      );
      expect(await slow).to.equal(60);
      expect(
        await stalled((client, second) => client.send(['get ', 'k\r\n'][second % 2]!)),
      ).to.equal(60);
    });
  });

  it('connectionsWithin() keeps descriptors for the log', () => {
    expect(connectionsWithin(1024, Number.POSITIVE_INFINITY, 500)).to.equal(1024);
    expect(connectionsWithin(1024, 1024, 0)).to.equal(896);
    expect(connectionsWithin(1024, 1024, 500)).to.equal(396);
    expect(connectionsWithin(1024, 160, 1)).to.equal(95);
    expect(connectionsWithin(1024, 20, 1)).to.equal(1);
  });

  it('descriptorLimit() reads the soft limit, and gives no limit without /proc', () => {
    const text =
      'Limit   Soft Limit  Hard Limit  Units\nMax open files            120   4096   files\n';
    expect(descriptorLimit(() => text)).to.equal(120);
    expect(descriptorLimit(() => '')).to.equal(Number.POSITIVE_INFINITY);
  });
});

describe('server values', () => {
  const start = serversOf();

  it('other clients are answered while a slow client stalls in its value', async () => {
    const { connect } = await start();
    const [slow, one, two] = [await connect(), await connect(), await connect()];
    const value = 'x'.repeat(50);
    slow.send('set k 50\r\n');
    expect(await one.ask('set a 0 0 1\r\n1\r\n', STORED)).to.equal(STORED);
    expect(await two.ask('get k\r\n', 'END\r\n')).to.equal('END\r\n');
    slow.send(value.slice(0, 20));
    expect(await two.ask('get a\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n')).to.contain('END');
    expect(slow.received).to.equal('');
    slow.send(`${value.slice(20)}\r\n`);
    expect(await slow.take(STORED.length)).to.equal(STORED);
    const hit = `VALUE k 0 50\r\n${value}\r\nEND\r\n`;
    expect(await two.ask('get k\r\n', hit)).to.equal(hit);
  });

  it('a large value comes in and leaves in pieces, in order with the requests around it', async () => {
    const { connect } = await start({ argv: ['-I', '8m'] });
    const client = await connect();
    const text = '0123456789abcdefghijklmnopqrstuvwxyz'.repeat(150_000);
    const set = `set big 7 0 ${text.length}\r\n${text}\r\n`;
    const hit = `VALUE big 7 ${text.length}\r\n${text}\r\nEND\r\n`;
    client.send(`set a 0 0 1\r\n1\r\n${set}get big\r\nget a\r\n`);
    const expected = `${STORED}${STORED}${hit}VALUE a 0 1\r\n1\r\nEND\r\n`;
    expect((await client.take(expected.length)) === expected).to.equal(true);
  });

  it('a client that leaves in the middle of a large value stores nothing', async () => {
    const { connect, store, server } = await start({ argv: ['-I', '8m'] });
    const client = await connect();
    client.send(`set big 0 0 ${4 * MIB}\r\n${'x'.repeat(2 * MIB)}`);
    while (server.counters.bytes_read < 2 * MIB) await new Promise(setImmediate);
    client.socket.destroy();
    while (server.connectionCount > 0) await new Promise(setImmediate);
    expect(store.durability.lastSeq).to.equal(0);
  });

  it('a value over -I is refused, and the old value of the key is gone', async () => {
    const { connect, server } = await start();
    const client = await connect();
    await client.ask('set a 0 0 1\r\n1\r\n', STORED);
    const refused = 'SERVER_ERROR object too large for cache\r\n';
    const set = `set a 0 0 ${2 * MIB}\r\n${'x'.repeat(2 * MIB)}\r\n`;
    expect(await client.ask(set, refused)).to.equal(refused);
    expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(server.counters.store_too_large).to.equal(1);
  });
});

describe('server end', () => {
  const start = serversOf();

  it('a client that ends its input is answered before the connection closes', async () => {
    const { connect } = await start();
    const client = await connect();
    client.socket.end('set a 0 0 1\r\n1\r\nget a\r\n');
    expect(await client.rest()).to.equal(`${STORED}VALUE a 0 1\r\n1\r\nEND\r\n`);
  });

  it('quit closes the connection after the replies before it, without a reply of its own', async () => {
    const { connect, store } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send('set a 0 0 1\r\n1\r\nquit\r\nversion\r\n');
    await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
    store.commits.release();
    expect(await client.rest()).to.equal(STORED);
  });

  it('stop() answers the received requests when they are durable, and closes', async () => {
    const { connect, store, server, port } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send('set a 0 0 1\r\n1\r\n');
    await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
    const stopped = server.stop();
    expect(await other.rest()).to.equal('');
    expect(client.received).to.equal('');
    store.commits.release();
    await stopped;
    expect(await client.rest()).to.equal(STORED);
    expect(server.connectionCount).to.equal(0);
    expect(port).to.be.greaterThan(0);
  });
});
