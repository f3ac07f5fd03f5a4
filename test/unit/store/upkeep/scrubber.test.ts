// Scrubber on a simulated machine: the files that it reads, its rate, and its reports.

import { expect } from 'chai';

import { DIR } from '../../../sim/engine.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import { SimStore } from '../../../support/sim-store.js';

const RATE = 64 * 1024;
const OPTIONS = {
  segmentBytesMax: 8 * 1024,
  compactMinBytes: 1e9,
  snapshot: 'never',
  scrubBytesPerSecond: RATE,
} as const;

async function filled(options: object = {}): Promise<SimStore> {
  const sim = await SimStore.open({ ...OPTIONS, ...options });
  for (let at = 0; at < 60; at += 1) {
    await sim.words.set(`k${at}`, 'x'.repeat(600));
    await sim.words.durable();
    await sim.advance(2);
  }
  return sim;
}

function damage(sim: SimStore, name: string, at: number): void {
  const inode = sim.world.disk.find(`${DIR}/${name}`);
  if (inode === undefined) throw new Error(`There is no ${name}`);
  inode.corrupt(at, 1);
}

function told(sim: SimStore): string[] {
  const lines = sim.world.log.filter(({ message }) => message.includes('scrubber'));
  return lines.map(({ fields }) => `${fields['file']}@${fields['offset']}`);
}

describe('Scrubber @long', () => {
  it('reads all sealed segments, one pass per minute, and finds nothing in a whole store', async () => {
    const sim = await filled();
    await sim.advance(130_000);
    expect(sim.stat('kv_scrub_passes')).to.be.within(2, 3);
    const sealed = sim.stat('kv_segment_bytes');
    expect(sim.stat('kv_scrub_bytes')).to.be.within(sealed, 3 * sealed);
    expect(sim.stat('kv_scrub_damaged')).to.equal(0);
    expect(sim.store.stats().get('kv_scrub_last_damage')).to.equal('none');
    expect(told(sim)).to.deep.equal([]);
    await sim.close();
  });

  it('keeps to its rate', async () => {
    const sim = await filled({ scrubBytesPerSecond: 1024 });
    await sim.reopen();
    await sim.advance(20_000);
    const first = sim.stat('kv_scrub_bytes');
    // The scrubber reads a piece of a segment at once, and waits afterwards.
    expect(first).to.be.within(8 * 1024, 32 * 1024);
    await sim.advance(10_000);
    expect(sim.stat('kv_scrub_bytes') - first).to.be.within(1024, 24 * 1024);
    await sim.close();
  });

  it('is off unless it is asked for', async () => {
    const sim = await filled({ scrubBytesPerSecond: 0 });
    await sim.advance(130_000);
    expect(sim.stat('kv_scrub_bytes')).to.equal(0);
    await sim.close();
  });

  it('names a flipped bit of a sealed segment once, and goes on after it', async () => {
    const sim = await filled();
    const [first = '', second = ''] = sim.names('.seg');
    damage(sim, first, 700);
    damage(sim, second, 700);
    await sim.advance(190_000);
    expect(sim.stat('kv_scrub_damaged')).to.equal(2);
    expect(told(sim).map((line) => line.split('@')[0])).to.deep.equal([first, second]);
    expect(sim.store.stats().get('kv_scrub_last_damage')).to.equal(told(sim).at(-1));
    expect(sim.stat('kv_scrub_passes')).to.be.at.least(2);
    expect(sim.stat('kv_damaged_reads')).to.equal(0);
    await sim.close();
  });

  it('names damaged and missing files of large values, and no deleted file', async () => {
    const sim = await filled();
    for (const key of ['damaged', 'missing', 'deleted'])
      await sim.words.set(key, key.repeat(300_000));
    await sim.words.durable();
    const [damaged = '', missing = ''] = sim.names('.val');
    damage(sim, damaged, 500_000);
    sim.world.disk.remove(`${DIR}/${missing}`);
    await sim.words.delete('deleted');
    await sim.advance(190_000);
    const files = told(sim).filter((line) => line.includes('.val'));
    expect(files).to.deep.equal([`${damaged}@${32 + 262_144 + 8}`, `${missing}@0`]);
    await sim.close();
  });

  it('goes on while compaction removes the segments', async () => {
    const sim = await filled();
    for (let round = 0; round < 5; round += 1) {
      for (let at = 0; at < 20; at += 1) await sim.words.set(`k${at}`, `${round}`.repeat(600));
      await sim.words.durable();
      await sim.wait(sim.store.compact({ everything: true }));
      await sim.advance(20_000);
    }
    expect(sim.stat('kv_scrub_passes')).to.be.at.least(1);
    expect(told(sim)).to.deep.equal([]);
    await sim.close();
  });

  it('reports bytes that the disk cannot read as damage', async () => {
    const sim = await filled();
    await sim.advance(61_000);
    sim.world.faults = new FaultPlan([
      { at: 1, kinds: ['read'], effect: { kind: 'error', code: 'EIO' } },
    ]);
    await sim.advance(61_000);
    expect(sim.world.faults.fired).to.equal(1);
    expect(told(sim)).to.deep.equal([`${sim.names('.seg')[0]}@0`]);
    await sim.close();
  });

  it('ends with the store, also in the middle of a pass', async () => {
    const sim = await filled({ scrubBytesPerSecond: 1024 });
    await sim.advance(3);
    await sim.close();
    expect(sim.process.openFiles.size).to.equal(0);
  });
}).timeout(60_000);
