// A test of the tests: bugs put under the engine on purpose, to see that the simulation finds them, and in how many runs.
// Each is an Env or a Store that breaks one promise (broken-worlds.ts); no part of it is in the product.

import * as broken from './broken-worlds.js';
import type { BrokenWorld } from './broken-worlds.js';
import { flipOneBit } from './bit-flips.js';
import { exploreCrashes } from './crash-explorer.js';
import { Violation } from './history.js';
import { live, type Life, type Stage } from './machine-life.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { drawLife } from './swarm.js';
import type { Command } from './workload.js';

interface PlantedBug extends BrokenWorld {
  readonly name: string;
  /** The kind of runs that look for the bug, for the table in docs/reliability.md. */
  readonly foundBy: string;
  /** Runs once; throws a Violation when the run met the bug. */
  readonly run: (seed: number, bug: BrokenWorld) => Promise<unknown>;
}

/** No planted bug may need more runs than this. */
export const PLANTED_RUNS_MAX = 300;

const FSYNC_LIES = 'lives in which one sync fails and the power is lost';
const REWRITES = 'lives in which a commit fails, the process restarts and the power is lost';

function swarm(name: string, world: BrokenWorld): PlantedBug {
  return hunt(name, 'random lives', drawLife, world);
}

function hunt(
  name: string,
  foundBy: string,
  draw: (seed: number) => Life,
  world: BrokenWorld,
): PlantedBug {
  return { name, foundBy, run: (seed, bug) => live(draw(seed), bug), ...world };
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  swarm('acknowledged before the write is over', {
    env: (env) =>
      broken.withFiles(env, {
        write: (file, source, position) => {
          void file.write(Uint8Array.from(source), position).catch(() => 0);
          return Promise.resolve(source.length);
        },
      }),
  }),
  swarm('no sync at all', {
    env: (env) => broken.withFiles(env, { sync: () => Promise.resolve() }, 'write'),
  }),
  swarm('commits not written through', { env: (env) => broken.withFiles(env, {}, 'write') }),
  // A commit that is written again is on the disk: only a sync that is repeated lies.
  hunt('a failed write or sync is tried again', FSYNC_LIES, drawFailingSyncs, {
    env: (env) =>
      broken.withFiles(env, {
        write: (file, source, position) =>
          file.write(source, position).catch(() => file.write(source, position)),
        sync: (file) => file.sync().catch(() => file.sync()),
      }),
  }),
  swarm('failures of the disk swallowed', {
    env: (env) =>
      broken.withFiles(env, {
        write: (file, source, position) => file.write(source, position).catch(() => source.length),
        sync: (file) => file.sync().catch(() => undefined),
      }),
  }),
  swarm('short counts ignored', {
    env: (env) =>
      broken.withFiles(env, {
        write: async (file, source, position) => {
          await file.write(source, position);
          return source.length;
        },
      }),
  }),
  swarm('no directory sync after a rename', { env: broken.withoutDirSync }),
  {
    name: 'removed before the directory is synced',
    foundBy: 'crashes at every instant of a compaction',
    run: exploreCompaction,
    env: broken.withRemovalsFirst,
  },
  swarm('unsynced values shown to clients', { store: broken.withoutGates }),
  hunt('the tail is not rewritten after a failure', REWRITES, drawFailingCommits, {
    env: broken.withoutTailRewrite,
  }),
  hunt('no salt', 'a first write that holds forged batches, torn', drawForgery, {
    env: broken.withoutSalt,
  }),
  {
    name: 'the log ends at the first bad batch, whatever later ones prove',
    foundBy: 'flipped bits in acknowledged bytes',
    run: flipOneBit,
    env: broken.withoutWatermark,
  },
  hunt('tombstones dropped too early', 'lives of deletes and compactions', drawDeletions, {
    env: broken.withoutTombstones,
  }),
  hunt('flushes dropped too early', 'lives of flushes and compactions', drawFlushes, {
    env: broken.withoutFlushes,
  }),
  swarm('CAS tokens not restored', { store: broken.withNewTokens }),
  swarm('expiry from the wall clock', { env: broken.withWallClock }),
];

/** Runs one seed after the other; returns undefined when no run found the bug. */
export async function runsUntilFound(
  bug: PlantedBug,
  runsMax: number,
  firstSeed = 1,
): Promise<number | undefined> {
  for (let run = 1; run <= runsMax; run++) {
    try {
      await bug.run(firstSeed + run - 1, bug);
    } catch (error) {
      if (error instanceof Violation) return run;
      throw error;
    }
  }
  return undefined;
}

