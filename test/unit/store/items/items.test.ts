// Items: compares the accounting with a model, and checks that restore() is the inverse of every change.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { Segment } from '../../../../src/log/segments/segment.js';
import { Items } from '../../../../src/store/items/items.js';
import { emptyRecord } from '../../../../src/store/keydir/record.js';
import type { ItemState } from '../../../../src/store/items/items.js';
import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import { Keydir, ITEM_MARK } from '../../../../src/store/keydir/keydir.js';
import { MemoryFile } from '../../../support/memory-file.js';
import { seeded } from '../../../support/seed.js';

const SLOTS = 4;

function start(): { items: Items; segments: Segment[]; disk: { watermark: number } } {
  const keydir = new Keydir({ seed: hashSeed(Buffer.alloc(8, 1)), recency: true });
  const segments = Array.from({ length: SLOTS }, (_, slot) => {
    const place = { first: slot + 1, last: slot + 1, generation: 0, salt: slot };
    return new Segment(slot, place, new MemoryFile(Buffer.alloc(0)));
  });
  const disk = { watermark: 0 };
  const items = new Items(keydir, { at: (slot) => segments[slot]! }, disk);
  return { items, segments, disk };
}

const state: fc.Arbitrary<ItemState> = fc
  .record({
    segment: fc.nat(SLOTS - 1),
    offset: fc.nat(1000).map((each) => each * 8),
    length: fc.integer({ min: 5, max: 100 }).map((each) => each * 8),
    seq: fc.integer({ min: 1, max: 2 ** 40 }),
    expiresAt: fc.constantFrom(0, 0, 1_700_000_000_000),
    marks: fc.constantFrom(
      0,
      ITEM_MARK.STALE,
      ITEM_MARK.WON | ITEM_MARK.CHOSEN_CAS,
      ITEM_MARK.FETCHED,
    ),
    lastUsedSeconds: fc.constant(1_700_000_000),
    largeBytes: fc.constantFrom(0, 0, 5_000_000),
  })
  .map(({ largeBytes, ...rest }) => {
    const large = largeBytes === 0 ? undefined : { id: rest.seq, bytes: largeBytes, salt: 7 };
    return { ...rest, large };
  });

const change = fc.record({
  do: fc.constantFrom('set', 'set', 'remove', 'expire', 'relocate', 'undone'),
  key: fc.nat(12).map((each) => `key ${each}`),
  state,
});

/** Checks the counters and the items against the model. */
function expectCounted(items: Items, segments: Segment[], model: Map<string, ItemState>): void {
  const all = [...model.values()];
  const sum = (of: (each: ItemState) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  expect(items.count).to.equal(model.size);
  expect(items.liveBytes).to.equal(sum(({ length, large }) => length + (large?.bytes ?? 0)));
  expect(items.expiringCount).to.equal(sum(({ expiresAt }) => (expiresAt === 0 ? 0 : 1)));
  for (const { slot, liveBytes } of segments) {
    expect(liveBytes).to.equal(sum((each) => (each.segment === slot ? each.length : 0)));
  }
  const large = all.flatMap((each) => (each.large === undefined ? [] : [each.large.id]));
  expect(items.largeIds()).to.deep.equal(new Set(large));
  for (const [key, expected] of model) {
    const ref = items.keydir.find(Buffer.from(key));
    const found = emptyRecord();
    items.load(ref, found);
    expect({ ...found, large: items.largeOf(ref) }).to.deep.equal(expected);
  }
}

describe('Items', () => {
  it('every change keeps the counters true, and restore() takes it back exactly', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const { items, segments } = start();
        const model = new Map<string, ItemState>();
        for (const { do: what, key, state: next } of changes) {
          const bytes = Buffer.from(key);
          const ref = items.keydir.find(bytes);
          const old = model.get(key);
          if (what === 'set') {
            items.set(bytes, ref, next, next.large);
            model.set(key, next);
          } else if (what === 'undone') {
            items.set(bytes, ref, next, next.large);
            items.restore(bytes, old);
          } else if (old === undefined) {
            items.relocate(items.keydir.find(bytes), next.seq, next.segment, next.offset);
          } else if (what === 'remove') {
            items.remove(ref);
            items.restore(bytes, old);
            items.remove(items.keydir.find(bytes));
            model.delete(key);
          } else if (what === 'expire') {
            items.setExpiresAt(ref, next.expiresAt);
            model.set(key, { ...old, expiresAt: next.expiresAt });
          } else {
            items.relocate(items.keydir.find(bytes), old.seq + 1, next.segment, next.offset);
            items.relocate(items.keydir.find(bytes), old.seq, next.segment, next.offset);
            model.set(key, { ...old, segment: next.segment, offset: next.offset });
          }
          expectCounted(items, segments, model);
        }
      }),
      seeded('Items', 150),
    );
  });

  it('afterOf() gives the seq of the newest change that is not durable, also for a removed key', () => {
    const { items, disk } = start();
    const key = Buffer.from('k');
    const put = { segment: 0, offset: 64, length: 40, expiresAt: 0, marks: 0, lastUsedSeconds: 0 };
    const ref = items.set(key, 0, { ...put, seq: 5 }, undefined);
    expect(items.afterOf(ref, key)).to.equal(5);
    items.unsynced.note(key, 0, key.length, 6);
    expect(items.afterOf(ref, key)).to.equal(6);
    items.remove(ref);
    expect(items.afterOf(0, key)).to.equal(6);
    disk.watermark = 5;
    items.unsynced.settle(disk.watermark);
    expect(items.afterOf(0, key)).to.equal(6);
    disk.watermark = 6;
    expect(items.afterOf(0, key)).to.equal(0);
    items.unsynced.settle(disk.watermark);
    items.unsynced.note(key, 0, key.length, 7);
    items.unsynced.clear();
    expect(items.afterOf(0, key)).to.equal(0);
  });
});
