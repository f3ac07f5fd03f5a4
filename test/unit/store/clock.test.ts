import { expect } from 'chai';

import { isKvError } from '../../../src/errors.js';
import { BEHIND_MS_MAX, StoreClock } from '../../../src/store/clock.js';
import { SimWorld } from '../../sim/sim-world.js';

async function clockAt(): Promise<{ world: SimWorld; clock: StoreClock }> {
  const world = new SimWorld(1);
  const process = world.boot();
  await world.scheduler.advance(10);
  return { world, clock: new StoreClock(process.clock) };
}

describe('StoreClock', () => {
  it('nowMs() starts at the wall clock and follows the monotonic clock, whatever the wall clock does', async () => {
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

  it('aheadMs is by how many whole seconds the store is ahead of the wall clock, and may be negative', async () => {
    const { world, clock } = await clockAt();
    expect(clock.aheadMs).to.equal(0);
    clock.catchUp(clock.nowMs() + 999);
    expect(clock.aheadMs).to.equal(0);
    clock.catchUp(clock.nowMs() + 50_000);
    expect(clock.aheadMs).to.equal(51_000);
    world.wallOffsetMs = -3_600_000;
    expect(clock.aheadMs).to.equal(3_651_000);
    world.wallOffsetMs = 86_400_000;
    expect(clock.aheadMs).to.equal(-86_349_000);
  });

  it('requireNear() takes a day, and refuses more with the time, the difference and the next step', async () => {
    const { clock } = await clockAt();
    const now = clock.nowMs();
    clock.requireNear(now + BEHIND_MS_MAX, 'data');
    clock.requireNear(0, 'data');
    let thrown: unknown;
    try {
      clock.requireNear(now + 3653 * BEHIND_MS_MAX + 2 * 3_600_000 + 1, 'data');
    } catch (error) {
      thrown = error;
    }
    expect(isKvError(thrown, 'KV_CLOCK')).to.equal(true);
    expect(String(thrown))
      .to.contain('3653 days 2 hours')
      .and.contain(new Date(now).toISOString())
      .and.contain('--accept-clock')
      .and.contain('(data)');
    expect(() => clock.requireNear(Number.MAX_SAFE_INTEGER, 'data')).to.throw(
      'The clock is behind',
    );
  });

  it('catchUp() never goes back', async () => {
    const { clock } = await clockAt();
    const now = clock.nowMs();
    for (const ms of [0, now - 1, now]) expect(clock.catchUp(ms)).to.equal(0);
    expect(clock.nowMs()).to.equal(now);
  });
});
