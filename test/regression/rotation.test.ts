// Two tasks want a new segment at the same time: a compaction of everything, and a segment that is half full.

import { expect } from 'chai';

import { DIR, openEngine, readAll } from '../sim/engine.js';
import { unwrap } from '../sim/recovery-check.js';
import { SimWorld } from '../sim/sim-world.js';

const OPTIONS = { segmentBytesMax: 4096, cacheBytesMax: 0 };

describe('A rotation that two tasks want while the segment is half full @long', () => {
  it('makes one successor, and everything is there after the next start', async function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 20; seed++) {
      const world = new SimWorld(seed);
      world.disk.makeDir(DIR);
      const settle = async <T>(promise: Promise<T>, step: string): Promise<T> =>
        unwrap(await world.scheduler.settle(promise), `${step} of seed ${seed}`);
      const store = await settle(openEngine(world.boot(), OPTIONS), 'start');
      const compactions: Promise<unknown>[] = [];
      for (let at = 0; at < 12; at++) {
        const [key, value] = [Buffer.from(`k${at}`), Buffer.alloc(700, at)];
        void store.put({ mode: 'set', key, value, flags: at, expiresAt: 0 });
        if (at % 3 === seed % 3) compactions.push(store.compact({ everything: true }));
        await world.scheduler.advance(0.7);
      }
      await settle(Promise.all(compactions), 'compaction');
      await world.scheduler.advance(3000);
      world.losePower({ kind: 'lost' });
      const again = await settle(openEngine(world.boot(), OPTIONS), 'second start');
      const found = await settle(readAll(again), 'read');
      expect([...found.values()].map(({ flags }) => flags).sort((a, b) => a - b)).to.deep.equal([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
      ]);
    }
  });
});
