// Clients, a server and a machine that crashes. There are several boots, each with some clients that ask at the same time.
// At the end there is one history per key over all boots, which must be linearizable.

import type { BrokenWorld } from './broken-worlds.js';
import { DIR, openEngine, type EngineOptions } from './engine.js';
import { FaultPlan, type Fault } from './fault-plan.js';
import { Violation } from './history.js';
import { REGISTER, isLinearizable } from './linearizability.js';
import type { CrashStyle } from './power-loss.js';
import { unwrap } from './recovery-check.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { SimServer } from './sim-server.js';
import { SimWorld } from './sim-world.js';
import { APPEND_BYTES } from './swarm.js';
import { WireClient, type KeyOperation } from './wire-client.js';

interface WireLived {
  boots: number;
  operations: number;
  /** The number of these operations that got no answer. */
  unknown: number;
  keys: number;
}

const CLIENTS_MAX = 8;

/** Runs such a life. Throws a Violation when a client got an impossible answer. */
export async function liveOnTheWire(seed: number, bug: BrokenWorld = {}): Promise<WireLived> {
  const random = new SeededRandom(seed);
  const world = new SimWorld(seed);
  world.disk.makeDir(DIR);
  const keys = Array.from({ length: random.between(2, 4) }, (_, at) => `k${at}`);
  const engine: EngineOptions = {
    segmentBytesMax: random.pick([4096, 8192, 65_536]),
    appendBytesMin: APPEND_BYTES[seed % APPEND_BYTES.length]!,
    cacheBytesMax: random.pick([0, 100_000]),
    compactMinBytes: random.pick([1, 20_000]),
  };
  const boots = random.between(2, 4);
  const history: KeyOperation[] = [];
  for (let boot = 0; boot <= boots; boot++) {
    const isLast = boot === boots;
    const clients = isLast ? 1 : random.between(2, CLIENTS_MAX);
    const count = isLast ? 20 : random.between(3, 12);
    world.faults = new FaultPlan(isLast ? [] : drawFaults(random));
    const process = world.boot();
    const opened = await world.scheduler.settle(openEngine(process, engine, bug));
    if (opened.kind !== 'value') {
      if (world.faults.fired === 0) unwrap(opened, 'start');
    } else {
      const server = new SimServer(process, opened.value);
      const asking = Array.from({ length: clients }, (_, at) => {
        return new WireClient(
          world,
          server,
          `${boot}${String.fromCodePoint(97 + at)}`,
          keys,
          count,
        );
      });
      const ended = await world.scheduler.settle(Promise.all(asking.map(({ done }) => done)));
      if (world.faults.fired === 0 || ended.kind === 'fatal') unwrap(ended, 'work');
      for (const client of asking) {
        client.lose();
        history.push(...client.operations);
      }
    }
    world.faults = new FaultPlan();
    endBoot(world, random);
  }
  for (const key of keys) checkKey(key, history);
  const unknown = history.filter(({ output }) => output === undefined).length;
  return { boots: boots + 1, operations: history.length, unknown, keys: keys.length };
}

function drawFaults(random: SeededRandom): Fault[] {
  if (random.chance(0.3)) return [];
  const at = random.between(10, 120);
  const when = random.pick(['before', 'during', 'after'] as const);
  if (random.chance(0.8)) return [{ at, effect: { kind: 'crash', when } }];
  const effect = { kind: 'error', code: 'EIO' } as const;
  return [{ at: random.between(3, 20), kinds: ['write'], effect }];
}

function endBoot(world: SimWorld, random: SeededRandom): void {
  const seed = random.next32();
  const style = random.pick<CrashStyle | 'kill'>([
    'kill',
    { kind: 'lost' },
    { kind: 'kept' },
    { kind: 'random', seed, hostile: true },
    { kind: 'random', seed, hostile: false },
  ]);
  if (style === 'kill') world.kill();
  else world.losePower(style);
}

function checkKey(key: string, history: readonly KeyOperation[]): void {
  const operations = history.filter((each) => each.key === key);
  if (isLinearizable(operations, REGISTER)) return;
  const shown = operations
    .toSorted((a, b) => a.callMs - b.callMs)
    .map(({ input, output, callMs, returnMs }) =>
      JSON.stringify({ from: callMs.toFixed(2), to: returnMs.toFixed(2), input, output }),
    );
  throw new Violation(`What clients saw of ${key} has no order:\n${shown.join('\n')}`);
}
