// The past of a store with --keep-history: each moment is read exactly, whatever compactions, kills and flushes lie
// between, or it is refused.

import { expect } from 'chai';

import { StoreReader } from '../../../src/offline/store-reader.js';
import type { Moment } from '../../../src/offline/past-segments.js';
import { KvError } from '../../../src/errors.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { DIR } from '../../sim/engine.js';
import { FaultPlan } from '../../sim/fault-plan.js';
import { SimStore } from '../../support/sim-store.js';
import { seeded } from '../../support/seed.js';
import { rounds } from '../../support/tier.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const OPTIONS = {
  segmentBytesMax: 8 * 1024,
  compactMinBytes: 0,
  snapshot: 'never',
  keepHistoryMs: HOUR_MS,
} as const;
const LIVES = rounds(2, 1);
const LARGE_BYTES = 1024 * 1024 + 1;

type Contents = Readonly<Record<string, string>>;

/** Returns what the directory held at that moment. A long value is its length and its first letters. */
async function past(sim: SimStore, moment?: Moment): Promise<Contents> {
  const reading = async (): Promise<Contents> => {
    const reader = await StoreReader.open(sim.process, DIR, moment);
    const found: Record<string, string> = {};
    try {
      for await (const { key, value } of reader.items()) {
        if (value === undefined) throw new Error('An item has a value');
        if (Buffer.isBuffer(value)) {
          found[key.toString()] = value.toString();
          continue;
        }
        const start = Buffer.alloc(8);
        await value.read(start, 0);
        found[key.toString()] = `${value.bytes} ${start.toString()}`;
      }
    } finally {
      await reader.close();
    }
    return found;
  };
  return sim.wait(reading());
}

/** A store that goes on changing, and what it held after each of its records. */
class Life {
  readonly sim: SimStore;
  readonly random: SeededRandom;
  readonly after = new Map<number, Contents>([[0, {}]]);
  /** The seqs of the flush records. */
  readonly flushes: number[] = [];
  #now: Record<string, string> = {};

  constructor(sim: SimStore, random: SeededRandom) {
    this.sim = sim;
    this.random = random;
  }

  /** Makes a change, compacts the store, or ends and starts it. */
  async step(): Promise<void> {
    const draw = this.random.below(100);
    if (draw < 91) await this.change();
    else if (draw < 96) await this.sim.wait(this.sim.store.compact({ everything: draw < 94 }));
    else await this.sim.reopen(draw < 98 ? 'kill' : 'close');
  }

  async change(): Promise<void> {
    const { random } = this;
    const key = `${'ab'[random.below(2)]}${random.below(12)}`;
    const draw = random.below(91);
    if (draw < 70) await this.#set(key, `${random.below(1e9)}${'v'.repeat(random.below(300))}`);
    else if (draw < 85) await this.#delete(key);
    else if (draw < 88) await this.#flush('');
    else await this.#flush('a');
  }

  async #set(key: string, value: string): Promise<void> {
    const put = { mode: 'set', key: Buffer.from(key), flags: 0, expiresAt: 0 } as const;
    await this.sim.wait(this.sim.store.put({ ...put, value: Buffer.from(value) }));
    this.#now[key] = value;
    await this.#note();
  }

  async #delete(key: string): Promise<void> {
    await this.sim.wait(this.sim.store.delete({ key: Buffer.from(key) }));
    delete this.#now[key];
    await this.#note();
  }

  async #flush(prefix: string): Promise<void> {
    const { store } = this.sim;
    if (prefix === '') store.flush(0);
    else store.deletePrefix(Buffer.from(prefix));
    this.#now = Object.fromEntries(
      Object.entries(this.#now).filter(([key]) => !key.startsWith(prefix)),
    );
    await this.#note();
    this.flushes.push(this.sim.store.durability.lastSeq);
  }

  async #note(): Promise<void> {
    const { durability } = this.sim.store;
    while (durability.watermark < durability.lastSeq) await this.sim.advance(1);
    this.after.set(durability.lastSeq, { ...this.#now });
  }
}

async function expectMoments(life: Life, which: string): Promise<void> {
  for (const [seq, contents] of life.after) {
    if (seq === 0) continue;
    const found = await past(life.sim, { kind: 'seq', seq });
    expect(found, `${which}, seq ${seq}`).to.deep.equal(contents);
  }
}

