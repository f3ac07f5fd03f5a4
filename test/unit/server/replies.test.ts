// Replies: the order in which they leave, the watermark, and a failed commit.

import { expect } from 'chai';

import type { TestClient } from '../../support/test-server.js';
import { serversOf } from '../../support/test-server-hooks.js';

const STORED = 'STORED\r\n';
const NO_SPACE = 'SERVER_ERROR disk full, not stored\r\n';
const hit = (key: string, value: string): string =>
  `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`;
const set = (key: string, value: string, noreply = ''): string =>
  `set ${key} 0 0 ${value.length}${noreply}\r\n${value}\r\n`;

/** Selects the keys whose values come from the disk. */
const isSlow = (key: string): boolean => key.startsWith('s');

/** Waits until the server has handled all earlier input, by its answer to another client. */
async function settled(other: TestClient): Promise<void> {
  await other.ask('version\r\n', 'VERSION 1.6.45\r\n');
}

describe('Replies', () => {
  const start = serversOf();

  it('answers set and get', async () => {
    const client = await (await start()).connect();
    expect(await client.ask(set('a', 'abc'), STORED)).to.equal(STORED);
    expect(await client.ask('get a\r\n', hit('a', 'abc'))).to.equal(hit('a', 'abc'));
  });

  it('holds STORED until the record is durable', async () => {
    const { store, connect } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send(set('a', '1'));
    await settled(other);
    expect(client.received).to.equal('');
    store.commits.release();
    expect(await client.take(STORED.length)).to.equal(STORED);
  });

  it('holds the reply to a get of an unsynced value, on any connection', async () => {
    const { store, connect } = await start({ held: true });
    const [writer, reader, other] = [await connect(), await connect(), await connect()];
    writer.send(set('a', '1'));
    await settled(other);
    reader.send('get a\r\n');
    await settled(other);
    expect(reader.received).to.equal('');
    store.commits.release();
    expect(await reader.take(hit('a', '1').length)).to.equal(hit('a', '1'));
  });

  it('holds the miss of an unsynced delete', async () => {
    const { store, connect } = await start({ held: true });
    const [writer, reader, other] = [await connect(), await connect(), await connect()];
    writer.send(set('a', '1'));
    await settled(other);
    store.commits.release();
    writer.send('delete a\r\n');
    await settled(other);
    reader.send('get a\r\n');
    await settled(other);
    expect(reader.received).to.equal('');
    store.commits.release();
    expect(await reader.take(5)).to.equal('END\r\n');
  });

  it('sends the replies of one connection in order, and those of another connection at once', async () => {
    const { store, connect } = await start({ held: true });
    const [writer, other] = [await connect(), await connect()];
    writer.send(`get b\r\n${set('a', '1')}get b\r\n`);
    expect(await writer.take(5)).to.equal('END\r\n');
    await settled(other);
    expect(writer.received).to.equal('');
    store.commits.release();
    expect(await writer.take(13)).to.equal(`${STORED}END\r\n`);
  });

  it('releases only replies that the watermark has reached', async () => {
    const { store, connect } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send(set('a', '1') + set('b', '1'));
    await settled(other);
    store.commits.release(1);
    expect(await client.take(STORED.length)).to.equal(STORED);
    await settled(other);
    expect(client.received).to.equal('');
    store.commits.release(2);
    expect(await client.take(STORED.length)).to.equal(STORED);
  });

  it('turns the replies that depend on a failed commit into errors, and no others', async () => {
    const { store, connect } = await start({ held: true });
    const [client, reader, other] = [await connect(), await connect(), await connect()];
    client.send(set('a', '1'));
    await settled(other);
    store.commits.release();
    await client.take(STORED.length);
    client.send(`${set('b', '2')}get a\r\nget a b\r\n${set('a', '3')}`);
    await settled(other);
    reader.send('get a b\r\n');
    await settled(other);
    store.commits.failAll();
    const expected = `${NO_SPACE}${hit('a', '1')}${NO_SPACE}${NO_SPACE}`;
    expect(await client.take(expected.length)).to.equal(expected);
    expect(await reader.take(NO_SPACE.length)).to.equal(NO_SPACE);
    expect(await reader.ask('get a b\r\n', hit('a', '1'))).to.equal(hit('a', '1'));
  });

  it('sends long values in order, and releases and fails them as short ones', async () => {
    const { store, connect } = await start({ held: true, argv: ['-I', '2m'] });
    const [client, other] = [await connect(), await connect()];
    const [long, longer] = ['l'.repeat(300_000), 'x'.repeat(1_000_000)];
    client.send(set('a', long) + set('b', longer));
    await settled(other);
    store.commits.release();
    await client.take(2 * STORED.length);
    const [a, b] = [hit('a', long), hit('b', longer)];
    expect((await client.ask('get a\r\nget b\r\nget a\r\n', a + b + a)) === a + b + a).to.equal(
      true,
    );
    client.send(`get a\r\n${set('c', '1')}get c\r\n${set('a', '2')}get b\r\n`);
    expect((await client.take(a.length)) === a).to.equal(true);
    await settled(other);
    store.commits.release(store.commits.watermark + 1);
    const next = STORED + hit('c', '1');
    expect(await client.take(next.length)).to.equal(next);
    await settled(other);
    expect(client.received).to.equal('');
    store.commits.failAll();
    const last = NO_SPACE + b;
    expect((await client.take(last.length)) === last).to.equal(true);
  });

  it('holds MN for the noreply writes before it, and reports when they failed', async () => {
    const { store, server, connect } = await start({ held: true });
    const [client, other] = [await connect(), await connect()];
    client.send(`${set('a', '1', ' noreply')}mn\r\n`);
    await settled(other);
    expect(client.received).to.equal('');
    store.commits.release();
    expect(await client.take(4)).to.equal('MN\r\n');
    client.send(set('a', '2', ' noreply'));
    await settled(other);
    store.commits.failAll();
    expect(await client.ask('mn\r\n', NO_SPACE)).to.equal(NO_SPACE);
    expect(await client.ask('mn\r\n', 'MN\r\n')).to.equal('MN\r\n');
    expect(server.counters.noreply_writes).to.equal(2);
    expect(server.counters.noreply_failed).to.equal(1);
  });

  it('keeps the place of a value from the disk, and handles later requests meanwhile', async () => {
    const { connect, store } = await start({ slow: isSlow });
    const client = await connect();
    await client.ask(set('slow', 'old') + set('fast', 'f'), STORED + STORED);
    const expected = hit('slow', 'old') + hit('fast', 'f') + STORED + hit('slow', 'new');
    client.send(`get slow\r\nget fast\r\n${set('slow', 'new')}get slow\r\n`);
    expect(await client.take(expected.length)).to.equal(expected);
    expect(store.durability.lastSeq).to.equal(3);
  });

  it('answers a multi-get with some values from the disk in the order of its keys', async () => {
    const { connect } = await start({ slow: isSlow });
    const client = await connect();
    await client.ask(set('s1', 'a') + set('f', 'b') + set('s2', 'c'), STORED.repeat(3));
    const expected =
      'VALUE f 0 1\r\nb\r\nVALUE s1 0 1\r\na\r\nVALUE f 0 1\r\nb\r\nVALUE s2 0 1\r\nc\r\nEND\r\n' +
      hit('f', 'b');
    client.send('get f s1 nokey f s2\r\nget f\r\n');
    expect(await client.take(expected.length)).to.equal(expected);
  });

  it('answers a damaged value with an error without END, and counts it', async () => {
    const { connect, store, server } = await start();
    const client = await connect();
    await client.ask(set('a', '1') + set('b', '2'), STORED + STORED);
    store.damaged.add('b');
    const expected = 'VALUE a 0 1\r\n1\r\nSERVER_ERROR stored value is damaged\r\nMN\r\n';
    client.send('get a b a\r\nmn\r\n');
    expect(await client.take(expected.length)).to.equal(expected);
    expect(server.counters.damaged_reads).to.equal(1);
  });

  it('answers pipelined gets in one write', async () => {
    const { connect } = await start();
    const client = await connect();
    await client.ask(set('a', '1'), STORED);
    const pieces: number[] = [];
    client.socket.on('data', (text: string) => pieces.push(text.length));
    const expected = hit('a', '1').repeat(16);
    expect(await client.ask('get a\r\n'.repeat(16), expected)).to.equal(expected);
    expect(pieces).to.deep.equal([expected.length]);
  });
});
