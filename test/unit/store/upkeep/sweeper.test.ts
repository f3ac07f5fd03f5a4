import { expect } from 'chai';

import { SimStore } from '../../../support/sim-store.js';

describe('Sweeper', () => {
  it('removes expired items, and nothing else, by itself', async () => {
    const sim = await SimStore.open();
    const { words, store } = sim;
    for (let at = 0; at < 50; at++) {
      await words.set(`short${at}`, 'x', { expiresAt: store.nowMs() + 500 });
      await words.set(`long${at}`, 'x', { expiresAt: store.nowMs() + 900_000 });
      await words.set(`ever${at}`, 'x');
    }
    await sim.advance(400);
    expect(sim.stat('curr_items')).to.equal(150);
    // They are removed once the log shows a time at which they were dead.
    await sim.advance(2000);
    expect(sim.stat('curr_items')).to.equal(100);
    expect(sim.stat('crawler_reclaimed')).to.equal(50);
    expect(sim.stat('expired_unfetched')).to.equal(50);
  });

  it('removes flushed items, at once or at the time of the flush, and then stops', async () => {
    const sim = await SimStore.open();
    for (let at = 0; at < 20; at++) await sim.words.set(`k${at}`, 'x');
    sim.store.flush(0);
    await sim.words.set('new', 'x');
    sim.store.flush(sim.store.nowMs() + 5000);
    await sim.words.set('between', 'x');
    await sim.advance(500);
    expect(sim.stat('curr_items')).to.equal(2);
    await sim.advance(5000);
    await sim.words.set('newer', 'x');
    await sim.advance(500);
    expect(Object.keys(await sim.contents())).to.deep.equal(['newer']);
    expect(sim.stat('curr_items')).to.equal(1);
    const sweeps = sim.stat('lru_crawler_starts');
    await sim.advance(5000);
    expect(sim.stat('lru_crawler_starts')).to.equal(sweeps);
  });

  it('drops items that were not used for --max-idle, durably', async () => {
    const sim = await SimStore.open({ idleMsMax: 10_000 });
    const uses = ['read', 'touched', 'set', 'idle', 'peeked'];
    for (const key of uses) await sim.words.set(key, 'x');
    await sim.advance(8000);
    await sim.words.get('read');
    await sim.words.touch('touched', 0);
    await sim.words.set('set', 'y');
    await sim.words.get('peeked', { quiet: true });
    await sim.advance(5000);
    expect(Object.keys(await sim.contents()).sort()).to.deep.equal(['read', 'set', 'touched']);
    expect(sim.stat('kv_idle_dropped')).to.equal(2);
    await sim.words.durable();
    await sim.reopen('kill');
    expect(await sim.words.value('idle')).to.equal(undefined);
  });

  it('finds nothing to do in a store without expiry', async () => {
    const sim = await SimStore.open();
    for (let at = 0; at < 10; at++) await sim.words.set(`k${at}`, 'x');
    await sim.advance(5000);
    expect(sim.stat('crawler_items_checked')).to.equal(0);
  });
});
