// Short scripts, one for each thing that the engine does to the disk, for the exhaustive mode: it tries every crash of
// each script, and every second crash during the recovery from it.

import { exploreCrashes, type Exploration, type Explored } from './crash-explorer.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { drawCommands, drawShape, type Command } from './workload.js';

interface CrashScript extends Omit<Exploration, 'seed'> {
  readonly name: string;
}

const SMALL = { segmentBytesMax: 4096, cacheBytesMax: 0 };
const DURABLE: Command = { do: 'durable' };
const COMPACT: Command = { do: 'compact' };

function set(key: string, bytes: number, ttlMs = 0): Command {
  return { do: 'set', key, bytes, flags: 7, ttlMs };
}

function sleep(ms: number): Command {
  return { do: 'sleep', ms };
}

function inBatches(sizes: readonly number[], keys = 4): Command[] {
  return sizes.flatMap((bytes, at) => [set(`k${at % keys}`, bytes), DURABLE]);
}

const ALL = { randomImages: 4, byteStep: 512, secondCrashes: 1 };

export const CRASH_SCRIPTS: readonly CrashScript[] = [
  {
    name: 'batches, torn at every byte',
    engine: SMALL,
    commands: [
      set('a', 20),
      set('b', 30),
      DURABLE,
      set('a', 40),
      { do: 'delete', key: 'b' },
      { do: 'incr', key: 'n', delta: 5n },
      DURABLE,
      { do: 'cas', key: 'a', bytes: 9, right: true },
      { do: 'append', key: 'a', bytes: 5, flags: 0, ttlMs: 0 },
      { do: 'touch', key: 'a', ttlMs: 3_600_000 },
    ],
    ...ALL,
    byteStep: 1,
    secondCrashes: 0.4,
  },
  {
    name: 'rotation',
    engine: SMALL,
    commands: inBatches([700, 900, 900, 900, 900, 900]),
    ...ALL,
  },
  {
    name: 'rotation, batches appended without zeros ahead',
    engine: { ...SMALL, appendBytesMin: 0 },
    commands: inBatches([700, 900, 900, 20, 900, 900, 900]),
    ...ALL,
  },
  {
    name: 'compaction, with deletes and hints',
    engine: { ...SMALL, compactMinBytes: 1, compactRatio: 0.5 },
    commands: [
      set('live', 900),
      set('gone', 50),
      ...inBatches([800, 900, 900]),
      { do: 'delete', key: 'gone' },
      ...inBatches([900, 900, 900], 2),
      COMPACT,
      set('after', 10),
      DURABLE,
    ],
    ...ALL,
    randomImages: 2,
  },
  {
    name: 'snapshot',
    engine: SMALL,
    commands: [...inBatches([300, 20, 900]), { do: 'snapshot' }, set('a', 10), DURABLE],
    ...ALL,
  },
  {
    name: 'eviction',
    engine: { ...SMALL, keysMax: 2 },
    commands: inBatches([50, 60, 70, 80, 90], 5),
    ...ALL,
    mayVanish: true,
  },
  {
    name: 'expiry, swept and compacted',
    engine: SMALL,
    commands: [
      set('ever', 300),
      set('short', 40, 300),
      set('touched', 40),
      DURABLE,
      { do: 'touch', key: 'touched', ttlMs: 300 },
      DURABLE,
      sleep(400),
      { do: 'get', key: 'short' },
      { do: 'add', key: 'touched', bytes: 30, flags: 1, ttlMs: 0 },
      sleep(1500),
      COMPACT,
    ],
    ...ALL,
  },
  {
    name: 'delete_prefix, and compactions that drop it',
    engine: SMALL,
    commands: [
      set('a1', 900),
      set('b1', 900),
      { do: 'deletePrefix', prefix: 'a' },
      set('a2', 900),
      DURABLE,
      sleep(500),
      COMPACT,
      set('b2', 900),
      { do: 'deletePrefix', prefix: 'b' },
      set('b1', 30),
      DURABLE,
      sleep(500),
      COMPACT,
      COMPACT,
    ],
    ...ALL,
  },
  {
    name: 'flush_all, at once and later',
    engine: SMALL,
    commands: [
      set('a', 30),
      { do: 'flush', delayMs: 0 },
      set('b', 30),
      { do: 'flush', delayMs: 200 },
      DURABLE,
      sleep(300),
      { do: 'get', key: 'b' },
      set('c', 30),
      DURABLE,
      COMPACT,
    ],
    ...ALL,
  },
  {
    name: 'a large value, replaced and deleted',
    engine: SMALL,
    commands: [
      { do: 'large', key: 'l', bytes: 1_048_577, flags: 1, ttlMs: 0 },
      DURABLE,
      set('l', 20),
      DURABLE,
      { do: 'delete', key: 'l' },
      DURABLE,
    ],
    randomImages: 1,
    byteStep: 4096,
    secondCrashes: 0.02,
  },
];

/** Draws a random script, whose crashes tear writes at a few offsets only. */
export function drawScript(seed: number): CrashScript {
  const random = new SeededRandom(seed);
  const shape = { ...drawShape(random), valueBytesMax: random.pick([30, 300, 1500]) };
  const weights = { ...shape.weights, large: 0 };
  const mayVanish = random.chance(0.2);
  return {
    name: `random script ${seed}`,
    engine: {
      ...SMALL,
      useHints: random.chance(0.7),
      keysMax: mayVanish ? random.between(1, 6) : 0,
      compactMinBytes: random.pick([1, 1000]),
    },
    commands: drawCommands(random, { ...shape, weights }, 15),
    mayVanish,
    randomImages: 4,
    byteStep: random.between(5, 40),
    secondCrashes: 1,
  };
}

interface ScriptsExplored extends Explored {
  scripts: number;
}

/**
 * Explores all scripts and then random ones until that many crash states were tried; it calls `onScript` for each script.
 * Throws a Violation that names script and seed.
 */
export async function exploreScripts(
  seed: number,
  states: number,
  onScript: (name: string, explored: Explored) => void = () => {},
): Promise<ScriptsExplored> {
  const sum: ScriptsExplored = { states: 0, distinct: 0, instants: 0, scripts: 0 };
  for (let at = 0; at < CRASH_SCRIPTS.length || sum.states < states; at++) {
    const script = CRASH_SCRIPTS[at] ?? drawScript(seed + at);
    try {
      const explored = await exploreCrashes({ seed: seed + at, ...script });
      onScript(script.name, explored);
      sum.states += explored.states;
      sum.distinct += explored.distinct;
      sum.instants += explored.instants;
      sum.scripts++;
    } catch (error) {
      if (error instanceof Error) error.message += ` (${script.name}, seed ${seed + at})`;
      throw error;
    }
  }
  return sum;
}
