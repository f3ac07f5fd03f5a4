// cutLog(): the cut of a backup through a log that is being written. It lies after everything that was acknowledged
// before, and before everything that is not on disk yet.

import { expect } from 'chai';

import { cutLog } from '../../../../src/offline/backup/log-cut.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { DIR } from '../../../sim/engine.js';
import { SimStore } from '../../../support/sim-store.js';
import { seeded } from '../../../support/seed.js';
import { rounds } from '../../../support/tier.js';

const OPTIONS = { segmentBytesMax: 8 * 1024, snapshot: 'never' } as const;
const CUTS = rounds(200, 30);
/** A write is in the page cache for this long before it is on disk. */
const WRITE_MS = 150;

describe('cutLog()', function () {
  this.timeout(120_000);

  it('of a served store lies between the last acknowledged seq and the last seq on disk', async () => {
    const { seed } = seeded('cuts', 1);
    const random = new SeededRandom(seed);
    const sim = await SimStore.open(OPTIONS, seed);
    sim.slow('write', WRITE_MS);
    const write = async (): Promise<void> => {
      const key = Buffer.from(`k${random.below(8)}`);
      const value = Buffer.alloc(random.below(600), 'v');
      void sim.store.put({ mode: 'set', key, value, flags: 0, expiresAt: 0 });
      await sim.advance(random.below(60));
    };
    let behind = 0;
    for (let cut = 0; cut < CUTS; cut += 1) {
      for (let n = random.below(10); n > 0; n -= 1) await write();
      const acknowledged = sim.store.durability.watermark;
      const found: { seq?: number } = {};
      const work = cutLog(sim.process, DIR, () => Promise.resolve(true)).then(async (made) => {
        found.seq = made.seq;
        expect(made.seq, `seed ${seed}`).to.be.within(acknowledged, sim.store.durability.watermark);
        await made.close();
      });
      for (let n = random.below(20); n > 0 && found.seq === undefined; n -= 1) await write();
      await sim.wait(work);
      if (sim.store.durability.lastSeq > found.seq!) behind += 1;
    }
    expect(behind).to.be.above(CUTS / 10);
    await sim.close();
  });

  it('of a store that nobody serves takes all of the log', async () => {
    const sim = await SimStore.open(OPTIONS);
    for (let n = 0; n < 5; n += 1) await sim.words.set('a', `${n}`);
    await sim.words.durable();
    const cut = await sim.wait(cutLog(sim.process, DIR, () => Promise.resolve(false)));
    expect(cut.seq).to.equal(5);
    await sim.wait(cut.close());
    await sim.close();
  });
});
