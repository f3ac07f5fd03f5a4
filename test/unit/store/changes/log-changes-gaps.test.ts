// The change feed when changes are missing: a full disk took them back, or compaction removed them.

import { expect } from 'chai';

import { isKvError } from '../../../../src/errors.js';
import { drain } from '../../../support/feed-copy.js';
import {
  FEED_OPTIONS as OPTIONS,
  FILLER,
  WITH_HISTORY as HISTORY,
  fill,
  follow,
  refused,
  seqs,
  told,
} from '../../../support/sim-feed.js';
import { SimStore } from '../../../support/sim-store.js';

describe('LogChanges, where changes are missing', () => {
  let sim: SimStore;
  const open = async (options: object = OPTIONS): Promise<void> => {
    sim = await SimStore.open(options);
  };
  afterEach(async () => {
    await sim.close();
    expect([...sim.process.openFiles].map(({ path }) => path)).to.deep.equal([]);
  });

  /** Makes puts that are taken back; no seal says yet that their seqs were given out. */
  const loseSome = async (): Promise<void> => {
    await open();
    await fill(sim, 5);
    sim.world.disk.capacityBytes = sim.world.disk.usedBytes();
    for (let at = 0; at < 30; at++) {
      await sim.words.set(`lost${at}`, 'x'.repeat(3000));
      await sim.advance(5);
    }
    sim.world.disk.capacityBytes = Infinity;
    expect(sim.store.durability.lastSeq).to.be.greaterThan((await sim.words.listAll(100)).length);
  };

  it('never gives a change that a full disk took back', async () => {
    await open();
    const last = await fill(sim, 5);
    const feed = await follow(sim, { after: 0 });
    const { disk } = sim.world;
    disk.capacityBytes = disk.usedBytes();
    for (let at = 0; at < 200 && sim.stat('kv_disk_full') === 0; at++) {
      await sim.words.set(`lost${at}`, FILLER);
      await sim.advance(20);
    }
    const stored = new Set(
      (await sim.contents()) && (await sim.words.listAll(1000)).map(({ key }) => key.toString()),
    );
    disk.capacityBytes = Infinity;
    await sim.advance(5000);
    await sim.words.set('after', 'x');
    await sim.words.durable();
    const found = await sim.wait(drain(feed));
    await sim.wait(feed.close());
    expect(seqs(found).slice(0, last)).to.deep.equal(
      Array.from({ length: last }, (_, at) => at + 1),
    );
    for (const { key } of found.slice(last, -1)) expect(stored.has(key), key).to.equal(true);
    expect(found.at(-1)?.key).to.equal('after');
    expect(await told(sim, { after: 0 })).to.deep.equal(found);
  });

  describe('seqs that a full disk took back', () => {
    it('do not count as missing changes', async () => {
      await loseSome();
      await sim.advance(5000);
      const feed = await follow(sim, { after: 0 });
      const found = seqs(await sim.wait(drain(feed)));
      await sim.wait(sim.store.compact({ everything: true }));
      await sim.words.set('next', 'x');
      await sim.words.durable();
      const next = await sim.wait(drain(feed));
      expect(next.map(({ key }) => key)).to.deep.equal(['next']);
      expect(next[0]?.seq).to.be.greaterThan(found.at(-1)! + 1);
      await sim.wait(feed.close());
    });

    it('are no position of a feed, since a start gives them out again', async () => {
      await loseSome();
      const feed = await follow(sim, {});
      await sim.wait(drain(feed));
      const after = feed.position;
      expect(after).to.be.below(sim.store.durability.lastSeq);
      await sim.reopen('kill');
      await sim.words.set('next', 'x');
      await sim.words.durable();
      expect((await told(sim, { after })).map(({ key }) => key)).to.deep.equal(['next']);
    });
  });

  describe('after a compaction', () => {
    it('says from which seq on no change is missing, and gives all changes after it', async () => {
      await open();
      await fill(sim, 30, 3);
      await sim.wait(sim.store.compact({ everything: true }));
      const oldest = sim.store.durability.watermark;
      const error = await refused(sim, { after: oldest - 1 });
      expect(isKvError(error, 'KV_TOO_OLD')).to.equal(true);
      expect(error).to.include({ oldestSeq: oldest });
      const last = await fill(sim, 20, 20);
      const all = seqs(await told(sim, { after: 'oldest' }));
      expect(all).to.deep.equal(Array.from({ length: last - oldest }, (_, at) => oldest + 1 + at));
      expect(seqs(await told(sim, { after: oldest }))).to.deep.equal(all);
      for (const how of ['close', 'kill'] as const) {
        await sim.reopen(how);
        expect(isKvError(await refused(sim, { after: oldest - 1 }), 'KV_TOO_OLD')).to.equal(true);
        expect(seqs(await told(sim, { after: oldest }))).to.deep.equal(all);
      }
    });

    it('gives all changes as long as the history is kept', async () => {
      await open(HISTORY);
      await fill(sim, 30, 3);
      const before = await told(sim, { after: 0, values: true });
      await sim.wait(sim.store.compact({ everything: true }));
      await fill(sim, 10, 3);
      await sim.wait(sim.store.compact({ everything: true }));
      const after = await told(sim, { after: 0, values: true });
      expect(after.slice(0, before.length)).to.deep.equal(before);
      expect(after.length).to.equal(sim.store.durability.watermark);
      await sim.reopen('kill');
      expect(await told(sim, { after: 0, values: true })).to.deep.equal(after);
      expect(seqs(await told(sim, { after: 17 }))).to.deep.equal(seqs(after).slice(17));
      await sim.reopen('close', OPTIONS);
      expect(isKvError(await refused(sim, { after: 0 }), 'KV_TOO_OLD')).to.equal(true);
    });

    it('a feed in the middle of a file reads it to its end, and fails when the next file is gone', async () => {
      await open();
      const last = await fill(sim, 40, 3);
      const feed = await follow(sim, { after: 0 });
      const begun = await sim.wait(drain(feed, 2));
      const files = sim.names('.seg');
      // Compaction does not wait for feeds.
      await sim.wait(sim.store.compact({ everything: true }));
      expect(sim.names('.seg')).not.to.include(files[0]);
      const rest: number[] = [];
      const failure = await sim.wait(
        (async () => {
          for (;;) {
            const change = await feed.next();
            if (change === undefined) return undefined;
            rest.push(change.seq);
          }
        })().catch((error: unknown) => error),
      );
      expect(isKvError(failure, 'KV_TOO_OLD')).to.equal(true);
      expect([...seqs(begun), ...rest]).to.deep.equal(
        Array.from({ length: rest.length + 2 }, (_, at) => at + 1),
      );
      expect(rest.length + 2).to.be.within(3, last - 1);
      await sim.wait(feed.close());
    });

    it('a feed at the end goes on, although earlier segments are compacted', async () => {
      await open();
      const feed = await follow(sim, { after: 0 });
      const found: number[] = [];
      for (let round = 0; round < 5; round++) {
        await fill(sim, 12, 3);
        found.push(...seqs(await sim.wait(drain(feed))));
        await sim.wait(sim.store.compact({ everything: true }));
      }
      found.push(...seqs(await sim.wait(drain(feed))));
      expect(found).to.deep.equal(Array.from({ length: 60 }, (_, at) => at + 1));
      await sim.wait(feed.close());
    });
  });
});
