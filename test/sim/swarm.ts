// A random life from one seed: engine options, workload, faults and crashes. Each is drawn once per run, so that runs
// differ more than dice within one run would make them (swarm testing).

import type { EngineOptions } from './engine.js';
import type { Fault, FaultCode, OperationKind } from './fault-plan.js';
import type { Life, Stage } from './machine-life.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { drawCommands, drawShape, type WorkloadShape } from './workload.js';

const FAULTY_KINDS: readonly (readonly OperationKind[] | undefined)[] = [
  undefined,
  undefined,
  ['write'],
  ['sync', 'write'],
  ['syncDir', 'rename', 'remove'],
  ['open'],
  ['read'],
];
const CODES: readonly FaultCode[] = ['EIO', 'EIO', 'ENOSPC', 'EMFILE', 'EROFS'];
/** Appends: always, now and then, never. The seed alone decides, so that the seeds of old finds keep their meaning. */
export const APPEND_BYTES = [1e9, 0, 400, 1e9] as const;

export function drawLife(seed: number): Life {
  const random = new SeededRandom(seed);
  const shape = drawShape(random);
  const stages = random.between(1, 4);
  const evicts = random.chance(0.15);
  const engine: EngineOptions = {
    segmentBytesMax: random.pick([4096, 8192, 16_384, 65_536]),
    appendBytesMin: APPEND_BYTES[seed % APPEND_BYTES.length]!,
    cacheBytesMax: random.pick([0, 1000, 1_000_000]),
    useHints: random.chance(0.7),
    compactMinBytes: random.pick([1, 1000, 20_000]),
    compactRatio: random.pick([0.1, 0.5, 0.9]),
    snapshot: random.pick<NonNullable<EngineOptions['snapshot']>>(['never', 'compact', 1000]),
    snapshotPauseMs: random.pick([0, 1000, 600_000]),
    keysMax: evicts ? random.between(1, 6) : 0,
  };
  return {
    seed,
    engine,
    stages: Array.from({ length: stages }, () => drawStage(random, shape)),
    mayVanish: evicts,
  };
}

/** Large values of a few keys, which expire soon and are written again at once after each start: their files come and go. */
const LARGE: WorkloadShape = {
  weights: {
    large: 16,
    set: 3,
    append: 2,
    touch: 3,
    get: 5,
    delete: 3,
    flush: 2,
    deletePrefix: 1,
    durable: 10,
    sleep: 8,
    compact: 2,
  },
  keys: ['k0', 'k1'],
  valueBytesMax: 100,
  largeBytes: 1_048_577,
};

/** Draws a life of large values. */
export function drawLargeLife(seed: number): Life {
  const { engine } = drawLife(seed);
  const random = new SeededRandom(seed);
  const stages = Array.from({ length: random.between(2, 4) }, (): Stage => {
    const end = random.pick<Stage['end']>(['close', 'kill', 'kill', { kind: 'lost' }]);
    return { commands: drawCommands(random, LARGE, 4), faults: [], end };
  });
  return { seed, engine: { ...engine, keysMax: 0 }, stages, mayVanish: false };
}

function drawStage(random: SeededRandom, shape: WorkloadShape): Stage {
  const faults = random.chance(0.5) ? [drawFault(random)] : [];
  if (random.chance(0.1)) faults.push(drawFault(random));
  const end = random.pick<Stage['end']>([
    'close',
    'kill',
    { kind: 'lost' },
    { kind: 'kept' },
    { kind: 'random', seed: random.next32(), hostile: false },
    { kind: 'random', seed: random.next32(), hostile: true },
  ]);
  const commands = drawCommands(random, shape, random.pick([5, 30, 100]));
  return {
    commands,
    faults,
    end,
    ...(random.chance(0.07) ? { capacityBytes: random.between(10_000, 60_000) } : {}),
  };
}

function drawFault(random: SeededRandom): Fault {
  const kinds = random.pick(FAULTY_KINDS);
  const at = random.pick([random.between(1, 40), random.between(1, 300)]);
  const effect = random.pick<Fault['effect']>([
    { kind: 'error', code: random.pick(CODES), forever: random.chance(0.3) },
    { kind: 'crash', when: random.pick(['before', 'during', 'after'] as const) },
    { kind: 'short' },
  ]);
  return { at, effect, ...(kinds === undefined ? {} : { kinds }) };
}
