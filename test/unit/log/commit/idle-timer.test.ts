// IdleTimer: makes a call after idleness, on the clock of the simulated machine.

import { expect } from 'chai';

import type { Clock } from '../../../../src/env/env.js';
import { IdleTimer } from '../../../../src/log/commit/idle-timer.js';
import { SimWorld } from '../../../sim/sim-world.js';

describe('IdleTimer', () => {
  it('restart() puts the call off, and many restarts share one timer', async () => {
    const world = new SimWorld(1);
    const { clock } = world.boot();
    let timers = 0;
    const calls: number[] = [];
    const counted: Clock = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      defer: (call) => clock.defer(call),
      setTimer(delayMs, call) {
        timers += 1;
        return clock.setTimer(delayMs, call);
      },
    };
    const idle = new IdleTimer(counted, 1000, () =>
      calls.push(Math.round(clock.monotonicMs() - startMs)),
    );
    const startMs = clock.monotonicMs();
    for (let ms = 0; ms < 500; ms += 100) {
      idle.restart(clock.monotonicMs());
      await world.scheduler.advance(100);
    }
    expect(timers).to.equal(1);
    await world.scheduler.advance(899);
    expect(calls).to.deep.equal([]);
    await world.scheduler.advance(2);
    expect(calls).to.deep.equal([1400]);
    expect(timers, 'one more for what was left').to.equal(2);
    idle.restart(clock.monotonicMs());
    idle.cancel();
    await world.scheduler.advance(5000);
    expect(calls).to.deep.equal([1400]);
  });
});
