// DurableStore.segments(): the state of each segment, also during a compaction.

import { expect } from 'chai';

import { SimStore } from '../../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 8 * 1024, cacheBytesMax: 0, compactMinBytes: 1e9 };

describe('DurableStore.segments()', () => {
  it('gives every segment in order, with the bytes that stats sums up, and marks those being compacted', async () => {
    const sim = await SimStore.open({ ...OPTIONS, snapshot: 'never' });
    for (let at = 0; at < 60; at += 1) {
      await sim.words.set(`key${at % 5}`, 'x'.repeat(700));
      await sim.words.durable();
      await sim.advance(2);
    }
    const segments = sim.store.segments();
    const numbers = segments.map(({ first }) => first);
    expect(numbers).to.have.length.above(3);
    expect(numbers).to.deep.equal(numbers.toSorted((one, other) => one - other));
    const states = segments.map(({ state }) => state).filter((state) => state !== 'next');
    expect(states.pop()).to.equal('active');
    expect(new Set(states)).to.deep.equal(new Set(['sealed']));
    const sum = (name: 'bytes' | 'liveBytes' | 'deadBytes'): number =>
      segments.reduce((bytes, segment) => bytes + segment[name], 0);
    expect(sum('bytes')).to.equal(sim.stat('kv_segment_bytes'));
    expect(sum('liveBytes')).to.equal(sim.stat('kv_live_bytes'));
    expect(sum('deadBytes')).to.equal(sim.stat('kv_dead_bytes'));

    const compacted = sim.store.compact({ everything: true });
    const run = () => sim.store.segments().filter(({ state }) => state === 'compacting');
    const isSeen = (): boolean => run().length > 0;
    for (let turn = 0; turn < 200 && !isSeen(); turn += 1) await sim.advance(0.1);
    expect(run().map(({ compactedBytes }) => compactedBytes)).to.include(0);
    const isRead = (): boolean => run().some(({ compactedBytes }) => compactedBytes > 0);
    for (let turn = 0; turn < 200 && !isRead(); turn += 1) await sim.advance(0.1);
    expect(isRead()).to.equal(true);
    await sim.wait(compacted);
    expect(isSeen()).to.equal(false);
    expect(sim.store.segments().some(({ generation }) => generation > 0)).to.equal(true);
    await sim.close();
  });
});
