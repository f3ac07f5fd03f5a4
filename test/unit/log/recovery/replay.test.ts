// replay(): a start from hints and a start from the segments give the store the same entries.

import { expect } from 'chai';

import type { EntryList } from '../../../../src/log/bytes/entry-list.js';
import { CommitDurability } from '../../../../src/log/durability.js';
import { Log } from '../../../../src/log/log.js';
import { SegmentTable } from '../../../../src/log/segments/segment.js';
import { StoreClock } from '../../../../src/store/clock.js';
import { MIB } from '../../../../src/limits.js';
import { DIR } from '../../../sim/engine.js';
import { noHistory } from '../../../support/no-history.js';
import { entriesOf } from '../../../support/sim-log.js';
import { settle, SimStore } from '../../../support/sim-store.js';

/** Makes a closed store with records of every type over several segments, some of them compacted. */
async function closedStore(): Promise<SimStore> {
  const sim = await SimStore.open({
    segmentBytesMax: 8 * 1024,
    compactMinBytes: 1e9,
    snapshot: 'never',
  });
  const { words, store } = sim;
  for (let at = 0; at < 120; at++) {
    await words.set(`k${at % 30}`, 'x'.repeat(300), { flags: at });
    if (at % 7 === 0) await words.touch(`k${at % 30}`, store.nowMs() + 1e7 + at);
    if (at % 11 === 0) await words.delete(`k${at % 30}`);
    if (at % 13 === 0) await words.set(`cas${at}`, 'y', { chosenCas: BigInt(at) + (1n << 60n) });
    if (at === 50) store.flush(0);
    if (at === 60) store.flush(store.nowMs() + 1e8);
    if (at === 70) await words.putLarge('large', [Buffer.alloc(MIB + 1)]);
    if (at === 80) await sim.wait(store.compact({ everything: true }));
    await words.durable();
    await sim.advance(2);
  }
  await sim.advance(2000);
  await sim.close();
  return sim;
}

async function replayed(
  sim: SimStore,
  useHints: boolean,
): Promise<{ entries: unknown[]; lastSeq: number; scanned: number }> {
  const process = sim.world.boot();
  const entries: unknown[] = [];
  const state = { table: new SegmentTable(), durability: new CommitDurability() };
  const options = {
    segmentBytesMax: 8 * 1024,
    appendBytesMin: Infinity,
    storeClock: new StoreClock(process.clock),
    history: noHistory(process, DIR),
    useHints,
  };
  const visit = (list: EntryList): void => {
    for (const { type, marks, seq, expiresAt, key, value, offset, bytes } of entriesOf(list)) {
      const content = [key.toString('latin1'), value.toString('hex')];
      entries.push([type, marks, seq, expiresAt, offset, bytes, ...content]);
    }
  };
  const log = await settle(sim.world, Log.open(process, DIR, state, options, visit));
  const { lastSeq, scanned } = log.recovery;
  await settle(sim.world, log.close());
  return { entries, lastSeq, scanned: scanned.length };
}

describe('replay()', () => {
  it('visits the same entries from hints and from the segments', async () => {
    const sim = await closedStore();
    const fromHints = await replayed(sim, true);
    const fromSegments = await replayed(sim, false);
    expect(fromHints.scanned).to.equal(0);
    expect(fromSegments.scanned).to.be.greaterThan(2);
    expect(fromHints.entries.length).to.be.greaterThan(60);
    expect(fromHints.entries).to.deep.equal(fromSegments.entries);
    expect(fromHints.lastSeq).to.equal(fromSegments.lastSeq);
  });

  it('visits the same entries when some of the hints are damaged or gone', async () => {
    const sim = await closedStore();
    const expected = await replayed(sim, false);
    const [first, second] = sim.names('.hint');
    sim.world.disk.remove(`${DIR}/${first}`);
    const inode = sim.world.disk.find(`${DIR}/${second}`)!;
    sim.world.disk.write(inode, Buffer.from([inode.cached()[100]! ^ 1]), 100);
    const found = await replayed(sim, true);
    expect(found.scanned).to.equal(2);
    expect(found.entries).to.deep.equal(expected.entries);
  });
});
