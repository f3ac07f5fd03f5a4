import { setImmediate } from 'node:timers/promises';

import { expect } from 'chai';

import { Receipts, type Receiver } from '../../../src/server/receipts.js';
import { serversOf } from '../../support/test-server-hooks.js';

const MIB = 2 ** 20;
const STORED = 'STORED\r\n';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

class Client implements Receiver {
  owed = 1;
  state = 'begun';
  owedMs(): number {
    return this.owed;
  }
  goOn(): void {
    this.state = 'going on';
  }
  destroy(): void {
    this.state = 'dropped';
  }
}

describe('Receipts', () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, defer: (call: () => void) => void setTimeout(call) };
  beforeEach(() => (nowMs = 0));

  it('grants whole claims up to the bound, then in order as room comes back', async () => {
    const receipts = new Receipts({ claimsMax: 10, waitingMax: 100 }, clock);
    const [first, second, third] = [new Client(), new Client(), new Client()];
    expect(receipts.claim(first, 8, 1)).to.equal('granted');
    expect(receipts.claim(second, 6, 1)).to.equal('waits');
    expect(receipts.claim(third, 2, 1), 'nobody overtakes').to.equal('waits');
    expect(receipts.claim(second, 6, 1), 'asked again').to.equal('waits');
    receipts.release(first);
    await turn();
    expect([second.state, third.state]).to.deep.equal(['going on', 'going on']);
    expect(receipts.claim(second, 6, 1)).to.equal('granted');
    expect(receipts.amount).to.equal(8);
    for (const one of [second, third]) receipts.release(one);
    expect(receipts.amount).to.equal(0);
    expect(receipts.count).to.equal(0);
  });

  it('refuses when what the waiting have sent takes too much', () => {
    const receipts = new Receipts({ claimsMax: 10, waitingMax: 5 }, clock);
    receipts.claim(new Client(), 10, 1);
    expect(receipts.claim(new Client(), 10, 5)).to.equal('waits');
    expect(receipts.claim(new Client(), 10, 1)).to.equal('refused');
  });

  it('drops the silent and the slow while others wait, and nobody else', () => {
    const receipts = new Receipts({ claimsMax: 4, waitingMax: 100 }, clock);
    const [silent, slow, held, quick] = [new Client(), new Client(), new Client(), new Client()];
    for (const one of [silent, slow, held, quick]) receipts.claim(one, 1, 1);
    silent.owed = 2000;
    held.owed = 0;
    nowMs = 20_000;
    expect(receipts.relieve(nowMs), 'nobody waits').to.equal(0);
    for (let n = 0; n < 9; n++) receipts.claim(new Client(), 1, 1);
    nowMs = 9000;
    expect(receipts.relieve(nowMs)).to.equal(1);
    expect(silent.state).to.equal('dropped');
    receipts.release(silent);
    nowMs = 10_000;
    quick.owed = 0;
    expect(receipts.relieve(nowMs)).to.equal(1);
    expect([slow.state, held.state, quick.state]).to.deep.equal(['dropped', 'begun', 'begun']);
  });
});

describe('values on their way in', () => {
  const start = serversOf();

  it('half-sent values are bounded in memory together; others go on, and the rest comes in its turn', async () => {
    const { connect, server } = await start();
    const value = 'v'.repeat(MIB - 100);
    const half = value.slice(0, MIB / 2);
    const clients = [];
    for (let n = 0; n < 100; n++) {
      const client = await connect();
      client.send(`set k${n} 0 0 ${value.length}\r\n${half}`);
      clients.push(client);
    }
    const other = await connect();
    let bytes = 0;
    for (let count = 0; count < 100;) {
      other.send('stats\r\n');
      const text = await other.until('END\r\n');
      count = Number(/read_buf_count (\d+)/.exec(text)![1]);
      bytes = Math.max(bytes, Number(/read_buf_bytes (\d+)/.exec(text)![1]));
    }
    expect(bytes).to.be.within(60 * MIB, 70 * MIB);
    expect(await other.ask('set small 0 0 1\r\n1\r\n', STORED)).to.equal(STORED);
    for (const client of clients) client.send(`${value.slice(half.length)}\r\n`);
    for (const client of clients) expect(await client.take(STORED.length)).to.equal(STORED);
    other.send('stats\r\n');
    expect(await other.until('END\r\n')).to.contain('STAT read_buf_bytes 0\r\n');
    expect(server.counters.receipt_kicks).to.equal(0);
  });

  it('no more than 16 large values come in at the same time, the next when one is done', async () => {
    const { connect, store } = await start({ argv: ['-I', '8m'] });
    const open = store.openLargeValue.bind(store);
    const seen = { opened: 0 };
    store.openLargeValue = () => {
      seen.opened += 1;
      return open();
    };
    const value = 'v'.repeat(2 * MIB);
    const clients = [];
    for (let n = 0; n < 17; n++) {
      const client = await connect();
      client.send(`set k${n} 0 0 ${value.length}\r\n${value.slice(0, MIB)}`);
      clients.push(client);
    }
    const other = await connect();
    while (seen.opened < 16) await setImmediate();
    for (let n = 0; n < 20; n++) await other.ask('get a\r\n', 'END\r\n');
    expect(seen.opened).to.equal(16);
    clients[0]!.socket.destroy();
    while (seen.opened < 17) await setImmediate();
    for (const client of clients.slice(1)) {
      client.send(`${value.slice(MIB)}\r\n`);
      expect(await client.take(STORED.length)).to.equal(STORED);
    }
  });
});
