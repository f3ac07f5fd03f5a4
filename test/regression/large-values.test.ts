// Files of large values that were once removed although an acknowledged item needed them, or that stayed although no item
// needed them.

import { expect } from 'chai';

import { isKvError } from '../../src/errors.js';
import { MIB } from '../../src/limits.js';
import { FaultPlan } from '../sim/fault-plan.js';
import { SimStore } from '../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 64 * 1024, cacheBytesMax: 0, snapshot: 'never' } as const;
const BIG = Buffer.alloc(MIB + 10, 'big');
const SHORT_WRITE = { at: 1, kinds: ['write'], effect: { kind: 'short' } } as const;

/** Returns a store that holds the large value `big`, durably. */
async function withLarge(): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  await sim.words.putLarge('big', [BIG]);
  await sim.words.durable();
  await sim.advance(1500);
  return sim;
}

async function expectWhole(sim: SimStore): Promise<void> {
  expect((await sim.words.value('big')) === BIG.toString('latin1')).to.equal(true);
}

describe('A large value', () => {
  it('outlives an invalidation that the full disk took back', async () => {
    const sim = await withLarge();
    sim.world.faults = new FaultPlan([SHORT_WRITE]);
    const failures: string[] = [];
    sim.store.durability.onFailed((cause) => failures.push(cause));
    await sim.words.delete('big', { invalidate: true });
    await sim.advance(100);
    expect(failures).to.deep.equal(['no-space']);
    await expectWhole(sim);
    await sim.reopen('kill');
    await expectWhole(sim);
  });

  it('outlives the sweep of an expiry that is not durable, when the expiry is then lost or taken back', async () => {
    for (const end of ['power', 'full'] as const) {
      const sim = await withLarge();
      if (end === 'full') sim.world.faults = new FaultPlan([SHORT_WRITE]);
      sim.slow('write', 400);
      await sim.words.touch('big', 1);
      await sim.advance(300);
      expect(sim.stat('curr_items')).to.equal(0);
      if (end === 'power') await sim.reopen({ kind: 'lost' });
      else await sim.advance(2000);
      await expectWhole(sim);
    }
  });

  it('is in the snapshot of its seq although it expires while the snapshot is written', async () => {
    const sim = await withLarge();
    await sim.words.touch('big', sim.store.nowMs() + 500);
    await sim.words.durable();
    sim.slow('remove', 350);
    const report = await sim.wait(sim.store.snapshot());
    expect(report.count).to.equal(1);
  });

  it('is removed with its item although a reader once could not open it', async () => {
    const sim = await withLarge();
    const fault = { kind: 'error', code: 'EMFILE' } as const;
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['open'], effect: fault }]);
    const lookup = await sim.words.lookup('big');
    if (lookup.kind !== 'hit' || Buffer.isBuffer(lookup.item.value)) throw new Error('No value');
    const { value } = lookup.item;
    const failed = await sim.wait(value.read(Buffer.alloc(10), 0).catch((error: unknown) => error));
    expect(isKvError(failed, 'KV_IO')).to.equal(true);
    value.release();
    await sim.words.delete('big');
    await sim.words.durable();
    await sim.advance(10);
    expect(sim.names('.val')).to.deep.equal([]);
  });

  it('can be read and appended to by a request that found it before a delete', async () => {
    const sim = await withLarge();
    sim.slow('read', 50);
    const read = sim.words.value('big');
    const append = sim.words.put('append', 'big', 'tail');
    await sim.words.delete('big');
    expect((await read) === BIG.toString('latin1')).to.equal(true);
    expect((await append).status).to.be.oneOf(['not-found', 'not-stored']);
    await sim.advance(100);
    expect(sim.names('.val')).to.deep.equal([]);
  });
});
