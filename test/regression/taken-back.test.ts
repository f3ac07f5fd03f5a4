// What a commit that failed once brought back although it had been gone for good.

import { expect } from 'chai';

import { FaultPlan } from '../sim/fault-plan.js';
import { SimStore } from '../support/sim-store.js';

describe('A set that the full disk took back', () => {
  it('does not show again the flushed item that it had replaced', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 64 * 1024 });
    await sim.words.set('k', 'flushed');
    sim.store.flush(0);
    await sim.words.durable();
    // Nothing is swept before the set, and one whole sweep goes by before it is taken back.
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    sim.slow('write', 400);
    await sim.words.set('k', 'new');
    await sim.advance(2000);
    expect(sim.store.durability.watermark).to.equal(sim.store.durability.lastSeq);
    expect(await sim.words.value('k')).to.equal(undefined);
    expect(sim.words.listAll(10)).to.deep.equal([]);
  });
});
