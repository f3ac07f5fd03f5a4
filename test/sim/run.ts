// The simulation as a command: `npm run sim -- --seed S --runs N`. Each run is a random life of a machine; every twentieth
// also tries all crashes of a random script. The first failure is printed with the line that replays it and the shortest
// life found that still fails.
// `--states N`: tries crashes alone, of all scripts and then of random ones, until N states were tried.
// `--wire`: each run is the life of a server and its clients, whose histories must be linearizable.
// `--planted`: prints how many runs each planted bug needs, for docs/reliability.md.

import { parseArgs } from 'node:util';

import { exploreCrashes } from './crash-explorer.js';
import { drawScript, exploreScripts } from './crash-scripts.js';
import { live } from './machine-life.js';
import { PLANTED_BUGS, PLANTED_RUNS_MAX, runsUntilFound } from './planted-bugs.js';
import { writePlantedBugs } from './planted-table.js';
import { shrink } from './shrink.js';
import { drawLife } from './swarm.js';
import { liveOnTheWire } from './wire-life.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    runs: { type: 'string', default: '200' },
    states: { type: 'string' },
    planted: { type: 'boolean', default: false },
    wire: { type: 'boolean', default: false },
  },
});
const firstSeed = Number(values.seed);
const runs = Number(values.runs);

const counts = { boots: 0, faults: 0, commands: 0, states: 0, distinct: 0 };
const startedMs = performance.now();
let failed = 0;
// A rejection that no code awaits would end the real process; here it belongs to the run that is going on.
let stray: unknown;
process.on('unhandledRejection', (reason) => (stray ??= reason));

if (values.planted) await countRuns();
else if (values.wire) await liveWithClients();
else if (values.states === undefined) await liveAndExplore();
else await exploreAll(Number(values.states));

async function liveAndExplore(): Promise<void> {
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
    ).toFixed(0)} per second`,
  );
  console.log(`seed ${firstSeed}: ${failed === 0 ? 'nothing lost, nothing invented' : 'FAILED'}`);
  process.exitCode = failed;
}

async function liveWithClients(): Promise<void> {
  const sum = { boots: 0, operations: 0, unknown: 0, keys: 0 };
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      const lived = await liveOnTheWire(seed);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += lived[name];
    } catch (error) {
      console.log(error instanceof Error ? (error.stack ?? error.message) : error);
      console.log(`FAILED: npm run sim -- --wire --seed ${seed} --runs 1`);
      process.exitCode = 1;
      return;
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${runs} lives, ${JSON.stringify(sum)} in ${seconds.toFixed(1)} s`);
  console.log(`seed ${firstSeed}: all histories are linearizable, nothing left early`);
}

async function exploreAll(states: number): Promise<void> {
  console.log(`seed ${firstSeed}, ${states} crash states`);
  try {
    const sum = await exploreScripts(firstSeed, states, (name, explored) => {
      console.log(`${name}: ${explored.states} crash states, ${explored.distinct} distinct`);
    });
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(
      `${sum.states} crash states of ${sum.scripts} scripts, ${sum.distinct} distinct, at ${sum.instants} ` +
        `instants, in ${seconds.toFixed(0)} s: ${(sum.states / seconds).toFixed(0)} per second`,
    );
    console.log(`seed ${firstSeed}: nothing lost, nothing invented`);
  } catch (error) {
    console.log(error instanceof Error ? (error.stack ?? error.message) : error);
    console.log(`FAILED: npm run sim -- --seed ${firstSeed} --states ${states}`);
    process.exitCode = 1;
  }
}

async function countRuns(): Promise<void> {
  const lines: string[] = [];
  for (const bug of PLANTED_BUGS) {
    const runs = await runsUntilFound(bug, PLANTED_RUNS_MAX);
    const line = `| ${bug.name} | ${bug.foundBy} | ${runs ?? 'not found'} |`;
    console.log(line);
    lines.push(line);
    if (runs === undefined) process.exitCode = 1;
  }
  writePlantedBugs(lines);
}

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
  const explored = await exploreCrashes({ seed, ...drawScript(seed) });
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
