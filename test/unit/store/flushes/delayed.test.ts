// Many delayed flushes at once: one record carries out all that are due, and later items stay.

import { expect } from 'chai';

import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import { ALL_DURABLE } from '../../../../src/log/durability.js';
import { Flushes } from '../../../../src/store/flushes/flushes.js';
import { Items } from '../../../../src/store/items/items.js';
import { Keydir } from '../../../../src/store/keydir/keydir.js';
import { replayEntry } from '../../../../src/store/restart/replay-items.js';
import { RECORDS } from '../../../support/example-log.js';
import { SimStore } from '../../../support/sim-store.js';

const PROMISES = 20_000;
/** All flushes are due by then. */
const LATER_MS = 100_000;

async function promised(): Promise<SimStore> {
  const sim = await SimStore.open({ snapshot: 'never' });
  for (const key of ['old', 'older']) await sim.words.set(key, 'before');
  const nowMs = sim.store.nowMs();
  for (let at = 0; at < PROMISES; at += 1) sim.store.flush(nowMs + 60_000 + at);
  await sim.words.durable();
  return sim;
}

/** Stops the process until all flushes are due, and starts it again. */
async function asleep(sim: SimStore): Promise<void> {
  sim.world.kill();
  await sim.advance(LATER_MS);
  await sim.reopen('kill');
}

describe('Delayed flushes', () => {
  it('a start carries out all flushes that came due meanwhile by one record, and later items stay', async () => {
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

  it('a record without a time carries out the flush whose seq it holds, and all that were due before', () => {
    const seed = hashSeed(Buffer.alloc(8));
    const flushes = new Flushes(seed);
    const items = new Items(
      new Keydir({ seed, recency: false }),
      { at: () => never() },
      ALL_DURABLE,
    );
    const { flush } = RECORDS;
    const replay = (record: Partial<LogRecord>): void =>
      replayEntry(items, flushes, { ...flush!, ...record, offset: 64, bytes: 48 }, { slot: 0 }, 0);
    for (const [seq, expiresAt] of [
      [1, 300],
      [2, 100],
      [3, 500],
    ] as const)
      replay({ seq, expiresAt });
    const value = Buffer.alloc(8);
    value.writeUIntLE(1, 0, 6);
    replay({ seq: 4, value });
    expect(flushes.promises.all.map(({ seq }) => seq)).to.deep.equal([3]);
    expect(flushes.newest).to.equal(4);
    value.writeUIntLE(9, 0, 6);
    replay({ seq: 5, value });
    expect(flushes.promises.all.map(({ seq }) => seq)).to.deep.equal([3]);
  });
});

function never(): never {
  throw new Error('No segment is asked for');
}
