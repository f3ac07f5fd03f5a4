// A backup that fails while it is made: the earlier backups stay good, and the next one succeeds. The failures are
// power losses at its operations, a full disk, and files that a compaction removes.

import { expect } from 'chai';

import { checkBackup } from '../../../../src/offline/backup/backup-check.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import { BACKUP_DIR, BackupLife } from '../../../support/backup-life.js';
import { rounds } from '../../../support/tier.js';

/** Returns a life with a backup, and with more changes after it. */
async function lifeWithBackup(seed: number): Promise<BackupLife> {
  const life = await BackupLife.open(seed, 0);
  for (let step = 0; step < 40; step += 1) await life.change();
  await life.backUp();
  for (let step = 0; step < 40; step += 1) await life.change();
  return life;
}

async function expectGood(life: BackupLife, which: string): Promise<void> {
  const { seq } = await life.sim.wait(checkBackup(life.sim.process, BACKUP_DIR));
  // A backup that was cut short after its manifest was written counts.
  life.expectAt(seq, await life.restored(), which);
  const first = life.backups[0]!;
  expect(seq).to.be.at.least(first);
  life.expectAt(first, await life.restored({ kind: 'seq', seq: first }), which);
}

describe('A backup that is cut short', function () {
  this.timeout(600_000);

  it('leaves the earlier backups good, at whatever operation the power is lost', async () => {
    let crashes = 0;
    for (let at = 1, isOver = false; !isOver; at += rounds(12, 97)) {
      const life = await lifeWithBackup(11);
      const { sim } = life;
      sim.world.faults = new FaultPlan([{ at, effect: { kind: 'crash', when: 'after' } }]);
      await sim.wait(life.begin()).catch(() => undefined);
      isOver = sim.world.faults.fired === 0;
      sim.world.faults = new FaultPlan();
      if (!isOver) {
        crashes += 1;
        await sim.reopen({ kind: 'lost' });
      }
      await expectGood(life, `operation ${at}`);
      await life.change();
      await life.backUp();
      await expectGood(life, `operation ${at}, the next`);
      await life.close();
    }
    expect(crashes).to.be.above(rounds(8, 2));
  });

  it('fails with KV_NO_SPACE on a full disk, and the next one succeeds', async () => {
    let failed = 0;
    for (let at = 1, isOver = false; !isOver; at += 1) {
      const life = await lifeWithBackup(12);
      const { sim } = life;
      sim.world.faults = new FaultPlan([
        { at, kinds: ['write'], effect: { kind: 'error', code: 'ENOSPC' } },
      ]);
      const outcome: unknown = await sim.wait(life.begin()).catch((error: unknown) => error);
      isOver = sim.world.faults.fired === 0;
      sim.world.faults = new FaultPlan();
      if (outcome instanceof Error) {
        failed += 1;
        expect(outcome).to.have.property('code', 'KV_NO_SPACE');
        expect(outcome.message).to.contain(BACKUP_DIR);
      }
      await expectGood(life, `write ${at}`);
      await life.backUp();
      await expectGood(life, `write ${at}, the next`);
      await life.close();
    }
    // At least a copied file and the manifest are written.
    expect(failed).to.be.at.least(2);
  });
});
