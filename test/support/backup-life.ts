// A store on a simulated machine that runs, is backed up now and then, and notes what it held after each record.

import { expect } from 'chai';

import { backUp, type BackupReport } from '../../src/offline/backup/backup-store.js';
import { openReader } from '../../src/offline/backup/backup-reader.js';
import { restore } from '../../src/offline/backup/restore.js';
import type { Moment } from '../../src/offline/past-segments.js';
import { StoreReader } from '../../src/offline/store-reader.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { DIR } from '../sim/engine.js';
import { SimStore } from './sim-store.js';

export const BACKUP_DIR = '/backup';
const LARGE_BYTES = 1024 * 1024 + 1;
const OPTIONS = { segmentBytesMax: 8 * 1024, compactMinBytes: 0, snapshot: 'never' } as const;

interface Kept {
  readonly value: string;
  readonly flags: number;
  readonly cas: bigint;
  readonly expiresAt: number;
}

type Contents = Readonly<Record<string, Kept>>;

interface Restored {
  readonly items: Contents;
  /** The time for which these contents hold. */
  readonly ms: number;
}

interface State {
  readonly seq: number;
  /** The time on the store's clock at which the record was durable. */
  readonly ms: number;
  readonly items: Contents;
}

export class BackupLife {
  readonly sim: SimStore;
  readonly seed: number;
  readonly random: SeededRandom;
  /** The seqs of the existing backups. */
  readonly backups: number[] = [];
  readonly #states: State[] = [{ seq: 0, ms: 0, items: {} }];
  #now: Record<string, Kept> = {};
  #restores = 0;
  /** The time at which the newest backup began. */
  #backedUpMs = 0;

  private constructor(sim: SimStore, seed: number) {
    this.sim = sim;
    this.seed = seed;
    this.random = new SeededRandom(seed);
  }

  static async open(seed: number, keepHistoryMs: number): Promise<BackupLife> {
    const sim = await SimStore.open({ ...OPTIONS, keepHistoryMs }, seed);
    return new BackupLife(sim, seed);
  }

  close(): Promise<void> {
    return this.sim.close();
  }

  /** Makes a change, a compaction or a backup (some with changes meanwhile), or stops and starts the store. */
  async step(): Promise<void> {
    const draw = this.random.below(100);
    if (draw < 86) await this.change();
    else if (draw < 90) await this.sim.wait(this.sim.store.compact({ everything: draw < 88 }));
    else if (draw < 96) await this.backUp(draw < 93 ? 3 : 0);
    else if (draw < 98) await this.sim.advance(this.random.below(30_000));
    else await this.sim.reopen(draw < 99 ? 'kill' : 'close');
  }

  begin(): Promise<BackupReport> {
    return backUp(this.sim.process, DIR, BACKUP_DIR, {
      isServed: () => Promise.resolve(true),
      keepMs: Number.POSITIVE_INFINITY,
    });
  }

  /** Makes a backup, with that many changes and a compaction while it runs. */
  async backUp(changes = 0): Promise<void> {
    const fromMs = this.sim.store.nowMs();
    const work = this.begin();
    for (let count = 0; count < changes; count += 1) await this.change();
    if (changes > 0) await this.sim.wait(this.sim.store.compact({ everything: true }));
    const { manifest } = await this.sim.wait(work);
    this.#backedUpMs = fromMs;
    this.backups.push(manifest.seq);
  }

  /** Restores the backups into a new store and returns what that store holds. */
  async restored(moment?: Moment): Promise<Restored> {
    const { process } = this.sim;
    const target = `/restored-${(this.#restores += 1)}`;
    const work = async (): Promise<Restored> => {
      const reader = await openReader(process, BACKUP_DIR, moment);
      await process.fs.makeDir(target);
      try {
        const { timeMs } = await restore(process, reader, target);
        const nowMs = moment === undefined ? process.clock.wallMs() : timeMs;
        const ms = moment?.kind === 'time' ? moment.ms : nowMs;
        return { ms, items: await contentsOf(process, target, { kind: 'time', ms }) };
      } finally {
        await reader.close();
        for (const name of await process.fs.list(target))
          await process.fs.remove(`${target}/${name}`);
      }
    };
    return this.sim.wait(work());
  }

