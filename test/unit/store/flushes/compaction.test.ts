// The flushes that compaction keeps: only the flushes that an older segment needs.

import { expect } from 'chai';

import { openSegments } from '../../../../src/log/segments/directory.js';
import { RECORD } from '../../../../src/log/bytes/format.js';
import { readManifest } from '../../../../src/log/segments/manifest-file.js';
import { SegmentScanner } from '../../../../src/log/segments/segment-scanner.js';
import { DIR } from '../../../sim/engine.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = {
  segmentBytesMax: 8 * 1024,
  cacheBytesMax: 0,
  compactRatio: 0.3,
  compactMinBytes: 1e9,
  snapshot: 'never',
} as const;
const COMPACTING = { ...OPTIONS, compactMinBytes: 1 };
const FILLER = 'x'.repeat(700);

/** Writes until a segment has been completed. */
async function fill(sim: SimStore, nameOf: (at: number) => string): Promise<void> {
  const before = sim.names('.seg').length;
  for (let at = 0; sim.names('.seg').length === before || at < 14; at++) {
    await sim.words.set(nameOf(at), FILLER);
    await sim.words.durable();
    await sim.advance(2);
  }
}

/** Makes old items in a segment that stays, many flushes of which one kills an item, then dead bytes. */
async function flushed(): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  for (const key of ['a:1', 'b:1']) await sim.words.set(key, 'old');
  await fill(sim, (at) => `live${at}`);
  for (let at = 0; at < 40; at++) sim.store.deletePrefix(Buffer.from(`none${at}:`));
  sim.store.deletePrefix(Buffer.from('a:'));
  for (let at = 40; at < 80; at++) sim.store.deletePrefix(Buffer.from(`none${at}:`));
  await fill(sim, () => 'dead');
  await fill(sim, (at) => `tail${at}`);
  await sim.advance(1000);
  expect(await flushesIn(sim)).to.equal(81);
  return sim;
}

/** Returns the number of flush records in all complete segments. */
async function flushesIn(sim: SimStore): Promise<number> {
  const { fs } = sim.process;
  let count = 0;
  const manifest = await sim.wait(readManifest(fs, DIR));
  const table = await sim.wait(openSegments(fs, DIR, manifest!));
  for (const { entry, file, salt } of table.ordered) {
    if (entry.bytes === null) continue;
    const scanner = new SegmentScanner(file, salt, entry.bytes);
    for (;;) {
      const batch = await sim.wait(scanner.next());
      if (batch === undefined) break;
      for (const { record } of batch.frames) {
        if (record.type === RECORD.flush || record.type === RECORD.deletePrefix) count += 1;
      }
    }
  }
  await sim.wait(table.close());
  return count;
}

async function expectGone(sim: SimStore): Promise<void> {
  expect(await sim.words.value('a:1')).to.equal(undefined);
  expect(await sim.words.value('b:1')).to.equal('old');
}

describe('Compaction of flushes', () => {
  it('drops flushes that no older segment needs, and keeps the one that such a segment needs', async () => {
    for (const how of ['close', 'kill'] as const) {
      const sim = await flushed();
      const oldest = sim.names('.seg')[0];
      await sim.reopen(how, COMPACTING);
      await sim.advance(1000);
      await sim.wait(sim.store.compact());
      expect(sim.names('.seg')[0]).to.equal(oldest);
      expect(await flushesIn(sim), how).to.equal(1);
      for (const useHints of [true, false]) {
        await sim.reopen('kill', { ...OPTIONS, useHints });
        await expectGone(sim);
      }
    }
  });

  it('drops the last flush by itself when the segment that needed it was compacted', async () => {
    const sim = await flushed();
    await sim.reopen('close', COMPACTING);
    await sim.wait(sim.store.compact());
    expect(await flushesIn(sim)).to.equal(1);
    for (let at = 0; at < 14; at++) await sim.words.delete(`live${at}`);
    await sim.words.durable();
    await sim.wait(sim.store.compact({ everything: true }));
    await sim.advance(20_000);
    expect(await flushesIn(sim)).to.equal(0);
    await sim.reopen('kill', { ...OPTIONS, useHints: false });
    await expectGone(sim);
  });

  it('keeps a flush that is still open, since the items that it kills may not be known yet', async () => {
    const sim = await flushed();
    await sim.reopen('kill', COMPACTING);
    const compacted = sim.store.compact();
    sim.store.deletePrefix(Buffer.from('tail'));
    await sim.wait(compacted);
    await sim.words.durable();
    await sim.reopen('kill', { ...OPTIONS, useHints: false });
    await expectGone(sim);
    expect(await sim.words.value('tail1')).to.equal(undefined);
  });

  it('keeps the record that carried out a delayed flush while an older segment has its promise @long', async () => {
    for (const how of ['close', 'kill'] as const) {
      const sim = await SimStore.open(OPTIONS);
      sim.store.flush(sim.store.nowMs() + 20_000);
      await fill(sim, () => 'dead');
      await sim.reopen('close', COMPACTING);
      await sim.wait(sim.store.compact());
      const [oldest] = sim.names('.seg');
      await sim.reopen('close', OPTIONS);
      await sim.advance(20_000);
      await sim.words.set('live', 'after');
      // These are more segments than a run has, so the next run begins with the second segment.
      while (sim.names('.seg').length < 70) await fill(sim, () => 'dead');
      await sim.reopen(how, COMPACTING);
      while (sim.stat('kv_compactions') === 0) await sim.advance(1);
      expect(sim.names('.seg')[0], how).to.equal(oldest);
      await sim.reopen('kill', { ...OPTIONS, useHints: false });
      expect(await sim.words.value('live'), how).to.equal('after');
    }
  });
});
