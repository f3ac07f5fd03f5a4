// Janitor: its work without a request: hints, compaction when enough is dead, and snapshots.

import { expect } from 'chai';

import { FaultPlan } from '../../../sim/fault-plan.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 8 * 1024, compactMinBytes: 1e9, snapshot: 'never' } as const;

async function write(sim: SimStore, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    await sim.words.set(`k${at % 5}`, 'x'.repeat(600));
    await sim.words.durable();
    await sim.advance(2);
  }
}

function stem(name: string): string {
  return name.replace(/\.\w+$/, '');
}

describe('Janitor @long', () => {
  it('writes the hint of each sealed segment, and missing hints after the start', async () => {
    const sim = await SimStore.open(OPTIONS);
    await write(sim, 60);
    await sim.advance(1000);
    const hints = sim.names('.hint').map(stem);
    expect(hints.length).to.be.greaterThan(2);
    expect(sim.names('.seg').map(stem)).to.include.members(hints);
    await sim.close();
    for (const hint of hints) sim.world.disk.remove(`/data/${hint}.hint`);
    const before = await sim.reopen('kill').then(() => sim.contents());
    await sim.advance(1000);
    expect(sim.names('.hint').map(stem)).to.include.members(hints);
    expect(Object.keys(before).length).to.equal(5);
  });

  it('compacts by itself when enough bytes are dead, and not before', async () => {
    const sim = await SimStore.open({ ...OPTIONS, compactMinBytes: 30_000, compactRatio: 0.5 });
    await write(sim, 30);
    await sim.advance(6000);
    expect(sim.stat('kv_compactions')).to.equal(0);
    await write(sim, 60);
    await sim.advance(6000);
    expect(sim.stat('kv_compactions')).to.be.greaterThan(0);
    expect(sim.stat('kv_dead_bytes')).to.be.below(30_000);
    expect(Object.keys(await sim.contents()).length).to.equal(5);
  });

  it('compact() of everything ends while clients go on writing', async () => {
    const sim = await SimStore.open(OPTIONS);
    await write(sim, 60);
    const compacted = { isOver: false };
    const report = sim.store.compact({ everything: true }).finally(() => (compacted.isOver = true));
    // Clients fill a segment long before one is compacted.
    for (let writes = 0; writes < 5000 && !compacted.isOver; writes += 1) {
      await sim.words.set(`k${writes % 5}`, 'x'.repeat(600));
      if (writes % 10 === 0) await sim.words.durable();
    }
    expect(compacted.isOver).to.equal(true);
    const { segmentsBefore, bytesBefore } = await report;
    expect(segmentsBefore).to.be.greaterThan(2);
    expect(bytesBefore).to.be.greaterThan(0);
    await sim.close();
  });

  it('waits a minute after a failed compaction', async () => {
    const sim = await SimStore.open(OPTIONS);
    await write(sim, 60);
    await sim.advance(2000);
    await sim.reopen('close', { ...OPTIONS, compactMinBytes: 20_000 });
    const effect = { kind: 'error', code: 'EIO', forever: true } as const;
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['rename'], effect }]);
    await sim.advance(10_000);
    const failed = sim.stat('kv_compactions_failed');
    expect(failed).to.be.greaterThan(0);
    sim.world.faults = new FaultPlan();
    await sim.advance(30_000);
    expect(sim.stat('kv_compactions')).to.equal(0);
    await sim.advance(40_000);
    expect(sim.stat('kv_compactions')).to.be.greaterThan(0);
    expect(sim.stat('kv_compactions_failed')).to.equal(failed);
  });

  it('takes a snapshot at the interval of the option snapshot', async () => {
    const sim = await SimStore.open({ ...OPTIONS, snapshot: 60_000 });
    await write(sim, 3);
    await sim.advance(50_000);
    expect(sim.stat('kv_snapshots')).to.equal(0);
    await sim.advance(20_000);
    expect(sim.stat('kv_snapshots')).to.equal(1);
    await sim.advance(60_000);
    expect(sim.stat('kv_snapshots')).to.equal(2);
    expect(sim.names('.json')).to.deep.equal(['snapshot.json']);
  });

  it('takes a snapshot after a compaction, and at most one in snapshotPauseMs', async () => {
    const options = { compactMinBytes: 20_000, snapshot: 'compact', snapshotPauseMs: 1e6 } as const;
    const sim = await SimStore.open({ ...OPTIONS, ...options });
    await write(sim, 100);
    await sim.advance(6000);
    await write(sim, 100);
    await sim.advance(6000);
    expect(sim.stat('kv_compactions')).to.be.greaterThan(1);
    expect(sim.stat('kv_snapshots')).to.equal(1);
  });

  it('close() in the middle of a compaction keeps the contents, and leaves no file open', async () => {
    for (const afterMs of [0.2, 0.6, 1, 2, 4]) {
      const sim = await SimStore.open(OPTIONS);
      await write(sim, 40);
      const before = await sim.contents();
      const compacted = sim.store.compact({ everything: true }).catch(() => undefined);
      await sim.advance(afterMs);
      await sim.close();
      await sim.wait(compacted);
      expect(sim.process.openFiles.size).to.equal(0);
      await sim.reopen('kill');
      expect(await sim.contents()).to.deep.equal(before);
    }
  });
});
