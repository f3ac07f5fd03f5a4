// Runs a script once and tries every crash that could have happened: at each instant at which the disk changed, in each
// style of power loss, and again during the recovery from it.

import { crc32 } from 'node:zlib';

import type { BrokenWorld } from './broken-worlds.js';
import { Client } from './client.js';
import { DIR, openEngine, type EngineOptions } from './engine.js';
import { History } from './history.js';
import type { CrashStyle } from './power-loss.js';
import { checkRecovery, unwrap, type Bounds, type RecoveryPoint } from './recovery-check.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import type { SimDisk } from './sim-disk.js';
import { SimWorld } from './sim-world.js';
import type { Command } from './workload.js';

export interface Exploration {
  readonly seed: number;
  readonly engine: EngineOptions;
  readonly commands: readonly Command[];
  /** The number of random images per instant, besides the orderly ones. */
  readonly randomImages: number;
  /** Pending writes are torn at every n-th byte; long ones (zeros ahead, copies) only at some offsets. */
  readonly byteStep: number;
  /** The share of a recovery's instants that get a second crash. */
  readonly secondCrashes: number;
  readonly mayVanish?: boolean;
}

export interface Explored {
  /** The number of crash states that were made; `distinct` counts the states that no earlier one was equal to. */
  states: number;
  distinct: number;
  instants: number;
}

const LONG_WRITE_BYTES = 1000;
/** The share of the recoveries that a second start follows. */
const SECOND_STARTS = 0.2;

/** Explores a script. Throws a Violation whose message names the instant and the style. */
export async function exploreCrashes(
  exploration: Exploration,
  bug: BrokenWorld = {},
): Promise<Explored> {
  const points = await record(exploration, bug);
  const explorer = new Explorer(exploration);
  explorer.explored.instants = points.length;
  for (const [index, point] of points.entries()) await explorer.explore(point, index);
  return explorer.explored;
}

/** Runs the script without a crash; returns the disk at every instant, and what was promised by then. */
async function record(exploration: Exploration, bug: BrokenWorld): Promise<RecoveryPoint[]> {
  const { seed, engine, commands, mayVanish = false } = exploration;
  const world = new SimWorld(seed);
  world.disk.makeDir(DIR);
  const process = world.boot();
  const history = new History();
  const points: RecoveryPoint[] = [];
  let client: Client | undefined;
  world.observe = ({ kind, phase }) => {
    if (phase === 'started' && ['read', 'list', 'size', 'close', 'freeBytes'].includes(kind))
      return;
    const store = client?.store;
    const [minSeq, maxSeq] = [store?.durability.watermark ?? 0, store?.durability.lastSeq ?? 0];
    const bounds = { history, minSeq, maxSeq, nowMs: process.clock.wallMs(), mayVanish };
    points.push({ disk: world.disk.clone(), bounds });
  };
  const store = unwrap(await world.scheduler.settle(openEngine(process, engine, bug)), 'start');
  client = new Client(process, store, history, { next: 1 }, { mayFail: false, mayVanish });
  unwrap(await world.scheduler.settle(client.run(commands)), 'script');
  unwrap(await world.scheduler.settle(store.close()), 'close');
  return points;
}

class Explorer {
  readonly explored: Explored = { states: 0, distinct: 0, instants: 0 };
  readonly #exploration: Exploration;
  readonly #random: SeededRandom;
  readonly #seen = new Set<string>();

  constructor(exploration: Exploration) {
    this.#exploration = exploration;
    this.#random = new SeededRandom(exploration.seed + 1);
  }

  async explore(point: RecoveryPoint, index: number): Promise<void> {
    for (const style of this.#styles(point.disk)) {
      const where = `instant ${index}, ${JSON.stringify(style)}`;
      const second: RecoveryPoint[] = [];
      await this.#check(point, style, where, (each) => {
        if (this.#random.chance(this.#exploration.secondCrashes)) second.push(each);
      });
      for (const [step, again] of second.entries()) {
        const seed = this.#random.next32();
        const styles: CrashStyle[] = [
          { kind: 'lost' },
          { kind: 'kept' },
          { kind: 'random', seed, hostile: true },
        ];
        if (again.disk.pendingOrders().length === 0) styles.length = 1;
        for (const style of styles) {
          const place = `${where}, second crash ${step}, ${JSON.stringify(style)}`;
          await this.#check(again, style, place, undefined);
        }
      }
    }
  }

  #styles(disk: SimDisk): CrashStyle[] {
    const { randomImages, byteStep } = this.#exploration;
    const styles: CrashStyle[] = [{ kind: 'lost' }, { kind: 'kept' }];
    // Nothing is pending, so every style leaves the same disk.
    if (disk.pendingOrders().length === 0) return styles.slice(0, 1);
    disk.pendingLengths().forEach((length, changes) => {
      const step = length > LONG_WRITE_BYTES ? Math.max(byteStep, length / 3) : byteStep;
      for (let bytes = 0; bytes < length; bytes += step) {
        styles.push({ kind: 'prefix', changes, bytes: Math.floor(bytes) });
      }
    });
    for (let at = 0; at < randomImages; at++) {
      styles.push({ kind: 'random', seed: this.#random.next32(), hostile: at % 2 === 1 });
    }
    return styles;
  }

  async #check(
    point: RecoveryPoint,
    style: CrashStyle,
    where: string,
    onPoint: ((point: RecoveryPoint) => void) | undefined,
  ): Promise<void> {
    this.explored.states++;
    const image = point.disk.afterPowerLoss(style);
    const digest = digestOf(image, point.bounds);
    if (this.#seen.has(digest)) return;
    this.#seen.add(digest);
    this.explored.distinct++;
    const { engine, seed } = this.#exploration;
    const twice = this.#random.chance(SECOND_STARTS);
    const options = { engine, seed, twice, ...(onPoint === undefined ? {} : { onPoint }) };
    try {
      await checkRecovery(image, point.bounds, options);
    } catch (error) {
      if (error instanceof Error) error.message += ` (${where})`;
      throw error;
    }
  }
}

/** Returns a digest: two images with the same digest recover in the same way and have the same to prove. */
function digestOf(disk: SimDisk, { minSeq, maxSeq }: Bounds): string {
  let crc = 0;
  let bytes = 0;
  const files = [...disk.files()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, inode] of files) {
    crc = crc32(`${path}:${inode.size};`, crc);
    crc = crc32(inode.cached(), crc);
    bytes += inode.size;
  }
  return `${crc} ${bytes} ${minSeq} ${maxSeq}`;
}
