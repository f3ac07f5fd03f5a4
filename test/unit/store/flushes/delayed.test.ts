// flush_all for a later time, many at once: what is due is gone at once and costs one record, what comes after stays.

import { expect } from 'chai';

import { SimStore } from '../../../support/sim-store.js';

const PROMISES = 20_000;
/** All are due by then. */
const LATER_MS = 100_000;

async function promised(): Promise<SimStore> {
  const sim = await SimStore.open({ snapshot: 'never' });
  for (const key of ['old', 'older']) await sim.words.set(key, 'before');
  const nowMs = sim.store.nowMs();
  for (let at = 0; at < PROMISES; at += 1) sim.store.flush(nowMs + 60_000 + at);
  await sim.words.durable();
  return sim;
}

/** The process is stopped for so long that all are due. */
async function asleep(sim: SimStore): Promise<void> {
  sim.world.kill();
  await sim.advance(LATER_MS);
  await sim.reopen('kill');
}

describe('Flushes for a later time', () => {
  it('a start carries out all that came due meanwhile by one record; what is put then stays', async () => {
    const sim = await promised();
    await asleep(sim);
    expect(await sim.words.value('old')).to.equal(undefined);
    const put = await sim.words.set('new', 'after');
    expect(put.after).to.equal(2 + PROMISES + 2);
    await sim.words.durable();
    for (const how of ['kill', 'close'] as const) {
      await sim.reopen(how);
      expect(await sim.contents(), how).to.deep.equal({ new: 'after' });
    }
  });
});
