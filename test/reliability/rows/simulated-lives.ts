// Random lives of the simulated machine, each row for one kind of fault.

import { EVERYTHING, sweepFaults } from '../../sim/fault-sweep.js';
import { Violation } from '../../sim/history.js';
import { live, type Life, type Stage } from '../../sim/machine-life.js';
import { PLANTED_BUGS, PLANTED_RUNS_MAX, runsUntilFound } from '../../sim/planted-bugs.js';
import { drawLife } from '../../sim/swarm.js';
import { liveOnTheWire } from '../../sim/wire-life.js';
import type { Budget, FaultRow, Tried } from '../row.js';

const randomLives: FaultRow = {
  name: 'random-lives',
  fault:
    'Crashes, failing operations, full disks and clocks that jump, one after the other in any order',
  required:
    'Nothing acknowledged or shown is lost, nothing is invented, the store serves again, and its counters are right',
  injection: 'simulation: random lives by seed',
  try: (budget) => liveMany(budget, 60, drawLife, 'boots'),
};

const failedSyncs: FaultRow = {
  name: 'failed-commit',
  fault:
    'A write or sync fails with EIO, once or for ever; the page cache shows bytes that the disk lacks',
  required:
    'Nothing more is acknowledged; after a restart and a power loss, all that was acknowledged is there',
  injection: 'simulation: restart over the same cache, then power loss',
  try: (budget) => liveMany(budget, 60, drawFailedCommits, 'faults'),
};

const fullDisk: FaultRow = {
  name: 'simulated-full-disk',
  fault: 'ENOSPC, or a write that does less than asked without an error',
  required:
    'Refused writes are certainly not stored, nothing else is lost, writes resume by themselves',
  injection: 'simulation: disks of 10 to 60 KB, short writes',
  try: (budget) => liveMany(budget, 60, drawFullDisk, 'faults'),
};

const jumpingClock: FaultRow = {
  name: 'simulated-clock-jumps',
  fault: 'The time of day goes back or forward, while the store runs and between two starts',
  required: 'What has expired never comes back; nothing expires early while the store runs',
  injection: 'simulation: jumps of -2 days to +1 day',
  try: (budget) => liveMany(budget, 60, drawJumps, 'boots'),
};

const failingReads: FaultRow = {
  name: 'failing-read',
  fault: 'A read fails with EIO: at the start, in a get, in a compaction or a snapshot',
  required:
    'The start is refused, the get answers an error, the compaction gives up; no key is lost',
  injection: 'simulation: the N-th read fails, for N = 1, 2, 3… until none is left',
  try: failReads,
};

const clientsSee: FaultRow = {
  name: 'shown-is-durable',
  fault: 'Clients ask at the same time, and the machine crashes under them',
  required:
    'No byte that leaves the server tells of a record that is not on the disk; histories are linearizable',
  injection: 'simulation: the server, up to 8 clients, streams cut anywhere, several boots',
  try: askAndCrash,
};

const plantedBugs: FaultRow = {
  name: 'planted-bugs',
  fault: 'Bugs put under the engine on purpose',
  required: 'The simulation finds each of them',
  injection: 'simulation: wrappers around what the engine asks of the system',
  try: findPlanted,
};

export const SIMULATED_LIFE_ROWS: readonly FaultRow[] = [
  failedSyncs,
  failingReads,
  fullDisk,
  jumpingClock,
  clientsSee,
  randomLives,
  plantedBugs,
];

async function liveMany(
  { tier, seed }: Budget,
  fast: number,
  draw: (seed: number) => Life,
  counted: 'boots' | 'faults',
): Promise<Tried> {
  const lives = tier === 'fast' ? fast : 50 * fast;
  const failures: string[] = [];
  const sum = { boots: 0, faults: 0, commands: 0 };
  for (let at = seed; at < seed + lives; at++) {
    try {
      const lived = await live(draw(at));
      sum.boots += lived.boots;
      sum.faults += lived.faults;
      sum.commands += lived.commands;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      failures.push(`seed ${at}: ${error.message}`);
    }
  }
  const figure = `${lives} lives, ${sum.boots} boots, ${sum.faults} faults, ${sum.commands} commands`;
  return { tried: sum[counted], failures, figure };
}

