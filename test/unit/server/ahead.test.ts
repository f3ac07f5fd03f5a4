// A store that answers later and applies calls in their order: the server passes the requests of a client on without
// waiting for the answers, and the replies keep their order.

import { expect } from 'chai';

import { AheadStore } from '../../support/ahead-store.js';
import { startServerAhead, type TestClient, type TestServer } from '../../support/test-server.js';

describe('a store that answers later and applies calls in their order', () => {
  let server: TestServer<AheadStore>;
  let client: TestClient;

  async function start(store: AheadStore): Promise<void> {
    server = await startServerAhead(store);
    client = await server.connect();
  }

  afterEach(() => server.stop());

  /** Waits until so many calls have reached the store. */
  async function held(count: number): Promise<void> {
    while (server.store.heldCount < count) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Waits until the server has done its work so far and its replies have come. */
  async function roundTrip(): Promise<void> {
    await (await server.connect()).ask('version\r\n', 'VERSION 1.6.45\r\n');
  }

  it('gets every request of a pipeline at once, and its replies leave in request order', async () => {
    await start(new AheadStore({ holds: true }));
    client.send('set a 1 0 1\r\nx\r\nget a\r\nincr n 1\r\nmg a v\r\ntouch a 9\r\ndelete a\r\n');
    await held(6);
    for (let left = 6; left > 1; left -= 1) server.store.answer(left - 1);
    await roundTrip();
    expect(client.received).to.equal('');
    server.store.answer();
    const replies =
      'STORED\r\nVALUE a 1 1\r\nx\r\nEND\r\nNOT_FOUND\r\nVA 1\r\nx\r\nTOUCHED\r\nDELETED\r\n';
    expect(await client.take(replies.length)).to.equal(replies);
  });

  it('has replies that came later sent in one write, in request order, again and again', async () => {
    await start(new AheadStore({ holds: true }));
    const values = ['a', 'b'.repeat(5000), 'c'.repeat(200_000)];
    for (const [at, value] of values.entries()) {
      server.store.memory.put({
        mode: 'set',
        key: Buffer.from(`k${at}`),
        value: Buffer.from(value),
        flags: 0,
        expiresAt: 0,
      });
    }
    const ask = async (keys: readonly number[]): Promise<void> => {
      client.send(keys.map((at) => `get k${at}\r\n`).join(''));
      await held(keys.length);
      while (server.store.heldCount > 1) server.store.answer(1);
      await roundTrip();
      expect(client.received).to.equal('');
      server.store.answer();
      const replies = keys.map(
        (at) => `VALUE k${at} 0 ${values[at]!.length}\r\n${values[at]}\r\nEND\r\n`,
      );
      const expected = replies.join('');
      expect((await client.take(expected.length)) === expected, keys.join(' ')).to.equal(true);
    };
    const pieces: number[] = [];
    client.socket.on('data', (text: string) => pieces.push(text.length));
    const short = Array.from({ length: 40 }, () => 0);
    for (let round = 0; round < 3; round += 1) await ask(short);
    expect(pieces).to.have.length(3);
    await ask([0, 1, 0, 2, 0, 0, 1, ...Array.from({ length: 40 }, () => 1), 2, 2, 0]);
  });

  it('gets all keys of a get at once, and the values leave in the order of the keys', async () => {
    await start(new AheadStore({ holds: true }));
    server.store.memory.put({
      mode: 'set',
      key: Buffer.from('a'),
      value: Buffer.from('1'),
      flags: 0,
      expiresAt: 0,
    });
    server.store.memory.put({
      mode: 'set',
      key: Buffer.from('c'),
      value: Buffer.from('3'),
      flags: 0,
      expiresAt: 0,
    });
    client.send('get a b c\r\nget c\r\n');
    await held(4);
    for (const at of [3, 2, 0, 0]) server.store.answer(at);
    const replies = 'VALUE a 0 1\r\n1\r\nVALUE c 0 1\r\n3\r\nEND\r\nVALUE c 0 1\r\n3\r\nEND\r\n';
    expect(await client.take(replies.length)).to.equal(replies);
  });

  it('gets no more than 64 keys of a get before it has answered one', async () => {
    await start(new AheadStore({ holds: true }));
    const keys = Array.from({ length: 200 }, (_, at) => `k${at}`).join(' ');
    client.send(`get ${keys}\r\nversion\r\n`);
    await held(64);
    await roundTrip();
    expect(server.store.heldCount).to.equal(64);
    for (let left = 200; left > 0; left -= 1) {
      await held(1);
      server.store.answer();
    }
    expect(await client.take(21)).to.equal('END\r\nVERSION 1.6.45\r\n');
  });

  it('gives an unknown outcome, which clients see as such in every protocol', async () => {
    await start(new AheadStore());
    const said: string[] = [];
    for (const request of ['set a 0 0 1\r\nx\r\n', 'ms a 1\r\nx\r\n', 'incr a 1\r\n', 'md a\r\n']) {
      server.store.nextStatus = 'unknown';
      said.push(await client.ask(request, 'SERVER_ERROR outcome unknown\r\n'));
    }
    expect(new Set(said)).to.deep.equal(new Set(['SERVER_ERROR outcome unknown\r\n']));
    server.store.nextStatus = 'not-offered';
    const offered = 'SERVER_ERROR not offered by this store\r\n';
    expect(await client.ask('flush_all 10\r\n', offered)).to.equal(offered);
    const binary = await server.connect();
    server.store.nextStatus = 'unknown';
    // This is a binary set of `a` to `x`. Its status is 0x84, which no client takes for "try again".
    binary.send(
      '\x80\x01\x00\x01\x08\x00\x00\x00\x00\x00\x00\x0a' +
        '\x00'.repeat(12) +
        '\x00'.repeat(8) +
        'ax',
    );
    expect((await binary.take(24 + 15)).slice(6, 8)).to.equal('\x00\x84');
  });

  it('mn is answered after everything before it, and reports quiet failures', async () => {
    await start(new AheadStore({ holds: true }));
    client.send('set a 0 0 1 noreply\r\nx\r\nmn\r\n');
    await held(1);
    await roundTrip();
    expect(client.received).to.equal('');
    server.store.answer();
    expect(await client.take(4)).to.equal('MN\r\n');
    server.store.nextStatus = 'unknown';
    client.send('set a 0 0 1 noreply\r\nx\r\nmn\r\nmn\r\n');
    await held(1);
    server.store.answer();
    const replies = 'SERVER_ERROR outcome unknown\r\nMN\r\n';
    expect(await client.take(replies.length)).to.equal(replies);
  });

  it('gets no more than 4 MiB of values before some are stored', async () => {
    await start(new AheadStore({ holds: true }));
    const value = 'v'.repeat(1024 * 1024 - 1);
    client.send(`set a 0 0 ${value.length} noreply\r\n${value}\r\n`.repeat(8));
    client.send('mn\r\n');
    await held(5);
    await roundTrip();
    expect(server.store.heldCount).to.equal(5);
    for (let left = 8; left > 0; left -= 1) {
      await held(1);
      server.store.answer();
    }
    expect(await client.take(4)).to.equal('MN\r\n');
  });

  it('has its answers sent before quit closes the connection', async () => {
    await start(new AheadStore({ holds: true }));
    client.send('set a 0 0 1\r\nx\r\nquit\r\n');
    await held(1);
    await roundTrip();
    server.store.answer();
    expect(await client.rest()).to.equal('STORED\r\n');
  });

  it('may answer a client that has gone', async () => {
    await start(new AheadStore({ holds: true }));
    client.send('set a 0 0 1\r\nx\r\nget a b\r\n');
    await held(3);
    client.socket.destroy();
    await roundTrip();
    while (server.store.heldCount > 0) server.store.answer();
    await roundTrip();
    client = await server.connect();
    client.send('get a\r\n');
    await held(1);
    server.store.answer();
    expect(await client.until('END\r\n')).to.equal('VALUE a 0 1\r\nx\r\nEND\r\n');
  });
});
