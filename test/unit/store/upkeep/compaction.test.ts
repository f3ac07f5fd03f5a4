// Compaction of a run in the middle of the log: a removed item must not come back from an older segment.

import { expect } from 'chai';

import { FaultPlan } from '../../../sim/fault-plan.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = {
  segmentBytesMax: 8 * 1024,
  cacheBytesMax: 0,
  compactRatio: 0.6,
  compactMinBytes: 1,
  snapshot: 'never',
} as const;
const FILLER = 'x'.repeat(700);

/** Fills the rest of the active segment with items that stay. */
async function fillLive(sim: SimStore, prefix: string): Promise<void> {
  const before = sim.names('.seg').length;
  for (let at = 0; sim.names('.seg').length === before || at < 14; at++) {
    await sim.words.set(`${prefix}${at}`, FILLER);
    await sim.words.durable();
    await sim.advance(2);
  }
}

/** Fills segments with records that are dead at once. */
async function fillDead(sim: SimStore): Promise<void> {
  for (let at = 0; at < 30; at++) {
    await sim.words.set('dead', FILLER);
    await sim.words.durable();
    await sim.advance(2);
  }
}

/** Puts old items into a live segment, calls `change`, adds dead bytes around it, and compacts these. */
async function compactedAfter(
  change: (sim: SimStore) => Promise<void> | void,
  options: object = {},
): Promise<SimStore> {
  const sim = await SimStore.open({ ...OPTIONS, compactMinBytes: 1e9, ...options });
  for (const key of ['a', 'b', 'c']) await sim.words.set(key, `old ${key}`, { flags: 7 });
  await fillLive(sim, 'live');
  await change(sim);
  await fillDead(sim);
  await fillLive(sim, 'tail');
  const oldest = sim.names('.seg')[0];
  // Without the image the start knows no swept items, so the oldest segment looks full of live records.
  await sim.reopen('close', { ...OPTIONS, ...options, useHints: false });
  await sim.wait(sim.store.compact());
  expect(sim.stat('kv_compactions')).to.be.greaterThan(0);
  expect(sim.names('.seg')[0]).to.equal(oldest);
  return sim;
}

/** Checks now, after kills and stops, and after compaction, with the hints and without. */
async function afterRestarts(sim: SimStore, check: () => Promise<void>): Promise<void> {
  await check();
  await sim.reopen('kill', { ...OPTIONS, compactMinBytes: 1e9 });
  await check();
  await sim.reopen('close', { ...OPTIONS, compactMinBytes: 1e9, useHints: false });
  await check();
  await sim.wait(sim.store.compact({ everything: true }));
  await check();
  await sim.reopen('kill', { ...OPTIONS, compactMinBytes: 1e9, useHints: false });
  await check();
}

describe('Compaction @long', () => {
  it('of a run that is not the oldest keeps deleted items deleted', async () => {
    const sim = await compactedAfter(async ({ words }) => {
      await words.delete('a');
      await words.set('b', 'new');
      await words.delete('b');
    });
    await afterRestarts(sim, async () => {
      expect(await sim.words.value('a')).to.equal(undefined);
      expect(await sim.words.value('b')).to.equal(undefined);
      expect(await sim.words.value('c')).to.equal('old c');
    });
  });

  it('of a run that is not the oldest keeps expired items gone', async () => {
    const sim = await compactedAfter(async ({ words, store }) => {
      await words.set('a', 'short', { expiresAt: store.nowMs() + 50 });
      await words.touch('b', store.nowMs() + 50);
    });
    await afterRestarts(sim, async () => {
      expect(await sim.words.value('a')).to.equal(undefined);
      expect(await sim.words.value('b')).to.equal(undefined);
      expect(await sim.words.value('c')).to.equal('old c');
    });
  });

  it('of a run that is not the oldest keeps flushed items gone', async () => {
    const sim = await compactedAfter(async ({ words, store }) => {
      store.flush(0);
      await words.set('c', 'after the flush');
    });
    await afterRestarts(sim, async () => {
      expect(await sim.words.value('a')).to.equal(undefined);
      expect(await sim.words.value('c')).to.equal('after the flush');
    });
  });

  it('keeps token, flags, marks and expiry of the items that it moves, and applies touches', async () => {
    let touched = 0;
    const sim = await compactedAfter(async ({ words, store }) => {
      await words.set('a', 'moved', { flags: 99, chosenCas: 2n ** 64n - 5n });
      await words.set('b', 'touched', { flags: 5 });
      touched = store.nowMs() + 9_000_000;
      await words.touch('b', touched);
      await words.set('c', 'stale', { flags: 6 });
      await words.delete('c', { invalidate: true });
      await words.lookup('c', { win: true });
    });
    const seen = async (): Promise<unknown[]> =>
      Promise.all(
        ['a', 'b', 'c'].map(async (key) => {
          const read = await sim.words.get(key, { quiet: true });
          return [read?.value, read?.flags, read?.cas, read?.expiresAt, read?.stale, read?.won];
        }),
      );
    const [a, b, c] = (await seen()) as unknown[][];
    expect(a?.slice(0, 3)).to.deep.equal(['moved', 99, 2n ** 64n - 5n]);
    expect([b?.[0], b?.[1], b?.[3]]).to.deep.equal(['touched', 5, touched]);
    expect([c?.[0], c?.[4], c?.[5]]).to.deep.equal(['stale', true, true]);
    await afterRestarts(sim, async () => {
      expect(await seen()).to.deep.equal([a, b, c]);
    });
  });

  it('of everything leaves no dead byte, and can be repeated', async () => {
    const sim = await SimStore.open({ ...OPTIONS, compactMinBytes: 1e9 });
    await fillDead(sim);
    await fillLive(sim, 'live');
    for (let at = 0; at < 14; at += 2) await sim.words.delete(`live${at}`);
    const before = await sim.contents();
    const report = await sim.wait(sim.store.compact({ everything: true }));
    expect(report.bytesAfter).to.be.below(report.bytesBefore / 2);
    expect(sim.stat('kv_dead_bytes')).to.equal(0);
    expect(await sim.contents()).to.deep.equal(before);
    const files = sim.names('.seg');
    await sim.wait(sim.store.compact({ everything: true }));
    expect(sim.names('.seg'), 'nothing is rewritten for nothing').to.deep.equal(files);
    expect(sim.stat('kv_dead_bytes')).to.equal(0);
    expect(await sim.contents()).to.deep.equal(before);
  });

  it('that fails at any operation leaves the contents, and no temporary file after the next start', async () => {
    for (const kinds of [['open'], ['write'], ['sync'], ['rename'], ['syncDir']] as const) {
      for (const at of [1, 2]) {
        const sim = await SimStore.open({ ...OPTIONS, compactMinBytes: 1e9 });
        await fillDead(sim);
        await sim.words.set('k', 'x');
        await sim.words.durable();
        await sim.advance(3000);
        const before = await sim.contents();
        const effect = { kind: 'error', code: 'ENOSPC' } as const;
        sim.world.faults = new FaultPlan([{ at, kinds, effect }]);
        const name = `${kinds[0]} ${at}`;
        await sim.wait(sim.store.compact({ everything: true }).catch(() => undefined));
        expect(await sim.contents(), name).to.deep.equal(before);
        await sim.reopen('kill');
        await sim.advance(1000);
        expect(await sim.contents(), name).to.deep.equal(before);
        expect(sim.names('.tmp'), name).to.deep.equal([]);
      }
    }
  });
});
