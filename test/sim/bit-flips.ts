// Damage behind everybody's back: one flipped bit in bytes that were acknowledged, and what the next
// start makes of it. Oracle O6: never silent.

import { isKvError } from '../../src/errors.js';
import { openEngine, readAll, type EngineOptions } from './engine.js';
import { Violation, isSameEntry, type Entry } from './history.js';
import { unwrap } from './recovery-check.js';
import type { SimDisk } from './sim-disk.js';
import { SimWorld } from './sim-world.js';

/**
 * - `refused`: the start named the file and where. `answered`: the read of a key said damaged.
 * - `harmless`: everything reads as before (a hint made the start without those bytes).
 */
export type Verdict = 'refused' | 'answered' | 'harmless';

export interface Flip {
  readonly path: string;
  readonly position: number;
  readonly bit: number;
}

/** Opens a copy of the disk with that bit flipped; throws a Violation when something is wrong in silence. */
export async function judgeFlip(
  disk: SimDisk,
  flip: Flip,
  expected: ReadonlyMap<string, Entry>,
  engine: EngineOptions,
): Promise<Verdict> {
  const { path, position, bit } = flip;
  const world = new SimWorld(1, disk.clone());
  world.wallOffsetMs = 1_000_000;
  world.disk.find(path)?.corrupt(position, 1 << bit);
  const opened = await world.scheduler.settle(openEngine(world.boot(), engine));
  if (opened.kind === 'error') {
    const { error } = opened;
    const isNamed = isKvError(error) && error.path === path;
    const isDamage = isKvError(error, 'KV_CORRUPTION') || isKvError(error, 'KV_FORMAT_VERSION');
    if (isNamed && isDamage) return 'refused';
    throw new Violation(`${path}@${position} bit ${bit}: the start failed with ${String(error)}`);
  }
  const store = unwrap(opened, 'start');
  const damaged = new Set<string>();
  const read = await world.scheduler.settle(readAll(store, (key) => void damaged.add(key)));
  const found = unwrap(read, 'read');
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    if (damaged.has(key) || isSameEntry(expected.get(key), found.get(key))) continue;
    throw new Violation(`${path}@${position} bit ${bit}: ${key} is wrong, and nobody was told`);
  }
  return damaged.size > 0 ? 'answered' : 'harmless';
}
