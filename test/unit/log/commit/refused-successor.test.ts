// A log whose next segment cannot be created for want of a descriptor: the size of the segment stays bounded, clients
// and the operator learn the reason, and the log recovers by itself.

import { expect } from 'chai';

import { FaultPlan } from '../../../sim/fault-plan.js';
import { SimStore } from '../../../support/sim-store.js';

const SEGMENT_BYTES = 64 * 1024;
const VALUE = 'v'.repeat(2000);
const OUT = { kind: 'error', code: 'EMFILE', forever: true } as const;

async function statusOfSet(sim: SimStore, key: string): Promise<string> {
  const { status } = await sim.words.set(key, VALUE);
  await sim.advance(1);
  return status;
}

describe('a successor that is refused', () => {
  it('bounds the segment, is reported once with its reason, and comes when there are descriptors again', async () => {
    const sim = await SimStore.open({ segmentBytesMax: SEGMENT_BYTES, snapshot: 'never' });
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['open'], effect: OUT }]);
    const statuses = [];
    for (let n = 0; n < 100; n++) statuses.push(await statusOfSet(sim, `k${n}`));
    const stored = statuses.filter((status) => status === 'stored').length;
    expect(stored).to.be.within(16, 50);
    expect(statuses.slice(stored)).to.deep.equal(Array(100 - stored).fill('no-descriptors'));
    await sim.advance(2500);
    const told = sim.world.log.filter(({ message }) => message.includes('cannot be prepared'));
    expect(told.map(({ level }) => level)).to.deep.equal(['warn']);
    sim.world.faults = new FaultPlan();
    await sim.advance(1500);
    expect(await statusOfSet(sim, 'again')).to.equal('stored');
    await sim.words.durable();
    await sim.reopen('kill');
    expect(await sim.words.value('again')).to.equal(VALUE);
    for (let n = 0; n < 100; n++) {
      expect(await sim.words.value(`k${n}`), `k${n}`).to.equal(n < stored ? VALUE : undefined);
    }
  });
});
