// LargeValues: the file of a large value stays as long as it is needed, and is removed then.

import { expect } from 'chai';

import { isKvError } from '../../../../src/errors.js';
import { MIB } from '../../../../src/limits.js';
import type { LargeValue } from '../../../../src/store/store.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 64 * 1024, cacheBytesMax: 0, snapshot: 'never' } as const;
const BIG = Buffer.alloc(MIB + 300_000, 'abcdefg');

async function withBig(): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  await sim.words.putLarge('big', [BIG]);
  await sim.words.durable();
  return sim;
}

async function opened(sim: SimStore): Promise<LargeValue> {
  const lookup = await sim.words.lookup('big');
  if (lookup.kind !== 'hit' || Buffer.isBuffer(lookup.item.value))
    throw new Error('No large value');
  return lookup.item.value;
}

describe('LargeValues', () => {
  it('removes a file only when the delete is durable', async () => {
    const sim = await withBig();
    sim.slow('write', 50);
    await sim.words.delete('big');
    await sim.advance(50);
    expect(sim.names('.val').length).to.equal(1);
    await sim.words.durable();
    await sim.advance(10);
    expect(sim.names('.val')).to.deep.equal([]);
  });

  it('removes a file only when its last reader has left', async () => {
    const sim = await withBig();
    const [first, second] = [await opened(sim), await opened(sim)];
    await sim.words.set('big', 'small');
    await sim.words.durable();
    await sim.advance(100);
    const read = Buffer.alloc(BIG.length);
    expect(await sim.wait(first.read(read, 0))).to.equal(BIG.length);
    expect(read.equals(BIG)).to.equal(true);
    first.release();
    first.release();
    await sim.advance(100);
    expect(sim.names('.val').length).to.equal(1);
    second.release();
    await sim.advance(100);
    expect(sim.names('.val')).to.deep.equal([]);
  });

  it('puts the old value back when the disk has no room for the delete', async () => {
    const sim = await withBig();
    await sim.advance(2000);
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    await sim.words.delete('big');
    await sim.advance(200);
    const value = await opened(sim);
    expect(await sim.wait(value.read(Buffer.alloc(10), 0))).to.equal(10);
    value.release();
  });

  it('a refused put leaves no file', async () => {
    const sim = await withBig();
    expect((await sim.words.putLarge('big', [BIG], { mode: 'add' })).status).to.equal('not-stored');
    const stale = { compareCas: 1n << 40n };
    expect((await sim.words.putLarge('big', [BIG], stale)).status).to.equal('exists');
    await sim.advance(100);
    expect(sim.names('.val').length).to.equal(1);
  });

  it('abort() removes the written file, also after the disk was full', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.advance(2000);
    const writer = await sim.wait(sim.store.openLargeValue());
    await sim.wait(writer.write(BIG));
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    const failed = await sim.wait(writer.finish().catch((error: unknown) => error));
    expect(isKvError(failed, 'KV_NO_SPACE')).to.equal(true);
    await sim.wait(writer.abort());
    await sim.wait(writer.abort());
    expect(sim.names('.val')).to.deep.equal([]);
    expect(sim.process.openFiles.size).to.be.greaterThan(0);
  });

  it('append() and prepend() to a large value make a new file and remove the old one', async () => {
    const sim = await withBig();
    await sim.words.put('append', 'big', '-end');
    await sim.words.put('prepend', 'big', 'begin-');
    await sim.words.durable();
    await sim.advance(100);
    expect((await sim.words.value('big')) === `begin-${BIG.toString()}-end`).to.equal(true);
    expect(sim.names('.val').length).to.equal(1);
    await sim.reopen('kill');
    expect((await sim.words.value('big')) === `begin-${BIG.toString()}-end`).to.equal(true);
  });

  it('append() and prepend() that may create an item do so with a large value, in one file', async () => {
    for (const mode of ['append', 'prepend'] as const) {
      const sim = await SimStore.open(OPTIONS);
      const more = { mode, vivifyExpiresAt: sim.store.nowMs() + 60_000 };
      const done = [
        await sim.words.put(mode, 'whole', BIG.toString(), more),
        await sim.words.putLarge('in pieces', [BIG], more),
      ];
      expect(done.map(({ status }) => status)).to.deep.equal(['stored', 'stored']);
      await sim.words.durable();
      await sim.advance(100);
      for (const key of ['whole', 'in pieces']) {
        expect((await sim.words.value(key)) === BIG.toString()).to.equal(true);
      }
      const ends = (await sim.words.listAll(10)).map(({ expiresAt }) => expiresAt);
      expect(ends).to.deep.equal([more.vivifyExpiresAt, more.vivifyExpiresAt]);
      expect(sim.names('.val').length).to.equal(2);
      await sim.words.putLarge('none', [BIG], { mode });
      await sim.advance(100);
      expect(sim.names('.val').length, 'a refused one').to.equal(2);
    }
  });

  it('gives no id of an existing file out again after a restart', async () => {
    const sim = await withBig();
    const before = sim.names('.val');
    await sim.reopen('kill');
    await sim.words.putLarge('other', [BIG]);
    expect(sim.names('.val').length).to.equal(2);
    expect(sim.names('.val')).to.include.members(before);
    expect((await sim.words.value('big')) === BIG.toString()).to.equal(true);
  });

  for (const how of ['kill', 'close'] as const) {
    it(`gives no id of a deleted item out again after a ${how}`, async () => {
      const sim = await withBig();
      const [first] = sim.names('.val');
      await sim.words.delete('big');
      await sim.words.durable();
      await sim.advance(100);
      expect(sim.names('.val')).to.deep.equal([]);
      await sim.reopen(how);
      await sim.words.putLarge('big', [BIG]);
      expect(sim.names('.val')).to.have.length(1);
      expect(sim.names('.val')).not.to.include(first);
    });
  }
});
