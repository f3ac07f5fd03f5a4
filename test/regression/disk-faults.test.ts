// Failures of the disk that once broke a promise, each found by the simulation.

import { expect } from 'chai';

import type { DurableStore } from '../../src/store/durable-store.js';
import { DIR, openEngine } from '../sim/engine.js';
import { FaultPlan } from '../sim/fault-plan.js';
import { sweepFaults } from '../sim/fault-sweep.js';
import { unwrap } from '../sim/recovery-check.js';
import { SimWorld } from '../sim/sim-world.js';
import type { Command } from '../sim/workload.js';
import { SimStore } from '../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 4096, cacheBytesMax: 0 };

/** Returns a store whose next write comes out short, as on a full disk. */
async function fullDisk(): Promise<{ world: SimWorld; store: DurableStore; failures: string[] }> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  const opened = await world.scheduler.settle(openEngine(world.boot(), OPTIONS));
  const store = unwrap(opened, 'start') as DurableStore;
  const failures: string[] = [];
  store.durability.onFailed((cause) => failures.push(cause));
  await world.scheduler.advance(100);
  return { world, store, failures };
}

function set(key: string, value: string): Parameters<DurableStore['put']>[0] {
  return { mode: 'set', key: Buffer.from(key), value: Buffer.from(value), flags: 0, expiresAt: 0 };
}

/** Writes in floods, as clients do: as much as the store takes in one turn. */
async function fill(world: SimWorld, store: DurableStore): Promise<string[]> {
  const stored: string[] = [];
  for (let refused = 0, at = 0; refused < 20; at++) {
    const key = `k${at}`;
    if (!store.durability.congested) {
      const outcome = await store.put(set(key, 'x'.repeat(700)));
      if (outcome.status === 'stored') stored.push(key);
      else refused += 1;
    }
    if (at % 40 === 39 || store.durability.congested) await world.scheduler.advance(1);
    if (at > 10_000) throw new Error('never full');
  }
  await world.scheduler.advance(100);
  return stored;
}

/** Deletes all keys: the reserve takes some deletes, a compaction frees the bytes that died, and the reserve is back. */
async function deleteAll(world: SimWorld, store: DurableStore, keys: string[]): Promise<void> {
  let since = 0;
  for (const name of keys) {
    const key = Buffer.from(name);
    let { status } = await store.delete({ key });
    if (status === 'no-space') {
      expect(since, 'deletes that the reserve took').to.be.greaterThan(5);
      since = 0;
      unwrap(await world.scheduler.settle(store.compact({ everything: true })), 'compaction');
      await world.scheduler.advance(2500);
      ({ status } = await store.delete({ key }));
    }
    expect(status, `delete ${name}`).to.equal('deleted');
    since += 1;
    await world.scheduler.advance(1);
  }
  unwrap(await world.scheduler.settle(store.compact({ everything: true })), 'compaction');
  await world.scheduler.advance(2500);
}

describe('A full disk', () => {
  it('leaves lastSeq at the watermark, so that a barrier does not wait for ever', async () => {
    const { world, store, failures } = await fullDisk();
    world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    void store.put(set('k', 'value'));
    await world.scheduler.advance(100);
    expect(failures).to.deep.equal(['no-space']);
    expect(store.durability.lastSeq).to.equal(store.durability.watermark);
  });

  it('refuses a large value that is complete, and does not take its handle twice', async () => {
    const { world, store, failures } = await fullDisk();
    const large = await world.scheduler.settle(
      store.openLargeValue().then(async (writer) => {
        await writer.write(Buffer.alloc(1_100_000));
        return writer.finish();
      }),
    );
    const value = unwrap(large, 'large value');
    world.disk.capacityBytes = world.disk.usedBytes();
    world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    void store.put(set('k', 'x'.repeat(500)));
    await world.scheduler.advance(100);
    expect(failures).to.deep.equal(['no-space']);
    for (let at = 0; at < 8; at++) void store.put(set(`fill${at}`, 'x'.repeat(900)));
    await world.scheduler.advance(100);
    const put = await world.scheduler.settle(store.put({ ...set('big', ''), value }));
    expect(unwrap(put, 'put').status).to.equal('no-space');
  });
});

describe('A disk that fills up by floods', () => {
  it('keeps room for a compaction, and writes resume after it @long', async () => {
    const { world, store, failures } = await fullDisk();
    world.disk.capacityBytes = 64 * 1024;
    for (let round = 0; round < 6; round++) {
      const stored = await fill(world, store);
      expect(stored.length).to.be.greaterThan(10);
      const compacted = await world.scheduler.settle(store.compact({ everything: true }));
      unwrap(compacted, 'compaction of a full disk');
      await deleteAll(world, store, stored);
      const again = await store.put(set('again', 'x'));
      expect(again.status, `round ${round}: a write after the compaction`).to.equal('stored');
      await world.scheduler.advance(100);
    }
    expect(failures, 'commits that met the end of the disk').to.deep.equal([]);
  });
});

describe('A directory sync that fails', () => {
  it('never makes the next start miss a segment that the manifest names @long', async function () {
    this.timeout(60_000);
    const commands: Command[] = Array.from({ length: 8 }, (_, at) => [
      { do: 'set', key: `k${at % 3}`, bytes: 900, flags: 0, ttlMs: 0 } as const,
      { do: 'durable' } as const,
    ]).flat();
    for (const forever of [false, true]) {
      const kinds = ['syncDir', 'rename'] as const;
      const sweep = { seed: 1, engine: OPTIONS, commands, code: 'EIO' as const, forever, kinds };
      expect(await sweepFaults(sweep)).to.be.greaterThan(5);
    }
  });
});

describe('A successor whose manifest cannot be written', () => {
  it('leaves no descriptor open', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 4096, snapshot: 'never' });
    const effect = { kind: 'error', code: 'ENOSPC' } as const;
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['rename'], effect }]);
    for (let at = 0; at < 5; at++) await sim.words.set(`k${at}`, 'x'.repeat(700));
    await sim.words.durable();
    await sim.advance(3000);
    expect(sim.world.faults.fired).to.equal(1);
    await sim.close();
    expect([...sim.process.openFiles].map(({ path }) => path)).to.deep.equal([]);
  });
});

describe('A compaction that cannot remove one of its inputs', () => {
  it('closes all of them', async () => {
    const sim = await SimStore.open({
      segmentBytesMax: 4096,
      snapshot: 'never',
      compactMinBytes: 1_000_000,
    });
    for (let at = 0; at < 12; at++) {
      await sim.words.set(`k${at % 2}`, 'x'.repeat(700));
      await sim.advance(100);
    }
    await sim.advance(3000);
    expect(sim.names('.seg').length).to.be.greaterThan(2);
    const effect = { kind: 'error', code: 'EROFS', forever: true } as const;
    sim.world.faults = new FaultPlan([{ at: 2, kinds: ['remove'], effect }]);
    await sim.wait(sim.store.compact({ everything: true })).catch(() => undefined);
    expect(sim.world.faults.fired).to.be.greaterThan(0);
    sim.world.faults = new FaultPlan();
    await sim.close();
    expect([...sim.process.openFiles].map(({ path }) => path)).to.deep.equal([]);
  });
});
