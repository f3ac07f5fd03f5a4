// Restore drills: random lives of a store with backups in between, and random moments restored and compared with a
// model, record by record. A moment is exact or refused; that of a backup itself is never refused.

import { expect } from 'chai';

import { isKvError } from '../../../../src/errors.js';
import type { Moment } from '../../../../src/offline/past-segments.js';
import { BackupLife } from '../../../support/backup-life.js';
import { seeded } from '../../../support/seed.js';
import { rounds } from '../../../support/tier.js';

const LIVES = rounds(20, 1);
const STEPS = rounds(110, 80);
const POINTS = rounds(50, 10);

describe('Restore drills', function () {
  this.timeout(900_000);

  it(`of ${LIVES * POINTS} moments give the state of then, or refuse`, async () => {
    const { seed: first } = seeded('restore drills', LIVES);
    let exact = 0;
    for (let seed = first; seed < first + LIVES; seed += 1) {
      // The store of every other life keeps its history, which the backups take as well: then no moment is missing.
      const hasHistory = (seed - first) % 2 === 0;
      const life = await BackupLife.open(seed, hasHistory ? 24 * 3_600_000 : 0);
      for (let step = 0; step < STEPS; step += 1) await life.step();
      await life.backUp();
      for (const seq of new Set(life.backups))
        life.expectAt(seq, await life.restored({ kind: 'seq', seq }), 'a backup');
      life.expectAt(life.backups.at(-1)!, await life.restored(), 'the newest');
      for (let point = 0; point < POINTS; point += 1) {
        const isExact = await tryMoment(life);
        if (isExact) exact += 1;
        expect(isExact || !hasHistory, `seed ${seed}, with history`).to.equal(true);
      }
      await life.close();
    }
    console.log(`      ${exact} of ${LIVES * POINTS} moments were kept`);
    expect(exact).to.be.at.least(Math.ceil(LIVES / 2) * POINTS);
  });
});

/** False: it is not kept. */
async function tryMoment(life: BackupLife): Promise<boolean> {
  const { seq, ms } = life.someTime();
  const isTime = life.random.chance(0.4);
  const at = isTime ? seq : life.random.between(1, life.backups.at(-1)!);
  const moment: Moment = isTime ? { kind: 'time', ms } : { kind: 'seq', seq: at };
  try {
    life.expectAt(at, await life.restored(moment), moment.kind);
    return true;
  } catch (error) {
    if (!isKvError(error, 'KV_TOO_OLD')) throw error;
    return false;
  }
}
