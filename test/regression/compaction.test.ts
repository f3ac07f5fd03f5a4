// Compactions that once never came to an end.

import { expect } from 'chai';

import { SimStore } from '../support/sim-store.js';

describe('compact() of everything', () => {
  it('ends while a flush for a later time is waiting, and keeps that flush', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 16 * 1024, snapshot: 'never' });
    for (let at = 0; at < 10; at++) await sim.words.set('k', `value ${at}`);
    sim.store.flush(sim.store.nowMs() + 600_000);
    await sim.words.set('later', 'x');
    await sim.words.durable();
    await sim.wait(sim.store.compact({ everything: true }));
    await sim.wait(sim.store.compact({ everything: true }));
    expect(sim.stat('kv_compactions')).to.be.at.most(2);
    await sim.reopen('kill');
    expect(await sim.contents()).to.deep.equal({ k: 'value 9', later: 'x' });
    await sim.advance(600_001);
    // Items that were stored before the flush's time are removed as well.
    expect(await sim.contents()).to.deep.equal({});
    await sim.words.set('after', 'y');
    expect(await sim.contents()).to.deep.equal({ after: 'y' });
  });

  it('ends while one of the keys is being written all the time', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 16 * 1024, snapshot: 'never' });
    for (let at = 0; at < 10; at++) await sim.words.set('hot', `value ${at}`);
    await sim.words.set('other', 'x');
    await sim.words.durable();
    let goesOn = true;
    const write = (): void => {
      if (!goesOn) return;
      void sim.words.set('hot', 'new');
      sim.process.clock.setTimer(0.2, write);
    };
    write();
    await sim.wait(sim.store.compact({ everything: true }));
    goesOn = false;
    expect(sim.stat('kv_compactions')).to.be.at.most(2);
    await sim.words.durable();
    expect(await sim.contents()).to.deep.equal({ hot: 'new', other: 'x' });
  });
});
