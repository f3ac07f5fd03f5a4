// Bounds of the store that once were not kept, or that evicted a live item although there was room.

import { expect } from 'chai';

import { SimStore } from '../support/sim-store.js';

describe('--max-keys', () => {
  it('counts the empty items that a read with win and vivifyExpiresAt makes', async () => {
    const sim = await SimStore.open({ keysMax: 2 });
    for (const key of ['a', 'b', 'c']) {
      await sim.words.lookup(key, { win: true, vivifyExpiresAt: 0 });
    }
    expect(Object.keys(await sim.contents()).sort()).to.deep.equal(['b', 'c']);
    expect(sim.stat('evictions')).to.equal(1);
  });

  it('refuses an empty item when nothing may be evicted', async () => {
    const sim = await SimStore.open({ keysMax: 1, evicts: false });
    await sim.words.set('a', 'x');
    const lookup = await sim.words.lookup('b', { win: true, vivifyExpiresAt: 0 });
    expect(lookup).to.include({ kind: 'refused', status: 'no-memory' });
    expect(await sim.contents()).to.deep.equal({ a: 'x' });
  });

  it('evicts no item for a key whose expired item is replaced', async () => {
    const sim = await SimStore.open({ keysMax: 2 });
    await sim.words.set('live', 'x');
    await sim.words.set('dead', 'x', { expiresAt: 1 });
    expect((await sim.words.set('dead', 'again')).status).to.equal('stored');
    expect(await sim.contents()).to.deep.equal({ live: 'x', dead: 'again' });
    expect(sim.stat('evictions')).to.equal(0);
  });
});
