// LogChanges, the change feed of the engine: the change of each record, its start, and missing changes.

import { expect } from 'chai';

import { MIB } from '../../../../src/limits.js';
import { isKvError } from '../../../../src/errors.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import { drain } from '../../../support/feed-copy.js';
import {
  FEED_OPTIONS as OPTIONS,
  WITH_HISTORY as HISTORY,
  fill,
  follow,
  refused,
  seqs,
  told,
} from '../../../support/sim-feed.js';
import { SimStore } from '../../../support/sim-store.js';

describe('LogChanges', () => {
  let sim: SimStore;
  const open = async (options: object = OPTIONS): Promise<void> => {
    sim = await SimStore.open(options);
  };
  afterEach(async () => {
    await sim.close();
    expect([...sim.process.openFiles].map(({ path }) => path)).to.deep.equal([]);
  });

  it('gives every kind of change with its fields', async () => {
    await open();
    const expiresAt = sim.store.nowMs() + 60_000;
    await sim.words.set('a', 'one', { flags: 7, expiresAt });
    await sim.words.set('b', '9', { chosenCas: 2n ** 64n - 1n });
    await sim.words.change('incr', 'b', 1n);
    await sim.words.touch('a', expiresAt + 1);
    await sim.words.delete('b');
    sim.store.deletePrefix(Buffer.from('a'));
    sim.store.flush(0);
    await sim.words.durable();
    const found = await told(sim, { after: 0, values: true });
    for (const { timeMs } of found) expect(timeMs).to.be.within(1, sim.store.nowMs());
    const seen = found.map((change) => ({ ...change, timeMs: 0 }));
    const none = { timeMs: 0, flags: 0, expiresAt: 0, cas: 0n, reason: undefined, valueBytes: 0 };
    const put = { ...none, type: 'put' };
    const rest = { ...none, value: undefined };
    expect(seen).to.deep.equal([
      { ...put, seq: 1, key: 'a', value: 'one', flags: 7, expiresAt, cas: 1n, valueBytes: 3 },
      { ...put, seq: 2, key: 'b', value: '9', cas: 2n ** 64n - 1n, valueBytes: 1 },
      { ...put, seq: 3, key: 'b', value: '10', cas: 3n, valueBytes: 2 },
      { ...rest, type: 'touch', seq: 4, key: 'a', expiresAt: expiresAt + 1 },
      { ...rest, type: 'delete', seq: 5, key: 'b', reason: 'deleted' },
      { ...rest, type: 'delete_prefix', seq: 6, key: 'a' },
      { ...rest, type: 'flush', seq: 7, key: '' },
    ]);
    const plain = await told(sim, { after: 0 });
    expect(plain.map(({ value }) => value)).to.deep.equal(plain.map(() => undefined));
    expect(plain.map(({ valueBytes }) => valueBytes)).to.deep.equal([3, 1, 2, 0, 0, 0, 0]);
  });

  it('gives a delayed flush twice, when it is promised and when it is carried out', async () => {
    await open();
    await sim.words.set('a', 'x');
    const atMs = sim.store.nowMs() + 500;
    sim.store.flush(atMs);
    await sim.advance(1000);
    const flushes = (await told(sim, { after: 1 })).map(({ type, expiresAt }) => [type, expiresAt]);
    expect(flushes).to.deep.equal([
      ['flush', atMs],
      ['flush', 0],
    ]);
  });

  it('says why an item was removed: evicted, idle, or expired when a client asked for it', async () => {
    await open({ ...OPTIONS, keysMax: 2, idleMsMax: 60_000 });
    for (const key of ['a', 'b', 'c']) await sim.words.set(key, 'x');
    await sim.words.set('brief', 'x', { expiresAt: sim.store.nowMs() + 50 });
    await sim.words.durable();
    await sim.advance(60);
    await sim.words.lookup('brief');
    await sim.words.durable();
    await sim.advance(200_000);
    const reasons = (await told(sim, { after: 0 })).flatMap(({ key, reason }) =>
      reason === undefined ? [] : [[key, reason]],
    );
    expect(reasons.slice(0, 3)).to.deep.equal([
      ['a', 'evicted'],
      ['b', 'evicted'],
      ['brief', 'expired'],
    ]);
    expect(reasons.slice(3)).to.deep.equal([['c', 'idle']]);
  });

  it('gives each expiry once with logExpiries, whether a reader, the sweeper or an eviction finds it', async () => {
    await open({ ...HISTORY, keysMax: 3, logExpiries: true });
    const expiresAt = sim.store.nowMs() + 50;
    for (const key of ['asked', 'evicted', 'swept']) await sim.words.set(key, 'x', { expiresAt });
    await sim.words.durable();
    await sim.advance(60);
    expect(await sim.words.value('asked')).to.equal(undefined);
    for (const key of ['new', 'newer']) await sim.words.set(key, 'x');
    await sim.words.durable();
    await sim.wait(sim.store.compact({ everything: true }));
    await sim.advance(60_000);
    await sim.reopen('kill');
    await sim.advance(60_000);
    const gone = (await told(sim, { after: 0 })).filter(({ type }) => type === 'delete');
    expect(gone.map(({ reason, key }) => [reason, key])).to.deep.equal([
      ['expired', 'asked'],
      ['expired', 'evicted'],
      ['expired', 'swept'],
    ]);
    expect(Object.keys(await sim.contents()).toSorted()).to.deep.equal(['new', 'newer']);
  });

  it('gives a key or a prefix its own changes, and the flushes that may concern it', async () => {
    await open();
    for (const key of ['a:1', 'a:2', 'b:1', 'a:1']) await sim.words.set(key, 'x');
    for (const prefix of ['a', 'a:1', 'a:12', 'b']) sim.store.deletePrefix(Buffer.from(prefix));
    sim.store.flush(0);
    await sim.words.durable();
    expect(seqs(await told(sim, { after: 0, prefix: Buffer.from('a:') }))).to.deep.equal([
      1, 2, 4, 5, 6, 7, 9,
    ]);
    expect(seqs(await told(sim, { after: 0, key: Buffer.from('a:1') }))).to.deep.equal([
      1, 4, 5, 6, 9,
    ]);
  });

  it('gives the changes after any seq, across segments and restarts', async () => {
    await open();
    const last = await fill(sim, 40);
    expect(sim.names('.seg').length).to.be.greaterThan(3);
    const all = seqs(await told(sim, { after: 0 }));
    expect(all).to.deep.equal(Array.from({ length: last }, (_, at) => at + 1));
    for (const how of ['close', 'kill', { kind: 'lost' }] as const) {
      await sim.reopen(how);
      for (let after = 0; after <= last; after += 1) {
        expect(seqs(await told(sim, { after })), `after ${after}`).to.deep.equal(all.slice(after));
      }
    }
  });

  it('gives only coming changes by default, and more() waits for them', async () => {
    await open();
    await fill(sim, 3);
    const feed = await follow(sim, {});
    expect(feed.position).to.equal(3);
    expect(await sim.wait(drain(feed))).to.deep.equal([]);
    let isWoken = false;
    const woken = feed.more().then(() => (isWoken = true));
    await sim.advance(50);
    expect(isWoken).to.equal(false);
    await sim.words.set('a', 'x');
    await sim.wait(woken);
    expect(seqs(await sim.wait(drain(feed)))).to.deep.equal([4]);
    expect(feed.position).to.equal(4);
    const stopping = new AbortController();
    const stopped = feed.more(stopping.signal);
    stopping.abort();
    await sim.wait(stopped);
    await sim.wait(feed.close());
    expect(feed.isEnded).to.equal(true);
  });

  it('ends when the store closes, and closes its file although no one reads it', async () => {
    await open();
    await fill(sim, 3);
    const idle = await follow(sim, { after: 0 });
    await sim.wait(idle.next());
    const waiting = await follow(sim, {});
    await sim.wait(drain(waiting));
    const woken = waiting.more();
    await sim.close();
    await sim.wait(woken);
    expect([idle.isEnded, waiting.isEnded]).to.deep.equal([true, true]);
    expect(await sim.wait(idle.next())).to.equal(undefined);
    expect(isKvError(await refused(sim, { after: 0 }), 'KV_CLOSED')).to.equal(true);
  });

  it('refuses a seq that was never given out', async () => {
    await open();
    const last = await fill(sim, 2);
    expect(isKvError(await refused(sim, { after: last + 1 }), 'KV_BAD_OPTION')).to.equal(true);
    expect(await told(sim, { after: last })).to.deep.equal([]);
  });

  it('gives a large value while its file exists, in the history too, and no value later', async () => {
    const piece = Buffer.alloc(MIB + 5, 'large');
    for (const options of [OPTIONS, HISTORY]) {
      await open(options);
      await sim.words.putLarge('big', [piece]);
      await sim.words.durable();
      const text = piece.toString('latin1');
      const [first] = await told(sim, { after: 0, values: true });
      expect(first).to.include({ type: 'put', valueBytes: piece.length, value: text });
      await sim.words.delete('big');
      await sim.words.durable();
      await sim.advance(100);
      const [again] = await told(sim, { after: 0, values: true });
      expect(again?.valueBytes).to.equal(piece.length);
      expect(again?.value).to.equal(options === HISTORY ? text : undefined);
      if (options === OPTIONS) await sim.close();
    }
  });

  it('throws a KvError when the system fails, and a later feed loses no change', async () => {
    await open();
    const last = await fill(sim, 20);
    const faults = (kind: 'open' | 'read', code: 'EMFILE' | 'EIO'): void => {
      const effect = { kind: 'error', code, forever: true } as const;
      sim.world.faults = new FaultPlan([{ at: 1, kinds: [kind], effect }]);
    };
    faults('open', 'EMFILE');
    expect(isKvError(await refused(sim, { after: 3 }), 'KV_IO')).to.equal(true);
    sim.world.faults = new FaultPlan();
    const feed = await follow(sim, { after: 3 });
    const found = await sim.wait(drain(feed, 2));
    faults('read', 'EIO');
    const failure = await sim.wait(drain(feed).catch((error: unknown) => error));
    expect(isKvError(failure, 'KV_IO')).to.equal(true);
    await sim.wait(feed.close());
    sim.world.faults = new FaultPlan();
    const rest = await told(sim, { after: found.at(-1)!.seq });
    expect([...seqs(found), ...seqs(rest)].at(-1)).to.equal(last);
  });

  it('names the offset of damage and gives no change after it', async () => {
    await open();
    await fill(sim, 5);
    const [name = ''] = sim.names('.seg');
    const inode = sim.world.disk.find(`/data/${name}`);
    expect(inode).not.to.equal(undefined);
    inode!.cached()[200]! ^= 0xff;
    const feed = await follow(sim, { after: 0 });
    const failure = await sim.wait(drain(feed).catch((error: unknown) => error));
    expect(isKvError(failure, 'KV_CORRUPTION')).to.equal(true);
    expect(failure).to.include({ offset: 64 });
    await sim.wait(feed.close());
  });
});