  /** Returns what the store held after that record, without the items that had expired at `ms`. */
  at(seq: number, ms: number): Contents {
    const { items } = this.#states.findLast((each) => each.seq <= seq)!;
    return Object.fromEntries(
      Object.entries(items).filter(([, { expiresAt }]) => expiresAt === 0 || expiresAt > ms),
    );
  }

  /** Throws unless the restored items are what the store held after the record. */
  expectAt(seq: number, { items, ms }: Restored, which: string): void {
    expect(items, `seed ${this.seed}, ${which}, seq ${seq}`).to.deep.equal(this.at(seq, ms));
  }

  /** Returns a time that the newest backup covers and at which all was durable. */
  someTime(): { readonly seq: number; readonly ms: number } {
    const known = this.#states.filter(({ seq, ms }) => seq > 0 && ms <= this.#backedUpMs);
    return known[this.random.below(known.length)]!;
  }

  async change(): Promise<void> {
    const { random, sim } = this;
    const key = `${'ab'[random.below(2)]}${random.below(12)}`;
    const draw = random.below(100);
    const beganMs = sim.store.nowMs();
    if (draw < 60) await this.#set(key);
    else if (draw < 62) await sim.words.putLarge(key, [Buffer.alloc(LARGE_BYTES, key)]);
    else if (draw < 72) await sim.words.delete(key);
    else if (draw < 80) await sim.words.touch(key, this.#someExpiry());
    else if (draw < 90) await sim.words.change('incr', `n${random.below(3)}`, 3n, CREATE);
    else if (draw < 93) await this.#flush('a');
    else if (draw < 94) await this.#flush('');
    else await sim.words.put('append', key, '+');
    await this.#note(key, beganMs);
  }

  async #set(key: string): Promise<void> {
    const { random } = this;
    const flags = random.below(2 ** 32);
    const expiresAt = random.chance(0.2) ? this.#someExpiry() : 0;
    const more = random.chance(0.1) ? { chosenCas: BigInt(random.below(1e6)) } : {};
    const value = `${random.below(1e9)}${'v'.repeat(random.below(300))}`;
    await this.sim.words.set(key, value, { flags, expiresAt, ...more });
  }

  #someExpiry(): number {
    return this.sim.store.nowMs() + 1 + this.random.below(40_000);
  }

  async #flush(prefix: string): Promise<void> {
    const { store } = this.sim;
    if (prefix === '') store.flush(0);
    else store.deletePrefix(Buffer.from(prefix));
    this.#now = Object.fromEntries(
      Object.entries(this.#now).filter(([key]) => !key.startsWith(prefix)),
    );
    await this.sim.advance(0);
  }

  /** Notes what the store says of the keys that may have changed: a restore has to bring this back. */
  async #note(changed: string, beganMs: number): Promise<void> {
    await this.sim.words.durable();
    const { lastSeq: seq } = this.sim.store.durability;
    for (const key of [changed, 'n0', 'n1', 'n2']) {
      const found = await this.sim.words.get(key);
      // An item that had expired before the change has no record of its end.
      const expiresAt = this.#now[key]?.expiresAt ?? 0;
      if (found === undefined && expiresAt !== 0 && expiresAt <= beganMs) continue;
      if (found === undefined) delete this.#now[key];
      else {
        const { value, flags, cas } = found;
        this.#now[key] = { value: shortened(value), flags, cas, expiresAt: found.expiresAt };
      }
    }
    this.#states.push({ seq, ms: this.sim.store.nowMs(), items: { ...this.#now } });
    await this.sim.advance(2);
  }
}

const CREATE = { create: { value: 7n, expiresAt: 0 } };

async function contentsOf(
  process: SimStore['process'],
  dir: string,
  moment: Moment,
): Promise<Contents> {
  const reader = await StoreReader.open(process, dir, moment);
  const found: Record<string, Kept> = {};
  try {
    for await (const { key, value, flags, cas, expiresAt } of reader.items()) {
      if (value === undefined) throw new Error('An item has a value');
      let bytes = value;
      if (!Buffer.isBuffer(bytes)) {
        const whole = Buffer.alloc(bytes.bytes);
        await bytes.read(whole, 0);
        bytes = whole;
      }
      found[key.toString()] = { value: shortened(bytes.toString('latin1')), flags, cas, expiresAt };
    }
  } finally {
    await reader.close();
  }
  return found;
}

/** Returns the length and the start of a large value, and a small one whole. */
function shortened(value: string): string {
  return value.length > 10_000 ? `${value.length} ${value.slice(0, 8)}` : value;
}