/** Draws a life in which one sync per boot fails and the power is lost at the end of the boot. */
export function drawFailingSyncs(seed: number): Life {
  const effect = { kind: 'error', code: 'EIO' } as const;
  const life = drawLife(seed);
  const stages = life.stages.map((stage, index): Stage => {
    const at = 1 + ((seed + index) % 12);
    return { ...stage, faults: [{ at, kinds: ['sync'], effect }], end: { kind: 'lost' } };
  });
  return { ...life, stages };
}

/** Draws a life in which a commit fails, the process starts again over the same cache, and then the power is lost. */
export function drawFailingCommits(seed: number): Life {
  const effect = { kind: 'error', code: 'EIO' } as const;
  const life = drawLife(seed);
  const stages = life.stages.flatMap((stage, index): Stage[] => {
    const { commands } = stage;
    const at = 3 + ((seed + index) % 12);
    return [
      { commands, faults: [{ at, kinds: ['write'], effect }], end: 'kill' },
      { commands: commands.slice(0, 5), faults: [], end: { kind: 'lost' } },
    ];
  });
  return { ...life, mayVanish: false, engine: { ...life.engine, keysMax: 0 }, stages };
}

/** Draws a client whose first value holds batches that claim to prove the bytes around them; the write is torn. */
export function drawForgery(seed: number): Life {
  const random = new SeededRandom(seed);
  const at = random.between(1, 12);
  const stage: Stage = {
    commands: [{ do: 'forge', key: 'k', bytes: 3000 }, { do: 'durable' }],
    faults: [{ at, kinds: ['write'], effect: { kind: 'crash', when: 'during' } }],
    end: { kind: 'random', seed: random.next32(), hostile: false },
  };
  const engine = { segmentBytesMax: 8192, cacheBytesMax: 0 };
  return { seed, engine, stages: [stage], mayVanish: false };
}

/**
 * Draws a life of deletions over small segments. The oldest segment is full of live items, except for keys that the next
 * segments delete. Those segments otherwise hold items that are overwritten again and again. A compaction of them must
 * keep the tombstones.
 */
export function drawDeletions(seed: number): Life {
  return drawRemovals(seed, [
    { do: 'delete', key: 'gone0' },
    { do: 'delete', key: 'gone1' },
  ]);
}

export function drawFlushes(seed: number): Life {
  return drawRemovals(seed, [{ do: 'deletePrefix', prefix: 'gone' }]);
}

/** Draws a life with items in a segment that stays, their removal in others that are compacted, and a kill. */
function drawRemovals(seed: number, removals: readonly Command[]): Life {
  const random = new SeededRandom(seed);
  const commands: Command[] = [];
  for (const key of ['live0', 'live1', 'live2']) commands.push(set(key, random.between(900, 1200)));
  commands.push(set('gone0', 50), set('gone1', 50), { do: 'durable' });
  for (let at = 0; at < 20; at++) {
    const other = set(`k${random.below(3)}`, random.between(300, 1000));
    // In this pause the next segment is made, so that no segment outgrows its size.
    commands.push(other, { do: 'durable' }, { do: 'sleep', ms: 5 });
    // The items that stay beside the removals do not fit into one segment with the items of the oldest: no compaction run
    // has both.
    if (at === 2) commands.push(...removals, set('stays', random.between(1300, 1500)));
  }
  commands.push({ do: 'sleep', ms: 12_000 });
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0, compactMinBytes: 1, compactRatio: 0.5 };
  return { seed, engine, stages: [{ commands, faults: [], end: 'kill' }], mayVanish: false };
}

function set(key: string, bytes: number): Command {
  return { do: 'set', key, bytes, flags: 0, ttlMs: 0 };
}

/** Explores every crash of a script that rotates and compacts, on a disk that keeps any part of what was not synced. */
async function exploreCompaction(seed: number, bug: BrokenWorld): Promise<void> {
  const { engine, stages } = drawDeletions(seed);
  const [{ commands } = { commands: [] }] = stages;
  const images = { randomImages: 2, byteStep: 4096, secondCrashes: 0 };
  await exploreCrashes({ seed, engine, commands, ...images }, bug);
}
