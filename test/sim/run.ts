// The simulation as a command: `npm run sim -- --seed S --runs N`. Each run is a random life of a
// machine; every twentieth also tries all crashes of a random script. The first failure is printed with the
// line that replays it and the shortest life found that still fails.

import { parseArgs } from 'node:util';

import { exploreCrashes } from './crash-explorer.js';
import { live } from './machine-life.js';
import { SeededRandom } from './seeded-random.js';
import { shrink } from './shrink.js';
import { drawLife } from './swarm.js';
import { drawCommands, drawShape } from './workload.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    runs: { type: 'string', default: '200' },
  },
});
const firstSeed = Number(values.seed);
const runs = Number(values.runs);

const counts = { boots: 0, faults: 0, commands: 0, states: 0, distinct: 0 };
const startedMs = performance.now();
let failed = 0;
// A rejection that nobody awaits would end the real process: it belongs to the run that is going on.
let stray: unknown;
process.on('unhandledRejection', (reason) => (stray ??= reason));

console.log(`seed ${firstSeed}, ${runs} runs`);
for (let seed = firstSeed; seed < firstSeed + runs && failed === 0; seed++) {
  const error = await runOne(seed);
  if (error !== undefined) {
    failed++;
    await report(seed, error);
  }
}
const seconds = (performance.now() - startedMs) / 1000;
const { boots, faults, commands, states, distinct } = counts;
console.log(`${boots} boots, ${faults} faults, ${commands} commands in ${seconds.toFixed(1)} s`);
console.log(
  `${states + boots} crash states (${distinct + boots} of them distinct), ${(
    (states + boots) /
    seconds
  ).toFixed(0)} a second`,
);
console.log(`seed ${firstSeed}: ${failed === 0 ? 'nothing lost, nothing invented' : 'FAILED'}`);
process.exitCode = failed;

async function runOne(seed: number): Promise<unknown> {
  try {
    const lived = await live(drawLife(seed));
    counts.boots += lived.boots;
    counts.faults += lived.faults;
    counts.commands += lived.commands;
    if (seed % 20 === 0) await explore(seed);
    await new Promise((resolve) => void setImmediate(resolve));
    return stray;
  } catch (error) {
    return error;
  }
}

async function explore(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const shape = { ...drawShape(random), valueBytesMax: random.pick([30, 300, 1500]) };
  const explored = await exploreCrashes({
    seed,
    engine: { segmentBytesMax: 4096, cacheBytesMax: 0, useHints: random.chance(0.7) },
    commands: drawCommands(random, shape, 15),
    randomImages: 4,
    byteStep: random.between(5, 40),
    secondCrashes: 0.02,
  });
  counts.states += explored.states;
  counts.distinct += explored.distinct;
}

async function report(seed: number, error: unknown): Promise<void> {
  console.log(`FAILED: npm run sim -- --seed ${seed} --runs 1`);
  console.log(error instanceof Error ? (error.stack ?? error.message) : error);
  const shortest = await shrink(drawLife(seed));
  if (shortest === undefined) return;
  console.log('The shortest life that still fails:');
  console.log(
    JSON.stringify(shortest, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    ),
  );
}
