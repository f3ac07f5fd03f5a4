// Bounds, in slices: room that takes more than one turn of the loop to make, the puts that wait for it, and a store
// that is above its bounds.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { frameBytes } from '../../../../src/log/bytes/format.js';
import type { Maybe, Put, PutOutcome } from '../../../../src/store/store.js';
import { seeded } from '../../../support/seed.js';
import { SimStore } from '../../../support/sim-store.js';
import { FaultPlan } from '../../../sim/fault-plan.js';

const OPTIONS = { segmentBytesMax: 256 * 1024, snapshot: 'never' } as const;
const SMALL = 'x'.repeat(60);
/** The most items that one turn may evict, with a margin. */
const TURN_ITEMS_MAX = 520;

function put(
  sim: SimStore,
  key: string,
  value: string,
  more: Partial<Put> = {},
): Maybe<PutOutcome> {
  const fields = { mode: 'set', flags: 0, expiresAt: 0 } as const;
  return sim.store.put({ ...fields, key: Buffer.from(key), value: Buffer.from(value), ...more });
}

/** Returns a store that is exactly full of small items k1000, k1001, … */
async function fullOfSmall(count: number): Promise<SimStore> {
  const bytesMax = count * frameBytes('k1000'.length, SMALL.length, 0);
  const sim = await SimStore.open({ ...OPTIONS, bytesMax });
  for (let n = 0; n < count; n++) await sim.words.set(`k${1000 + n}`, SMALL);
  await sim.words.durable();
  expect(sim.stat('bytes')).to.equal(bytesMax);
  return sim;
}