describe('The past of a store', function () {
  this.timeout(120_000);

  it('is exact at each record, across compactions, kills and flushes', async () => {
    const { seed: first } = seeded('the past', LIVES);
    for (let seed = first; seed < first + LIVES; seed += 1) {
      const sim = await SimStore.open(OPTIONS, seed);
      const life = new Life(sim, new SeededRandom(seed));
      for (let step = 0; step < 200; step += 1) await life.step();
      await expectMoments(life, `seed ${seed}`);
      const beforeFlush = life.after.get(Math.max(...life.flushes) - 1);
      if (beforeFlush !== undefined)
        expect(await past(sim, { kind: 'before-flush' }), `seed ${seed}`).to.deep.equal(
          beforeFlush,
        );
      await sim.close();
    }
  });

  it('has no gap, at whatever operation of a compaction the power is lost', async () => {
    let crashes = 0;
    for (let at = 1, isOver = false; !isOver; at += rounds(1, 4)) {
      const sim = await SimStore.open({ ...OPTIONS, compactMinBytes: 1e9 }, 9);
      const life = new Life(sim, new SeededRandom(9));
      for (let step = 0; step < 60; step += 1) await life.change();
      sim.world.faults = new FaultPlan([{ at, effect: { kind: 'crash', when: 'after' } }]);
      await sim.wait(sim.store.compact({ everything: true })).catch(() => undefined);
      isOver = sim.world.faults.fired === 0;
      if (!isOver) crashes += 1;
      sim.world.faults = new FaultPlan();
      await sim.reopen(isOver ? 'close' : { kind: 'lost' });
      await expectMoments(life, `operation ${at}`);
      await sim.close();
    }
    expect(crashes).to.be.above(rounds(20, 5));
  });

  it('is exact at a time, and keeps large values that were replaced', async () => {
    const sim = await SimStore.open(OPTIONS);
    const putLarge = async (letter: string): Promise<void> => {
      const value = Buffer.alloc(LARGE_BYTES, letter);
      const put = { mode: 'set', key: Buffer.from('big'), value, flags: 0, expiresAt: 0 } as const;
      await sim.wait(sim.store.put(put));
      await sim.advance(1000);
    };
    const times: number[] = [];
    for (const letter of ['a', 'b', 'c']) {
      await putLarge(letter);
      times.push(sim.store.nowMs());
      await sim.advance(1000);
    }
    await sim.wait(sim.store.delete({ key: Buffer.from('big') }));
    await sim.advance(1000);
    await sim.wait(sim.store.compact({ everything: true }));
    await sim.reopen('kill');
    for (const [at, letter] of ['a', 'b', 'c'].entries()) {
      const found = await past(sim, { kind: 'time', ms: times[at]! });
      expect(found).to.deep.equal({ big: `${LARGE_BYTES} ${letter.repeat(8)}` });
    }
    expect(await past(sim)).to.deep.equal({});
    await sim.close();
  });

  it('is refused, and never wrong, when it is not kept', async () => {
    const sim = await SimStore.open({ ...OPTIONS, keepHistoryMs: 0 });
    const life = new Life(sim, new SeededRandom(7));
    for (let step = 0; step < 120; step += 1) await life.step();
    let refused = 0;
    for (const [seq, contents] of life.after) {
      if (seq === 0) continue;
      const found = await past(sim, { kind: 'seq', seq }).catch((error: unknown) => error);
      if (found instanceof KvError) {
        expect(found.code).to.equal('KV_TOO_OLD');
        refused += 1;
      } else expect(found, `seq ${seq}`).to.deep.equal(contents);
    }
    expect(refused).to.be.above(0);
    const future = await past(sim, { kind: 'seq', seq: 1e9 }).catch((error: unknown) => error);
    expect(future).to.have.property('code', 'KV_BAD_OPTION');
    await sim.close();
  });

  it('is removed when its time is over, and when it has too many bytes', async () => {
    const sim = await SimStore.open({
      ...OPTIONS,
      keepHistoryMs: MINUTE_MS,
      historyBytesMax: 40_000,
    });
    const life = new Life(sim, new SeededRandom(3));
    for (let step = 0; step < 200; step += 1) await life.step();
    await sim.advance(6000);
    expect(sim.stat('kv_history_files')).to.be.above(0);
    expect(sim.stat('kv_history_bytes')).to.be.within(1, 40_000);
    await sim.advance(MINUTE_MS + 6000);
    expect([sim.stat('kv_history_files'), sim.stat('kv_history_bytes')]).to.deep.equal([0, 0]);
    expect(sim.world.disk.list(`${DIR}/history`)).to.deep.equal([]);
    await sim.close();
  });

  it('has a gap when a file cannot be kept, and the compaction succeeds', async () => {
    const sim = await SimStore.open(OPTIONS);
    const life = new Life(sim, new SeededRandom(5));
    for (let step = 0; step < 60; step += 1) await life.step();
    sim.process.fs.link = () => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM' }));
    const before = sim.stat('kv_compactions');
    await sim.wait(sim.store.compact({ everything: true }));
    expect(sim.stat('kv_compactions')).to.be.above(before);
    const gone = await past(sim, { kind: 'seq', seq: sim.store.durability.lastSeq - 1 }).catch(
      (error: unknown) => error,
    );
    expect(gone).to.have.property('code', 'KV_TOO_OLD');
    await sim.close();
  });
});
