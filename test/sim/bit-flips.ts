// Damage that no code caused: one flipped bit in acknowledged bytes, and what the next start makes of it. Oracle O6:
// damage is never silent.

import { isKvError } from '../../src/errors.js';
import { BATCH_HEADER_BYTES } from '../../src/log/bytes/format.js';
import type { BrokenWorld } from './broken-worlds.js';
import { DIR, openEngine, readAll, type EngineOptions } from './engine.js';
import { Violation, isSameEntry, type Entry } from './history.js';
import { unwrap } from './recovery-check.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import type { SimDisk } from './sim-disk.js';
import { SimWorld } from './sim-world.js';

/**
 * - `refused`: the start named the file and the offset. `answered`: the read of a key reported damage.
 * - `harmless`: everything reads as before (thanks to a hint, the start did not need those bytes).
 */
export type Verdict = 'refused' | 'answered' | 'harmless';

export interface Flip {
  readonly path: string;
  readonly position: number;
  readonly bit: number;
}

/** Opens a copy of the disk with that bit flipped; throws a Violation when something is wrong without an error. */
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
    throw new Violation(
      `${path}@${position} bit ${bit}: ${key} is wrong, and no error was reported`,
    );
  }
  return damaged.size > 0 ? 'answered' : 'harmless';
}

interface Recorded {
  readonly disk: SimDisk;
  readonly content: ReadonlyMap<string, Entry>;
}

/** Records a store with these values, sealed because it was idle, and then killed. */
export async function recordSealed(
  engine: EngineOptions,
  values: readonly number[],
  durableEach: boolean,
  bug: BrokenWorld = {},
): Promise<Recorded> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  const store = unwrap(
    await world.scheduler.settle(openEngine(world.boot(), engine, bug)),
    'start',
  );
  for (const [at, bytes] of values.entries()) {
    const key = Buffer.from(`k${at % 5}`);
    const value = Buffer.alloc(bytes, 97 + at);
    void store.put({ mode: 'set', key, value, flags: at, expiresAt: 0 });
    if (durableEach) await world.scheduler.advance(200);
  }
  await world.scheduler.advance(3000);
  const content = unwrap(await world.scheduler.settle(readAll(store)), 'read');
  world.losePower({ kind: 'lost' });
  return { disk: world.disk, content };
}

/** Returns the active segment, and where its seal begins. The seal proves the bytes before it, and may itself be lost. */
export function sealAt(disk: SimDisk): [path: string, offset: number] {
  const paths = [...disk.files().keys()].filter((path) => path.endsWith('.seg')).sort();
  const path = paths.at(-1) ?? '';
  const bytes = disk.find(path)?.cached() ?? new Uint8Array(0);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return [path, Math.floor((end - BATCH_HEADER_BYTES) / 8) * 8];
}

/** Flips one acknowledged bit of a small store; throws a Violation when the flip goes unnoticed. */
export async function flipOneBit(seed: number, bug: BrokenWorld): Promise<Verdict> {
  const random = new SeededRandom(seed);
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0 };
  const { disk, content } = await recordSealed(engine, [9, 0, 30], true, bug);
  const [path, end] = sealAt(disk);
  const flip = { path, position: random.below(end), bit: random.below(8) };
  return judgeFlip(disk, flip, content, engine);
}
