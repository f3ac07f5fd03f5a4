// snapshot(): exports the store at exactly one seq, whatever the writers do meanwhile.

import { expect } from 'chai';

import { SnapshotParser } from '../../../../src/store/snapshot-file/parser.js';
import { DIR } from '../../../sim/engine.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { seeded } from '../../../support/seed.js';
import { SimStore } from '../../../support/sim-store.js';

const OPTIONS = { segmentBytesMax: 16 * 1024, cacheBytesMax: 1000, snapshot: 'never' } as const;
const PATH = `${DIR}/snapshot.json`;

type Contents = ReadonlyMap<string, string>;

function exported(sim: SimStore): Map<string, string> {
  const parser = new SnapshotParser(PATH);
  const text = Buffer.from(sim.world.disk.find(PATH)!.cached());
  const entries = [...parser.push(text), ...parser.end()];
  const found = new Map<string, string>();
  for (const { key, value, flags, expiresAt } of entries) {
    expect(found.has(key.toString()), key.toString()).to.equal(false);
    found.set(key.toString(), `${value.toString()} ${flags} ${expiresAt}`);
  }
  return found;
}

/** Makes random changes, and keeps what the store holds after each of their seqs. */
class Writer {
  readonly #sim: SimStore;
  readonly #random: SeededRandom;
  readonly #now = new Map<string, string>();
  readonly history = new Map<number, Contents>([[0, new Map()]]);
  #count = 0;

  constructor(sim: SimStore, seed: number) {
    this.#sim = sim;
    this.#random = new SeededRandom(seed);
  }

  async change(): Promise<void> {
    const { words, store } = this.#sim;
    const random = this.#random;
    const key = `k${random.between(0, 60)}`;
    const kind = random.between(0, 9);
    this.#count += 1;
    if (kind < 6) {
      const value = `${this.#count}`.repeat(random.between(1, 40));
      await words.set(key, value, { flags: this.#count });
      this.#now.set(key, `${value} ${this.#count} 0`);
    } else if (kind < 8) {
      await words.delete(key);
      this.#now.delete(key);
    } else if (kind === 8) {
      const expiresAt = store.nowMs() + 3_600_000 + this.#count;
      const old = this.#now.get(key);
      await words.touch(key, expiresAt);
      if (old !== undefined) this.#now.set(key, old.replace(/\d+$/, String(expiresAt)));
    } else if (random.chance(0.1)) {
      store.flush(0);
      this.#now.clear();
    }
    this.history.set(store.durability.lastSeq, new Map(this.#now));
  }
}

describe('snapshot()', () => {
  it('exports the store at its seq while writers go on, again and again', async () => {
    const { seed, numRuns } = seeded('snapshot()', 12);
    for (let run = 0; run < numRuns; run++) {
      const sim = await SimStore.open(OPTIONS, seed + run);
      const writer = new Writer(sim, seed + run);
      const pace = new SeededRandom(seed - run);
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < 80; at++) await writer.change();
        const progress = { isDone: false };
        const taken = sim.store.snapshot().finally(() => (progress.isDone = true));
        for (let at = 0; at < 200 && !progress.isDone; at++) {
          await writer.change();
          await sim.advance(pace.fraction());
        }
        const report = await sim.wait(taken);
        const found = exported(sim);
        const expected = writer.history.get(report.seq);
        expect(expected, `seq ${report.seq}`).to.not.equal(undefined);
        expect(found.size).to.equal(report.count);
        expect(Object.fromEntries(found)).to.deep.equal(Object.fromEntries(expected!));
      }
    }
  });

  it('is right while compactions replace the segments that it reads', async () => {
    const options = { segmentBytesMax: 8 * 1024, compactMinBytes: 1e9, snapshot: 'never' } as const;
    const sim = await SimStore.open(options);
    for (let at = 0; at < 120; at++) {
      await sim.words.set(`k${at % 40}`, `${at} `.repeat(100));
      await sim.words.durable();
    }
    const before = await sim.contents();
    const taken = sim.store.snapshot();
    await sim.wait(sim.store.compact({ everything: true }));
    expect(sim.stat('kv_compactions')).to.be.greaterThan(0);
    const report = await sim.wait(taken);
    expect(report.count).to.equal(40);
    expect(exported(sim).size).to.equal(40);
    for (let at = 80; at < 120; at++) {
      expect(exported(sim).get(`k${at % 40}`)).to.equal(`${`${at} `.repeat(100)} 0 0`);
    }
    expect(await sim.contents()).to.deep.equal(before);
    await sim.close();
  });

  it('leaves out expired items, and has an item that expires only during the export', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('gone', 'x', { expiresAt: 1 });
    const expiresAt = sim.store.nowMs() + 3;
    await sim.words.set('soon', 'x', { expiresAt });
    sim.slow('write', 20);
    const report = await sim.wait(sim.store.snapshot());
    expect(sim.store.nowMs()).to.be.greaterThan(expiresAt);
    expect(report.count).to.equal(1);
    expect([...exported(sim).keys()]).to.deep.equal(['soon']);
  });

  it('leaves the previous snapshot when it fails, and the next snapshot is whole', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('k', 'old');
    await sim.words.durable();
    await sim.wait(sim.store.snapshot());
    await sim.words.set('k', 'new');
    await sim.words.durable();
    await sim.advance(2000);
    const effect = { kind: 'error', code: 'ENOSPC' } as const;
    for (const kinds of [['write'], ['sync'], ['rename']] as const) {
      sim.world.faults = new FaultPlan([{ at: 1, kinds, effect }]);
      const failed = sim.store.snapshot().then(
        () => 'taken',
        () => 'failed',
      );
      expect(await sim.wait(failed), kinds[0]).to.equal('failed');
      expect(exported(sim).get('k')).to.equal('old 0 0');
      expect(sim.names('.tmp')).to.deep.equal([]);
    }
    expect(sim.stat('kv_snapshots_failed')).to.equal(3);
    await sim.wait(sim.store.snapshot());
    expect(exported(sim).get('k')).to.equal('new 0 0');
  });
});