/** Draws each stage again, without the bounds, so that everything must be there. */
function withStages(life: Life, draw: (stage: Stage, index: number) => Stage[]): Life {
  const engine = { ...life.engine, keysMax: 0 };
  return { ...life, engine, mayVanish: false, stages: life.stages.flatMap(draw) };
}

function drawFailedCommits(seed: number): Life {
  return withStages(drawLife(seed), ({ commands }, index) => {
    const forever = (seed + index) % 2 === 0;
    const kinds = [(['write', 'sync'] as const)[seed % 2] ?? 'sync'];
    const effect = { kind: 'error', code: 'EIO', forever } as const;
    return [
      { commands, faults: [{ at: 3 + ((seed + index) % 12), kinds, effect }], end: 'kill' },
      { commands: commands.slice(0, 5), faults: [], end: { kind: 'lost' } },
    ];
  });
}

function drawFullDisk(seed: number): Life {
  return withStages(drawLife(seed), (stage, index) => {
    const at = 3 + ((seed + index) % 40);
    const short = { at, kinds: ['write'], effect: { kind: 'short' } } as const;
    return [{ ...stage, faults: [short], capacityBytes: 10_000 + ((seed * 7919) % 50_000) }];
  });
}

function drawJumps(seed: number): Life {
  const jumps = [-172_800_000, -7_200_000, 3000, 86_400_000];
  return withStages(drawLife(seed), (stage, index) => {
    const jump = { do: 'jump', ms: jumps[(seed + index) % 4] ?? 0 } as const;
    const commands = stage.commands.flatMap((each, at) => (at % 7 === 3 ? [jump, each] : [each]));
    return [{ ...stage, commands, faults: [], wallJumpMs: jumps[(seed + index + 1) % 4] ?? 0 }];
  });
}

async function askAndCrash({ tier, seed }: Budget): Promise<Tried> {
  const lives = tier === 'fast' ? 20 : 1000;
  const failures: string[] = [];
  const sum = { operations: 0, unknown: 0, keys: 0 };
  for (let at = seed; at < seed + lives; at++) {
    try {
      const lived = await liveOnTheWire(at);
      sum.operations += lived.operations;
      sum.unknown += lived.unknown;
      sum.keys += lived.keys;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      failures.push(`seed ${at}: ${error.message}`);
    }
  }
  const figure = `${sum.keys} histories, ${sum.unknown} operations without an answer; 0 shown and gone`;
  return { tried: sum.operations, failures, figure };
}

async function failReads({ tier, seed }: Budget): Promise<Tried> {
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0, compactMinBytes: 1 };
  const sweep = { engine, commands: EVERYTHING, code: 'EIO', kinds: ['read'] } as const;
  let tried = 0;
  const failures: string[] = [];
  for (let at = seed; at < seed + (tier === 'fast' ? 1 : 20); at++) {
    for (const forever of [false, true]) {
      try {
        tried += await sweepFaults({ ...sweep, seed: at, forever });
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        failures.push(`seed ${at}: ${error.message}`);
      }
    }
  }
  return { tried, failures, figure: `${tried} reads failed; keys lost 0` };
}

async function findPlanted(): Promise<Tried> {
  const failures: string[] = [];
  const needed: number[] = [];
  for (const bug of PLANTED_BUGS) {
    const runs = await runsUntilFound(bug, PLANTED_RUNS_MAX);
    if (runs === undefined) failures.push(`${bug.name}: not found in ${PLANTED_RUNS_MAX} runs`);
    else needed.push(runs);
  }
  const figure = `found in ${Math.min(...needed)} to ${Math.max(...needed)} runs`;
  return { tried: PLANTED_BUGS.length, failures, figure };
}
