// Latencies: the times of requests, by command, until their reply leaves, whatever the reply waits for.

import { expect } from 'chai';

import { nodeClock } from '../../../src/env/node-env.js';
import { COMMANDS, Latencies } from '../../../src/server/latencies.js';
import { serversOf } from '../../support/test-server-hooks.js';

describe('Latencies', () => {
  const start = serversOf();
  let nowMs: number;
  let latencies: Latencies;
  const clock = { monotonicMs: () => nowMs };

  beforeEach(() => {
    nowMs = 1000;
    latencies = new Latencies({ ...nodeClock, ...clock });
  });

  /** Returns command → the number of its requests, and their seconds together. */
  function seen(): Record<string, readonly [count: number, seconds: number]> {
    const all = COMMANDS.map((command, at) => {
      const { count, sum } = latencies.ofCommand[at]!;
      return [command, [count, Number(sum.toFixed(3))]] as const;
    });
    return Object.fromEntries(all.filter(([, [count]]) => count > 0));
  }

  it('a write is timed until it is durable, and so are the requests after it', async () => {
    const { connect, store } = await start({ held: true, clock, latencies });
    const client = await connect();
    expect(await client.ask('get x\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(seen()).to.deep.equal({ get: [1, 0] });
    client.send('set a 0 0 1\r\n1\r\nincr a 1\r\nget a b\r\nmn\r\n');
    while (store.durability.lastSeq < 2) await new Promise(setImmediate);
    expect(seen()).to.deep.equal({ get: [1, 0] });
    nowMs += 250;
    store.commits.release(1);
    await client.until('STORED\r\n');
    expect(seen()).to.deep.equal({ get: [1, 0], set: [1, 0.25] });
    nowMs += 500;
    store.commits.release();
    await client.until('MN\r\n');
    expect(seen()).to.deep.equal({
      get: [2, 0.75],
      set: [1, 0.25],
      incr: [1, 0.75],
      other: [1, 0.75],
    });
  });

  it('requests for values from the disk and for large values are counted by command', async () => {
    let isSlow = false;
    const slow = (): boolean => isSlow;
    const { connect } = await start({ clock, latencies, slow, argv: ['-I', '4m'] });
    const client = await connect();
    const large = 'x'.repeat(1_500_000);
    client.send(`set l 0 0 ${large.length}\r\n${large}\r\nset a 0 0 1\r\n1\r\n`);
    await client.until('STORED\r\nSTORED\r\n');
    expect(seen()).to.deep.equal({ set: [2, 0] });
    isSlow = true;
    const both = 'VALUE a 0 1\r\n1\r\nEND\r\nVERSION';
    expect(await client.ask('get a\r\nversion\r\n', both)).to.equal(both);
    expect(seen()).to.deep.equal({ set: [2, 0], get: [1, 0], other: [1, 0] });
  });

  it('requests that come together are counted one by one', async () => {
    const { connect } = await start({ clock, latencies });
    const client = await connect();
    client.send(
      `${'get x\r\n'.repeat(5)}mn\r\n${'get x\r\n'.repeat(3)}set a 0 0 1\r\n1\r\nget a\r\nmn\r\n`,
    );
    await client.until('VALUE');
    await client.until('MN');
    expect(seen()).to.deep.equal({ get: [9, 0], other: [2, 0], set: [1, 0] });
  });

  it('each command counts under its name, with noreply too', async () => {
    const { connect } = await start({ clock, latencies });
    const client = await connect();
    for (const name of ['set', 'add', 'replace', 'append', 'prepend']) {
      client.send(`${name} k 0 0 1\r\n1\r\n`);
    }
    client.send('cas k 0 0 1 1\r\n1\r\nset k 0 0 1 noreply\r\n1\r\nincr k 1\r\ndecr k 1\r\n');
    client.send('touch k 0\r\ngat 0 k\r\ngets k\r\nmg k v\r\ndelete k\r\nmd k\r\n');
    client.send('flush_all\r\nverbosity 0\r\nmn\r\n');
    await client.until('MN\r\n');
    const ones = ['add', 'replace', 'append', 'prepend', 'cas', 'incr', 'decr', 'touch', 'gat'];
    expect(seen()).to.deep.equal({
      ...Object.fromEntries([...ones, 'flush_all'].map((name) => [name, [1, 0]])),
      ...Object.fromEntries(['set', 'get', 'delete', 'other'].map((name) => [name, [2, 0]])),
    });
  });

  it('replies that a failed commit took back are not timed, and do not disturb later ones', async () => {
    const { connect, store } = await start({ held: true, clock, latencies });
    const client = await connect();
    client.send('set a 0 0 1\r\n1\r\n');
    while (store.durability.lastSeq < 1) await new Promise(setImmediate);
    store.commits.failAll();
    await client.until('\r\n');
    expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(seen()).to.deep.equal({ get: [1, 0] });
  });
});
