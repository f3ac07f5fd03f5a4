import { setImmediate } from 'node:timers/promises';

import { expect } from 'chai';

import { Receipts, type Receiver } from '../../../src/server/receipts.js';
import { serversOf } from '../../support/test-server-hooks.js';

const MIB = 2 ** 20;
const STORED = 'STORED\r\n';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

class Client implements Receiver {
  state = 'begun';
  bytesReceived = 0;
  isHeldUp = false;
  goOn(): void {
    this.state = 'going on';
  }
  holdUp(): void {
    this.state = 'held up';
  }
  destroy(): void {
    this.state = 'dropped';
  }
}

/** Returns six clients that send nothing: four have claims, two of them on the reserve, and two wait. */
const crowd = (receipts: Receipts): Client[] => {
  const stills = Array.from({ length: 6 }, () => new Client());
  const outcomes = stills.map((one) => receipts.claim(one, 1, 1));
  expect(outcomes.join(' ')).to.equal('granted granted granted granted waits waits');
  return stills;
};

describe('Receipts', () => {
  let nowMs = 0;
  let dropped = 0;
  /** The timers that are due when a test lets time pass. */
  let timers: (() => void)[] = [];
  const clock = {
    monotonicMs: () => nowMs,
    defer: (call: () => void) => void setTimeout(call),
    setTimer: (_delayMs: number, call: () => void) => {
      timers.push(call);
      return { cancel() {} };
    },
  };
  const receiptsOf = (claimsMax: number, waitingMax: number, reserveMax = 0): Receipts =>
    new Receipts({ claimsMax, reserveMax, waitingMax }, clock, () => (dropped += 1));
  const pass = async (toMs: number): Promise<void> => {
    nowMs = toMs;
    for (const call of timers.splice(0)) call();
    await turn();
  };
  beforeEach(() => {
    [nowMs, dropped] = [0, 0];
    timers = [];
  });

  it('grants whole claims up to the bound, and later claims as room is released', async () => {
    const receipts = receiptsOf(10, 100);
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

  it('refuses a claim when the bytes that waiting clients have sent take too much', () => {
    const receipts = receiptsOf(10, 5);
    receipts.claim(new Client(), 10, 1);
    expect(receipts.claim(new Client(), 10, 5)).to.equal('waits');
    expect(receipts.claim(new Client(), 10, 1)).to.equal('refused');
  });

  it('gives room in turns to the newest client and to the one that has waited longest', async () => {
    const receipts = receiptsOf(1, 100);
    const [holder, ...others] = Array.from({ length: 6 }, () => new Client());
    receipts.claim(holder!, 1, 1);
    for (const one of others) receipts.claim(one, 1, 1);
    receipts.release(others[4]!);
    const order: number[] = [];
    let current = holder!;
    for (let n = 0; n < 4; n++) {
      receipts.release(current);
      await turn();
      const at = others.findIndex((one) => one.state === 'going on');
      order.push(at);
      current = others[at]!;
      current.state = 'done';
    }
    expect(order).to.deep.equal([3, 0, 2, 1]);
  });

  it('drops silent and slow clients while others wait, and no other client', async () => {
    const receipts = receiptsOf(4, 100);
    const [still, trickling, held, quick] = Array.from({ length: 4 }, () => new Client());
    for (const one of [still, trickling, held, quick]) receipts.claim(one!, 1, 1);
    await pass(20_000);
    expect(dropped, 'nobody waits').to.equal(0);
    for (const one of [still, trickling, held, quick]) receipts.release(one!);
    for (const one of [still, trickling, held, quick]) receipts.claim(one!, 1, 1);
    receipts.claim(new Client(), 1, 1);
    receipts.claim(new Client(), 1, 1);
    held!.isHeldUp = true;
    for (const ms of [20_300, 20_600]) {
      trickling!.bytesReceived += 100;
      quick!.bytesReceived += 20_000;
      await pass(ms);
    }
    expect(dropped).to.equal(0);
    quick!.bytesReceived += 20_000;
    await pass(20_700);
    expect([still, trickling, held, quick].map((one) => one!.state)).to.deep.equal([
      'dropped',
      'dropped',
      'begun',
      'begun',
    ]);
    expect(dropped).to.equal(2);
    for (const one of [still, trickling]) receipts.release(one!);
    await turn();
    receipts.claim(new Client(), 1, 1);
    receipts.claim(new Client(), 1, 1);
    receipts.claim(new Client(), 1, 1);
    for (let ms = 21_000; ms <= 30_000; ms += 100) {
      quick!.bytesReceived += 20_000;
      await pass(ms);
    }
    expect([held!.state, quick!.state], 'ten seconds').to.deep.equal(['begun', 'dropped']);
  });

  describe('the reserve', () => {
    it('goes at once from a silent client to a newcomer, and the silent client waits for its turn', async () => {
      const receipts = receiptsOf(4, 100, 2);
      const stills = crowd(receipts);
      nowMs = 300;
      for (let n = 0; n < 5; n++) {
        const quick = new Client();
        expect(receipts.claim(quick, 1, 1)).to.equal('granted');
        receipts.release(quick);
        await turn();
      }
      const states = (): string => stills.map(({ state }) => state).join(', ');
      expect(states()).to.equal('begun, begun, held up, begun, begun, begun');
      expect(receipts.amount).to.equal(6);
      receipts.release(stills[0]!);
      await turn();
      receipts.release(stills[1]!);
      await turn();
      expect(stills[4]!.state, 'waited longest').to.equal('going on');
      receipts.release(stills[4]!);
      receipts.release(stills[5]!);
      await turn();
      expect(stills[2]!.state).to.equal('going on');
      for (const one of stills) receipts.release(one);
      expect([receipts.amount, receipts.count, dropped]).to.deep.equal([0, 0, 0]);
    });

    it('stays with a client that makes progress, and goes to a newcomer once its client is silent', async () => {
      const receipts = receiptsOf(4, 100, 2);
      const [, , first, second] = crowd(receipts);
      await pass(300);
      for (const one of [first!, second!]) one.bytesReceived += 20_000;
      const newcomer = new Client();
      expect(receipts.claim(newcomer, 1, 1)).to.equal('waits');
      first!.bytesReceived += 20_000;
      await pass(320);
      expect([first!.state, second!.state, newcomer.state]).to.deep.equal([
        'begun',
        'held up',
        'going on',
      ]);
    });

    it('is taken from no client when waiting clients use half of their room', () => {
      const receipts = receiptsOf(4, 6, 2);
      const stills = crowd(receipts);
      nowMs = 1000;
      expect(receipts.claim(new Client(), 1, 1)).to.equal('granted');
      nowMs = 2000;
      expect(receipts.claim(new Client(), 1, 1)).to.equal('waits');
      expect(stills.filter(({ state }) => state === 'held up')).to.have.length(1);
    });
  });

  it('drops silent clients sooner when more clients wait', async () => {
    const receipts = receiptsOf(4, 100);
    const holders = Array.from({ length: 4 }, () => new Client());
    for (const one of holders) receipts.claim(one, 1, 1);
    for (let n = 0; n < 30; n++) receipts.claim(new Client(), 1, 1);
    await pass(240);
    expect(dropped).to.equal(0);
    await pass(260);
    expect(dropped).to.equal(4);
  });
});

describe('values that are being received @long', () => {
  const start = serversOf();

  it('half-sent values together are bounded in memory, others are served, and all values arrive', async () => {
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
    // Clients that gave up the reserve for others keep the bytes that they have sent.
    expect(bytes).to.be.within(60 * MIB, 128 * MIB);
    expect(await other.ask('set small 0 0 1\r\n1\r\n', STORED)).to.equal(STORED);
    for (const client of clients) client.send(`${value.slice(half.length)}\r\n`);
    for (const client of clients) expect(await client.take(STORED.length)).to.equal(STORED);
    other.send('stats\r\n');
    expect(await other.until('END\r\n')).to.contain('STAT read_buf_bytes 0\r\n');
    expect(server.counters.receipt_kicks).to.equal(0);
  });

  it('a client that comes last does not wait for hundreds that stall', async () => {
    const { connect, server } = await start();
    const value = 'v'.repeat(MIB - 100);
    for (let n = 0; n < 300; n++) {
      (await connect()).send(`set k${n} 0 0 ${value.length}\r\n${value.slice(0, 100_000)}`);
    }
    const other = await connect();
    while (server.counters.receipt_kicks === 0) await setImmediate();
    expect(await other.ask(`set own 0 0 ${value.length}\r\n${value}\r\n`, STORED)).to.equal(STORED);
    // 64 clients at a time hold all the room, so not all earlier clients have been dropped yet.
    expect(server.counters.receipt_kicks).to.be.below(200);
  });

  it('no more than 16 large values come in at the same time, and the next one when one ends', async () => {
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
