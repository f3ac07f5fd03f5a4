// replaceFile() leaves the old file or the new one after every failure and after a crash at every instant.

import { expect } from 'chai';

import { isKvError } from '../../../../src/errors.js';
import { readWholeFile, replaceFile, writeFully } from '../../../../src/log/segments/whole-file.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import type { Fault } from '../../../sim/fault-plan.js';
import { SimWorld } from '../../../sim/sim-world.js';
import { settle } from '../../../support/sim-store.js';

const DIR = '/data';
/** A file of a kind that is replaced as a whole; OLD and NEW begin as such a file does. */
const NAME = 'IMAGE';
const OLD = Buffer.from('CAIRNIMG the old content');
const NEW = Buffer.from('CAIRNIMG and the new, which is longer');

/** Returns a machine whose file NAME holds OLD, durably. */
async function machine(): Promise<SimWorld> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  await settle(world, replaceFile(world.boot().fs, DIR, NAME, OLD));
  return world;
}

function shown(world: SimWorld): string {
  return Buffer.from(world.disk.find(`${DIR}/${NAME}`)?.cached() ?? []).toString();
}

describe('log/segments/whole-file', () => {
  it('writeFully() takes a short write for a full disk and names the offset', async () => {
    const world = await machine();
    const file = await settle(world, world.boot().fs.open(`${DIR}/${NAME}`, 'write'));
    world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    const error = await settle(
      world,
      writeFully(file, NEW, 5).catch((reason: unknown) => reason),
    );
    expect(isKvError(error, 'KV_NO_SPACE')).to.equal(true);
    expect(error).to.include({ path: `${DIR}/${NAME}`, offset: 5 });
  });

  it('replaceFile() leaves the old file whole and no temporary file when it fails', async () => {
    const effects: [Fault['kinds'], Fault['effect']][] = [
      [['write'], { kind: 'short' }],
      [['write'], { kind: 'error', code: 'ENOSPC' }],
      [['sync'], { kind: 'error', code: 'EIO' }],
      [['open'], { kind: 'error', code: 'EMFILE' }],
    ];
    for (const [kinds = [], effect] of effects) {
      const world = await machine();
      const { fs } = world.boot();
      world.faults = new FaultPlan([{ at: 1, kinds, effect }]);
      let switched = false;
      const replaced = replaceFile(fs, DIR, NAME, NEW, () => (switched = true)).then(
        () => 'replaced',
        () => 'failed',
      );
      expect(await settle(world, replaced)).to.equal('failed');
      expect(world.disk.list(DIR)).to.deep.equal([NAME]);
      expect(shown(world)).to.equal(OLD.toString());
      expect(switched).to.equal(false);
    }
  });

  it('replaceFile() leaves the old file or the new one, whenever the power is lost', async () => {
    const world = await machine();
    const { fs } = world.boot();
    const found = new Set<string>();
    let points = 0;
    world.observe = () => {
      for (let seed = 0; seed < 20; seed++) {
        const after = new SimWorld(
          seed,
          world.disk.afterPowerLoss({ kind: 'random', seed, hostile: false }),
        );
        found.add(shown(after));
        points += 1;
      }
    };
    await settle(world, replaceFile(fs, DIR, NAME, NEW));
    world.losePower({ kind: 'lost' });
    expect(points).to.be.greaterThan(100);
    expect([...found].sort()).to.deep.equal([NEW.toString(), OLD.toString()].sort());
    expect(shown(world)).to.equal(NEW.toString());
  });

  it('readWholeFile() gives undefined for a missing file, and throws every other failure', async () => {
    const world = await machine();
    const { fs } = world.boot();
    expect(await settle(world, readWholeFile(fs, `${DIR}/none`))).to.equal(undefined);
    expect(await settle(world, readWholeFile(fs, `${DIR}/${NAME}`))).to.deep.equal(OLD);
    const effect = { kind: 'error', code: 'EIO' } as const;
    world.faults = new FaultPlan([{ at: 1, kinds: ['open'], effect }]);
    const failed = readWholeFile(fs, `${DIR}/${NAME}`).catch((error: unknown) => String(error));
    expect(await settle(world, failed)).to.include('EIO');
  });
});
