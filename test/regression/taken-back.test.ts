// Items that were gone for good once came back when a later commit failed.

import { expect } from 'chai';

import { FaultPlan } from '../sim/fault-plan.js';
import { SimStore } from '../support/sim-store.js';

describe('A set that the full disk took back', () => {
  it('does not show again the flushed item that it had replaced', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 64 * 1024 });
    await sim.words.set('k', 'flushed');
    sim.store.flush(0);
    await sim.words.durable();
    // Nothing is swept before the set, and one whole sweep passes before the set is taken back.
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    sim.slow('write', 400);
    await sim.words.set('k', 'new');
    await sim.advance(2000);
    expect(sim.store.durability.watermark).to.equal(sim.store.durability.lastSeq);
    expect(await sim.words.value('k')).to.equal(undefined);
    expect(await sim.words.listAll(10)).to.deep.equal([]);
  });

  it('does not show again an item removed by a flush that was durable only after the set', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 64 * 1024 });
    await sim.words.set('k', 'flushed');
    await sim.words.durable();
    // The flush is written; the set is appended meanwhile, and its own write fails 800 ms later.
    sim.world.faults = new FaultPlan([{ at: 2, kinds: ['write'], effect: { kind: 'short' } }]);
    sim.slow('write', 400);
    const { after } = sim.store.deletePrefix(Buffer.from('k'));
    await sim.advance(1);
    void sim.words.put('set', 'k', 'new');
    await sim.advance(1000);
    expect(sim.store.durability.watermark, 'the flush').to.equal(after);
    await sim.advance(3000);
    expect(sim.store.durability.watermark).to.equal(sim.store.durability.lastSeq);
    expect(await sim.words.value('k')).to.equal(undefined);
    await sim.advance(1000);
    expect(await sim.words.value('k'), 'when the flush is retired').to.equal(undefined);
    expect(await sim.words.listAll(10)).to.deep.equal([]);
  });
});
