// A backup while writes without an awaited reply and compactions go on: it holds what the store's own history says for
// its seq, and a power loss undoes nothing in it.

import { expect } from 'chai';

import { openReader } from '../../../../src/offline/backup/backup-reader.js';
import { backUp } from '../../../../src/offline/backup/backup-store.js';
import { StoreReader } from '../../../../src/offline/store-reader.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { DIR } from '../../../sim/engine.js';
import { SimStore } from '../../../support/sim-store.js';
import { seeded } from '../../../support/seed.js';
import { rounds } from '../../../support/tier.js';

const OPTIONS = {
  segmentBytesMax: 8 * 1024,
  compactMinBytes: 1e9,
  snapshot: 'never',
  keepHistoryMs: 3_600_000,
} as const;
const SERVED = {
  isServed: () => Promise.resolve(true),
  keepMs: Number.POSITIVE_INFINITY,
} as const;
const BACKUPS = rounds(40, 6);

describe('A backup under load', function () {
  this.timeout(300_000);

  it('holds the state at its seq, and no power loss takes that back', async () => {
    const { seed } = seeded('backups under load', 1);
    const random = new SeededRandom(seed);
    const sim = await SimStore.open(OPTIONS, seed);
    let acknowledged = 0;
    const write = async (): Promise<void> => {
      const key = Buffer.from(`k${random.below(8)}`);
      const value = Buffer.from(`${random.below(1e9)}${'v'.repeat(random.below(400))}`);
      if (random.chance(0.2)) void sim.store.delete({ key });
      else void sim.store.put({ mode: 'set', key, value, flags: 0, expiresAt: 0 });
      await sim.advance(random.fraction());
    };
    sim.store.durability.onDurable(() => (acknowledged = sim.store.durability.watermark));
    for (let backup = 0; backup < BACKUPS; backup += 1) {
      for (let n = 0; n < 30; n += 1) await write();
      const before = acknowledged;
      const target = `/backup-${backup}`;
      const state = { isDone: false };
      const work = Promise.all([
        backUp(sim.process, DIR, target, SERVED),
        sim.store.compact({ everything: true }),
      ]).finally(() => (state.isDone = true));
      while (!state.isDone) await write();
      const [{ manifest }] = await sim.wait(work);
      expect(manifest.seq, `seed ${seed}`).to.be.at.least(before);
      if (random.chance(0.3)) {
        await sim.reopen({ kind: 'lost' });
        sim.store.durability.onDurable(() => (acknowledged = sim.store.durability.watermark));
        expect(sim.store.durability.lastSeq, `seed ${seed}`).to.be.at.least(manifest.seq);
      }
      const { process } = sim;
      const found = await sim.wait(recordsOf(() => openReader(process, target)));
      const moment = { kind: 'seq', seq: manifest.seq } as const;
      const wanted = await sim.wait(recordsOf(() => StoreReader.open(process, DIR, moment)));
      expect(found, `seed ${seed}, backup ${backup}`).to.deep.equal(wanted);
    }
    await sim.close();
  });
});

async function recordsOf(open: () => Promise<StoreReader>): Promise<object> {
  const reader = await open();
  const found: Record<string, string> = {};
  try {
    for await (const { key, value, seq } of reader.records())
      found[key.toString()] = `${seq} ${value.toString()}`;
  } finally {
    await reader.close();
  }
  return found;
}
