import { expect } from 'chai';
import * as fc from 'fast-check';

import { seeded } from '../../../support/seed.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 256 * 1024, snapshot: 'never' } as const;

type Use = { readonly do: 'set' | 'get' | 'peek' | 'touch' | 'delete'; readonly key: string };

const use: fc.Arbitrary<Use> = fc.record({
  do: fc.constantFrom('set', 'set', 'get', 'peek', 'touch', 'delete'),
  key: fc.nat(9).map((each) => `k${each}`),
});

describe('Bounds', () => {
  it('--max-keys evicts exactly the least recently used items, for any order of use', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(use, { maxLength: 60 }), async (uses) => {
        const sim = await SimStore.open({ ...OPTIONS, keysMax: 4 });
        // The keys by their use, the newest last.
        const order: string[] = [];
        for (const { do: what, key } of uses) {
          const at = order.indexOf(key);
          if (what === 'set') {
            await sim.words.set(key, 'x');
            if (at < 0 && order.length === 4) order.shift();
          } else if (what === 'get') await sim.words.get(key);
          else if (what === 'peek') await sim.words.get(key, { quiet: true });
          else if (what === 'touch') await sim.words.touch(key, 0);
          else await sim.words.delete(key);
          const now = order.indexOf(key);
          if (what !== 'peek' && now >= 0) order.splice(now, 1);
          const isUsed = what === 'set' || (at >= 0 && (what === 'get' || what === 'touch'));
          if (isUsed) order.push(key);
        }
        expect(Object.keys(await sim.contents()).sort()).to.deep.equal([...order].sort());
      }),
      seeded('--max-keys', 40),
    );
  });

  it('--max-bytes bounds the bytes of the frames, and evicted items stay gone', async () => {
    const bytesMax = 4000;
    const sim = await SimStore.open({ ...OPTIONS, bytesMax });
    for (let at = 0; at < 40; at++) {
      await sim.words.set(`k${at}`, 'x'.repeat(at * 10));
      expect(sim.stat('bytes')).to.be.at.most(bytesMax);
    }
    const kept = await sim.contents();
    const newest = Array.from({ length: Object.keys(kept).length }, (_, at) => `k${39 - at}`);
    expect(Object.keys(kept).sort()).to.deep.equal(newest.sort());
    expect(sim.stat('evictions')).to.equal(40 - newest.length);
    await sim.words.durable();
    await sim.reopen('kill');
    expect(await sim.contents()).to.deep.equal(kept);
  });

  it('a value that can never fit evicts no item', async () => {
    const sim = await SimStore.open({ ...OPTIONS, bytesMax: 1000 });
    await sim.words.set('k', 'x');
    expect((await sim.words.set('big', 'x'.repeat(2000))).status).to.equal('no-memory');
    expect(await sim.contents()).to.deep.equal({ k: 'x' });
  });

  it('-M refuses a new item, and takes one that replaces an item or comes after a delete', async () => {
    const sim = await SimStore.open({ ...OPTIONS, keysMax: 2, evicts: false });
    for (const key of ['a', 'b']) await sim.words.set(key, 'x');
    expect((await sim.words.set('c', 'x')).status).to.equal('no-memory');
    expect(sim.stat('store_no_memory')).to.equal(1);
    expect((await sim.words.set('a', 'y')).status).to.equal('stored');
    await sim.words.delete('b');
    expect((await sim.words.set('c', 'x')).status).to.equal('stored');
    expect(await sim.contents()).to.deep.equal({ a: 'y', c: 'x' });
    expect(sim.stat('evictions')).to.equal(0);
  });
});
