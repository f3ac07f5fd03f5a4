// The styles of power loss that the simulation tries, from the kindest disk (it keeps everything written) to the most
// hostile (it keeps any subset of sectors and directory changes).

import { SECTOR_BYTES, type Change, type Fate, type Survival } from './inode.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';

/**
 * - `lost`: only what was synced. `kept`: everything written.
 * - `prefix`: the first `changes` pending changes of the disk and the first `bytes` of the next one.
 * - `random`: each 512-byte sector is kept, old, zero or garbage; sizes are in between; of the directory changes any
 *   prefix is kept, or any subset when the disk is hostile.
 */
export type CrashStyle =
  | { readonly kind: 'lost' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'prefix'; readonly changes: number; readonly bytes: number }
  | { readonly kind: 'random'; readonly seed: number; readonly hostile: boolean };

/** Decides for files and directories; `pendingOrders` are the orders of all pending changes, sorted. */
export interface DiskSurvival extends Survival {
  /** Returns, for each of the pending changes of a directory with these orders, whether it is kept. */
  keepsDirChanges(orders: readonly number[]): boolean[];
}

export function survivalOf(style: CrashStyle, pendingOrders: readonly number[]): DiskSurvival {
  switch (style.kind) {
    case 'lost':
      return inOrder(-1, 0);
    case 'kept':
      return inOrder(Infinity, 0);
    case 'prefix':
      return inOrder(pendingOrders[style.changes] ?? Infinity, style.bytes);
    default:
      return new RandomSurvival(new SeededRandom(style.seed), style.hostile);
  }
}

/** Keeps all changes before `order`, and `bytes` of that one. */
function inOrder(order: number, bytes: number): DiskSurvival {
  return {
    random: new SeededRandom(1),
    keepsTruncate: (change) => change.order < order,
    partsOf(change, part) {
      if (change.order < order) part(0, change.bytes.length, 'kept');
      else if (change.order === order && bytes > 0) {
        part(0, Math.min(bytes, change.bytes.length), 'kept');
      }
    },
    sizeAfterGrowth: (_before, needed) => needed,
    keepsDirChanges: (orders) => orders.map((each) => each < order),
  };
}

class RandomSurvival implements DiskSurvival {
  readonly random: SeededRandom;
  readonly #hostile: boolean;
  readonly #keep: number;
  readonly #lostFates: readonly Fate[];

  constructor(random: SeededRandom, hostile: boolean) {
    this.random = random;
    this.#hostile = hostile;
    // When every sector is a fair coin, few images are interesting, so each image leans to one side.
    this.#keep = random.pick([0.05, 0.3, 0.5, 0.8, 0.97]);
    this.#lostFates = random.pick<readonly Fate[]>([
      ['old'],
      ['zero'],
      ['garbage'],
      ['old', 'zero', 'garbage'],
    ]);
  }

  keepsTruncate(_change: Change): boolean {
    return this.random.chance(this.#keep);
  }

  partsOf(
    change: Change & { kind: 'write' },
    part: (from: number, to: number, fate: Fate) => void,
  ): void {
    for (let from = 0; from < change.bytes.length;) {
      const inSector = (change.position + from) % SECTOR_BYTES;
      const to = Math.min(change.bytes.length, from + SECTOR_BYTES - inSector);
      part(from, to, this.random.chance(this.#keep) ? 'kept' : this.random.pick(this.#lostFates));
      from = to;
    }
  }

  sizeAfterGrowth(before: number, needed: number, written: number): number {
    const random = this.random;
    return random.pick([before, needed, written, random.between(before, written)]);
  }

  keepsDirChanges(orders: readonly number[]): boolean[] {
    if (this.#hostile) return orders.map(() => this.random.chance(0.5));
    const kept = this.random.between(0, orders.length);
    return orders.map((_, at) => at < kept);
  }
}