describe('Bounds, in slices @long', () => {
  it('a put that needs much room waits, a turn evicts a slice, and others are served meanwhile', async () => {
    const sim = await fullOfSmall(3000);
    const bytesMax = sim.stat('bytes');
    const seen = { isStored: false };
    const waiting = put(sim, 'big', 'b'.repeat(bytesMax / 2));
    expect(waiting).to.be.instanceOf(Promise);
    const outcome = Promise.resolve(waiting).finally(() => (seen.isStored = true));
    for (let turn = 0, before = 0; !seen.isStored; turn++) {
      const evictions = sim.stat('evictions');
      expect(evictions - before).to.be.at.most(TURN_ITEMS_MAX);
      expect(sim.stat('bytes')).to.be.at.most(bytesMax);
      expect(sim.store.get(Buffer.from('k3999'))).to.include({ kind: 'hit' });
      const small = put(sim, `new${turn}`, SMALL);
      expect(small).to.include({ status: 'stored' });
      before = sim.stat('evictions');
      await sim.advance(0.01);
    }
    expect(await sim.wait(outcome)).to.include({ status: 'stored' });
    expect(sim.stat('bytes')).to.be.at.most(bytesMax);
    // Small puts took no room from the waiting put, so little more than necessary was evicted.
    expect(sim.stat('bytes')).to.be.above(bytesMax * 0.97);
    expect(await sim.words.value('big')).to.have.length(bytesMax / 2);
    const kept = await sim.contents();
    await sim.words.durable();
    await sim.reopen('kill');
    expect(await sim.contents()).to.deep.equal(kept);
  });

  it('a put that has waited is decided again', async () => {
    const sim = await fullOfSmall(3000);
    const big = 'b'.repeat(sim.stat('bytes') / 4);
    const cas = (await sim.words.set('cas', 'x')).cas;
    const compared = put(sim, 'cas', big, { compareCas: cas });
    const added = put(sim, 'added', big, { mode: 'add' });
    await sim.words.set('joined', 'x');
    const joined = put(sim, 'joined', big, { mode: 'append' });
    for (const each of [compared, added, joined]) expect(each).to.be.instanceOf(Promise);
    for (const key of ['cas', 'added']) await sim.words.set(key, 'other');
    const replaced = sim.words.set('joined', 'y');
    expect(await sim.wait(compared)).to.include({ status: 'exists' });
    expect(await sim.wait(added)).to.include({ status: 'not-stored' });
    expect(await sim.wait(joined)).to.include({ status: 'stored', valueBytes: big.length + 1 });
    expect((await replaced).status).to.equal('stored');
    expect(await sim.words.value('joined')).to.equal(`y${big}`);
    expect(await sim.words.value('cas')).to.equal('other');
  });

  it('a large value waits for room with its file, and a refusal removes the file', async () => {
    const sim = await SimStore.open({ ...OPTIONS, bytesMax: 2_500_000 });
    for (let n = 0; n < 1200; n++) await sim.words.set(`k${n}`, 'x'.repeat(2000));
    const cas = (await sim.words.set('v', 'x')).cas;
    const pieces = [Buffer.alloc(1_000_000, 'a'), Buffer.alloc(500_000, 'b')];
    expect(await sim.words.putLarge('v', pieces, { compareCas: cas })).to.include({
      status: 'stored',
    });
    expect(sim.stat('bytes')).to.be.at.most(2_500_000);
    for (let n = 0; n < 600; n++) await sim.words.set(`l${n}`, 'x'.repeat(2000));
    const refused = sim.words.putLarge('v', pieces, { compareCas: cas });
    expect((await refused).status).to.be.oneOf(['exists', 'not-found']);
    await sim.words.durable();
    await sim.advance(10);
    const isHeld = (await sim.words.value('v')) !== undefined;
    expect(sim.names('.val')).to.have.length(isHeld ? 1 : 0);
  });

  it('waiting puts end when the store closes, and when the disk fails', async () => {
    const closing = await fullOfSmall(1500);
    const waiting = put(closing, 'big', 'b'.repeat(closing.stat('bytes') / 2));
    expect(waiting).to.be.instanceOf(Promise);
    await closing.close();
    expect(await closing.wait(waiting)).to.include({ status: 'closed' });

    // So many evictions also wait for the disk in between.
    const failing = await fullOfSmall(4600);
    const before = Object.keys(await failing.contents());
    const failed = put(failing, 'big', 'b'.repeat(failing.stat('bytes') / 2));
    const fault = { kind: 'error', code: 'EIO', forever: true } as const;
    failing.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: fault }]);
    // The status depends on what fails first, the successor's file or a commit.
    expect((await failing.wait(failed)).status).to.be.oneOf(['closed', 'no-space']);
    await failing.advance(100);
    failing.world.faults = new FaultPlan();
    await failing.reopen('kill');
    // The failed write may have reached the disk, so only the oldest items of one turn may be gone.
    const kept = Object.keys(await failing.contents()).sort();
    expect(kept.length).to.be.at.least(before.length - TURN_ITEMS_MAX);
    expect(kept).to.deep.equal(before.sort().slice(before.length - kept.length));
  });

  it('a start with smaller bounds evicts a slice at a time, and the store does not grow meanwhile', async () => {
    for (const bounds of [{ keysMax: 100 }, { bytesMax: 100 * 112 }]) {
      const sim = await SimStore.open(OPTIONS);
      for (let n = 0; n < 3000; n++) await sim.words.set(`k${1000 + n}`, SMALL);
      await sim.reopen('close', { ...OPTIONS, ...bounds });
      expect(sim.stat('curr_items')).to.be.above(2000);
      for (let turn = 0; turn < 200; turn++) {
        const before = sim.stat('curr_items');
        expect(put(sim, `new${turn}`, SMALL)).to.include({ status: 'stored' });
        expect(sim.stat('curr_items')).to.be.at.most(Math.max(before, 100));
        expect(before - sim.stat('curr_items')).to.be.at.most(TURN_ITEMS_MAX);
        await sim.advance(0.1);
      }
      await sim.words.durable();
      // Slices wait for the disk, so the last ones come when the disk has caught up.
      const isAbove = (): boolean => sim.stat('curr_items') > 100;
      for (let wait = 0; wait < 1000 && isAbove(); wait++) await sim.advance(1);
      if ('bytesMax' in bounds) expect(sim.stat('bytes')).to.be.within(11_000, 11_200);
      else expect(sim.stat('curr_items')).to.equal(100);
      const newest = Array.from({ length: 90 }, (_, n) => `new${199 - n}`);
      expect(Object.keys(await sim.contents())).to.include.members(newest);
    }
  });

  it('an incr that makes items longer keeps the store within its bounds', async () => {
    const sim = await fullOfSmall(100);
    const bytesMax = sim.stat('bytes');
    for (let n = 0; n < 20; n++) await sim.words.set(`n${n}`, '9');
    for (let n = 0; n < 20; n++) {
      await sim.words.change('incr', `n${n}`, 10n ** 18n);
      expect(sim.stat('bytes')).to.be.at.most(bytesMax);
    }
    expect(await sim.words.value('n19')).to.equal('1000000000000000009');
    await sim.reopen('close', { ...OPTIONS, bytesMax, evicts: false });
    const keys = sim.stat('curr_items');
    await sim.words.change('incr', 'n19', 10n ** 19n);
    expect(sim.stat('curr_items')).to.equal(keys);
  });

  it('--max-bytes evicts exactly the necessary least recently used items, for sets of any size', async () => {
    const bytesMax = 40_000;
    const sets = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(1, 40, 300, 9000, 30_000)), {
      maxLength: 120,
    });
    await fc.assert(
      fc.asyncProperty(sets, async (uses) => {
        const sim = await SimStore.open({ ...OPTIONS, bytesMax });
        const model = new Map<string, number>();
        for (const [id, size] of uses) {
          const key = `k${id}`;
          const bytes = frameBytes(key.length, size, 0);
          model.delete(key);
          const held = (): number => [...model.values()].reduce((sum, each) => sum + each, 0);
          while (held() + bytes > bytesMax) model.delete(model.keys().next().value ?? '');
          model.set(key, bytes);
          expect(await sim.words.set(key, 'x'.repeat(size))).to.include({ status: 'stored' });
        }
        expect(Object.keys(await sim.contents()).sort()).to.deep.equal([...model.keys()].sort());
      }),
      seeded('--max-bytes, exact', 40),
    );
  });

  it('--max-bytes holds at every moment, whichever puts wait', async () => {
    const bytesMax = 60_000;
    const sets = fc.array(fc.tuple(fc.nat(400), fc.constantFrom(1, 40, 9000, 50_000)), {
      minLength: 100,
      maxLength: 400,
    });
    await fc.assert(
      fc.asyncProperty(sets, fc.boolean(), async (uses, kills) => {
        const sim = await SimStore.open({ ...OPTIONS, bytesMax });
        const outcomes: Promise<PutOutcome>[] = [];
        for (const [at, [id, size]] of uses.entries()) {
          outcomes.push(Promise.resolve(put(sim, `k${id}`, 'x'.repeat(size))));
          expect(sim.stat('bytes')).to.be.at.most(bytesMax);
          if (at % 7 === 0) await sim.advance(0.02);
          expect(sim.stat('bytes')).to.be.at.most(bytesMax);
        }
        for (const outcome of await sim.wait(Promise.all(outcomes))) {
          expect(outcome).to.include({ status: 'stored' });
        }
        expect(sim.stat('bytes')).to.be.at.most(bytesMax);
        await sim.words.durable();
        const kept = await sim.contents();
        if (kills) await sim.reopen('kill');
        expect(await sim.contents()).to.deep.equal(kept);
      }),
      seeded('--max-bytes, side by side', 25),
    );
  });
});
