// Restore drills: random lives of a store with backups in between. Random moments are restored and compared with a
// model, record by record. A moment is exact or refused; the moment of a backup itself is never refused.

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

  it(`restore the exact state at ${LIVES * POINTS} moments, or refuse`, async () => {
    const { seed: first } = seeded('restore drills', LIVES);
    let exact = 0;
    for (let seed = first; seed < first + LIVES; seed += 1) {
      // Every other store keeps its history, which its backups contain too; then no moment is missing.
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

/** Restores a random moment and compares it; returns false when that moment is not kept. */
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
