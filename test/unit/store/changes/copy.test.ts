// A copy made of a dump and the feed, through changes, kills, power losses, full disks and compactions: at the end it
// equals the store, byte for byte. The changes that a feed gives do not depend on how often it was broken off.

import { expect } from 'chai';

import { isKvError } from '../../../../src/errors.js';
import type { ChangeFeed } from '../../../../src/store/change-log.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { drain, FeedCopy, type KeptChange } from '../../../support/feed-copy.js';
import { SimStore } from '../../../support/sim-store.js';
import { rounds } from '../../../support/tier.js';

const OPTIONS = {
  segmentBytesMax: 4096,
  cacheBytesMax: 1000,
  compactMinBytes: 1000,
  snapshot: 'never',
} as const;
const STEPS = 120;
const KEYS = 12;

/** A store, the feed that follows it, and the copy made of that. */
class Life {
  readonly sim: SimStore;
  readonly copy = new FeedCopy();
  /** The changes that the copy was made of since its last dump. */
  readonly told: KeptChange[] = [];
  dumps = 0;
  /** The seq of the last dump. */
  dumpSeq = 0;
  readonly #random: SeededRandom;
  #feed: ChangeFeed | undefined;

  readonly #keepsHistory: boolean;

  /** A full disk loses the history, so the disk never fills when the history is kept. */
  constructor(sim: SimStore, random: SeededRandom, keepsHistory: boolean) {
    this.sim = sim;
    this.#keepsHistory = keepsHistory;
    this.#random = random;
  }

  async live(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      await this.#change();
      const dice = this.#random.below(100);
      if (dice < 25) await this.#follow(this.#random.below(20));
      else if (dice < 29) await this.#leave();
      else if (dice < 32) await this.#restart();
      else if (dice < 35) await this.#compact(dice === 33);
      else if (dice < 36 && !this.#keepsHistory) await this.#fillDisk();
      else if (dice < 50) await this.sim.words.durable();
      else if (dice < 60) await this.sim.advance(this.#random.below(300));
    }
    await this.sim.advance(1000);
    await this.sim.words.durable();
    await this.#follow(Infinity);
    await this.#leave();
  }

  async #change(): Promise<void> {
    const { words, store } = this.sim;
    const random = this.#random;
    const key = `k${random.below(KEYS)}`;
    const expiresAt = random.below(3) === 0 ? store.nowMs() + 1 + random.below(2000) : 0;
    const dice = random.below(20);
    if (dice < 12) {
      const value = `${random.below(1000)}`.repeat(1 + random.below(60));
      await words.set(key, value, { flags: random.below(100), expiresAt });
    } else if (dice < 13) await words.set(key, 'x', { chosenCas: BigInt(random.below(1_000_000)) });
    else if (dice < 15) await words.delete(key);
    else if (dice < 17) await words.touch(key, expiresAt);
    else if (dice < 18) await words.lookup(key);
    else if (dice < 19) store.deletePrefix(Buffer.from(key.slice(0, 2 + random.below(2))));
    else store.flush(random.below(2) === 0 ? 0 : store.nowMs() + random.below(500));
  }

  /** Applies up to `max` changes; begins again from a dump when changes are gone. */
  async #follow(max: number): Promise<void> {
    const { sim, copy } = this;
    try {
      this.#feed ??= await sim.wait(sim.store.changeLog.follow({ after: copy.seq, values: true }));
      const found = await sim.wait(drain(this.#feed, max));
      for (const change of found) copy.apply(change);
      this.told.push(...found);
      if (found.length < max) copy.seq = this.#feed.position;
    } catch (error) {
      if (!isKvError(error, 'KV_TOO_OLD')) throw error;
      await this.#leave();
      // A full disk has no room for a dump, so it is made later.
      if (sim.world.disk.capacityBytes !== Infinity) return;
      await sim.wait(sim.store.snapshot());
      const dump = sim.world.disk.find('/data/snapshot.json');
      copy.load(Buffer.from(dump!.cached()).toString());
      this.told.length = 0;
      this.dumps += 1;
      this.dumpSeq = copy.seq;
      await this.#follow(max);
    }
  }

  /** Compacts, and follows the feed meanwhile. */
  async #compact(everything: boolean): Promise<void> {
    const { sim } = this;
    const compacting = sim.store.compact({ everything });
    await this.#follow(this.#random.below(60));
    await sim.wait(compacting);
  }

  async #leave(): Promise<void> {
    const feed = this.#feed;
    this.#feed = undefined;
    if (feed !== undefined) await this.sim.wait(feed.close());
  }

  async #restart(): Promise<void> {
    const styles = ['close', 'kill', { kind: 'lost' }, { kind: 'kept' }] as const;
    this.#feed = undefined;
    await this.sim.reopen(styles[this.#random.below(styles.length)]);
  }

  /** Fills the disk, so that changes are refused or taken back, until there is room again. */
  async #fillDisk(): Promise<void> {
    const { disk } = this.sim.world;
    disk.capacityBytes = disk.usedBytes();
    for (let at = 0; at < 30; at += 1) {
      await this.#change();
      if (at % 10 === 0) await this.#follow(5);
      await this.sim.advance(this.#random.below(30));
    }
    disk.capacityBytes = Infinity;
    await this.sim.advance(3000);
  }
}

/** Returns what a client reads. */
async function contentsOf(sim: SimStore): Promise<ReturnType<FeedCopy['live']>> {
  const found: ReturnType<FeedCopy['live']> = {};
  const names = (await sim.words.listAll(100)).map(({ key }) => key.toString('latin1'));
  for (const name of names.toSorted()) {
    const item = await sim.words.get(name, { quiet: true });
    if (item === undefined) continue;
    const { value, flags, expiresAt, cas } = item;
    found[name] = { value, flags, expiresAt, cas };
  }
  return found;
}

describe('A copy of a dump and the feed', () => {
  const seed = Number(process.env['CAIRN_TEST_SEED'] ?? Date.now() % 2 ** 31);

  for (const [title, keepHistoryMs] of [
    ['from the first change on when the history is kept', 1e9],
    ['after new dumps when changes are gone', 0],
  ] as const) {
    it(`equals the store, byte for byte, ${title}`, async function () {
      this.timeout(120_000);
      const lives = rounds(25, 6);
      console.log(`      CAIRN_TEST_SEED=${seed}, ${lives} lives`);
      let dumps = 0;
      for (let at = 0; at < lives; at += 1) {
        const logExpiries = at % 2 === 1;
        const options = { ...OPTIONS, keepHistoryMs, logExpiries };
        const sim = await SimStore.open(options, seed + at);
        const life = new Life(sim, new SeededRandom(seed + at), keepHistoryMs > 0);
        await life.live();
        const context = `CAIRN_TEST_SEED=${seed + at}`;
        expect(life.copy.live(sim.store.nowMs()), context).to.deep.equal(await contentsOf(sim));
        dumps += life.dumps;
        // A feed that is read in one piece gives the same changes.
        const feed = await sim.wait(sim.store.changeLog.follow({ after: 'oldest', values: true }));
        const from = Math.max(feed.position, life.dumpSeq);
        const behind = ({ seq }: KeptChange): boolean => seq > from;
        const whole = await sim.wait(drain(feed));
        expect(whole.filter(behind), context).to.deep.equal(life.told.filter(behind));
        await sim.wait(feed.close());
        await sim.close();
      }
      if (keepHistoryMs > 0) expect(dumps).to.equal(0);
      else expect(dumps).to.be.greaterThan(0);
    });
  }
});
