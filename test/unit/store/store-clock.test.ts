import { expect } from 'chai';

import { StoreClock } from '../../../src/store/store-clock.js';
import { SimWorld } from '../../sim/sim-world.js';

async function clockAt(): Promise<{ world: SimWorld; clock: StoreClock }> {
  const world = new SimWorld(1);
  const process = world.boot();
  await world.scheduler.advance(10);
  return { world, clock: new StoreClock(process.clock) };
}

describe('StoreClock', () => {
  it('nowMs() starts at the wall clock and follows the monotonic one, whatever the wall does', async () => {
    const { world, clock } = await clockAt();
    const start = clock.nowMs();
    for (const offsetMs of [-3_600_000, 86_400_000, 0]) {
      world.wallOffsetMs = offsetMs;
      const before = clock.nowMs();
      await world.scheduler.advance(100);
      expect(clock.nowMs() - before).to.equal(100);
    }
    expect(clock.nowMs() - start).to.equal(300);
  });

  it('catchUp() moves forward to the newest time of the log and goes on from there', async () => {
    const { world, clock } = await clockAt();
    const newest = clock.nowMs() + 50_000;
    expect(clock.catchUp(newest)).to.equal(50_000);
    expect(clock.nowMs()).to.equal(newest);
    await world.scheduler.advance(7);
    expect(clock.nowMs()).to.equal(newest + 7);
  });

  it('catchUp() never goes back', async () => {
    const { clock } = await clockAt();
    const now = clock.nowMs();
    for (const ms of [0, now - 1, now]) expect(clock.catchUp(ms)).to.equal(0);
    expect(clock.nowMs()).to.equal(now);
  });
});
