// Crashes of the simulated machine, one row per thing that the crash interrupts: each instant of a script, each style of
// power loss, and again at each instant of the recovery.

import { exploreCrashes } from '../../sim/crash-explorer.js';
import { CRASH_SCRIPTS } from '../../sim/crash-scripts.js';
import { Violation } from '../../sim/history.js';
import type { Budget, FaultRow, Tried } from '../row.js';

interface Part {
  readonly scripts: readonly string[];
  /** The share of a recovery's instants that get a second crash. */
  readonly secondCrashes: number;
}

const crashAtEveryByte: FaultRow = {
  name: 'crash-every-byte',
  fault: 'Power lost at any instant of a commit, torn at any byte',
  required:
    'The store is a prefix of the commit order that holds all that was acknowledged, without a half batch',
  injection: 'simulation: cut, zeros, garbage, any subset of sectors',
  try: (budget) => explore(budget, { scripts: ['batches'], secondCrashes: 0 }),
};

const crashInCompaction: FaultRow = {
  name: 'crash-in-compaction',
  fault: 'Power lost at any step of rotation and compaction',
  required:
    'The old segments or the new one, never a mixture; nothing deleted or expired comes back',
  injection: 'simulation: at every operation, directory changes in any subset',
  try: (budget) =>
    explore(budget, { scripts: ['rotation', 'compaction', 'expiry'], secondCrashes: 0 }),
};

const crashInSnapshot: FaultRow = {
  name: 'crash-in-snapshot',
  fault: 'Power lost at any step of a snapshot export',
  required: 'The store is whole; no partial file under the final name stays',
  injection: 'simulation: at every operation',
  try: (budget) => explore(budget, { scripts: ['snapshot'], secondCrashes: 0 }),
};

const crashInRecovery: FaultRow = {
  name: 'crash-in-recovery',
  fault: 'Power lost, and lost again at any instant of the recovery that follows',
  required: 'A repeated recovery finds the same records, whatever step was interrupted',
  injection: 'simulation: each crash times each instant of the recovery from it',
  try: (budget) => explore(budget, { scripts: ['flush_all', 'eviction'], secondCrashes: 1 }),
};

export const SIMULATED_CRASH_ROWS: readonly FaultRow[] = [
  crashAtEveryByte,
  crashInCompaction,
  crashInSnapshot,
  crashInRecovery,
];

async function explore({ tier, seed }: Budget, part: Part): Promise<Tried> {
  const rounds = tier === 'fast' ? 1 : 5;
  const failures: string[] = [];
  let states = 0;
  let distinct = 0;
  for (const script of CRASH_SCRIPTS) {
    if (!part.scripts.some((name) => script.name.startsWith(name))) continue;
    for (let at = seed; at < seed + rounds; at++) {
      try {
        const explored = await exploreCrashes({
          ...script,
          seed: at,
          byteStep: tier === 'fast' ? Math.max(4, script.byteStep) : script.byteStep,
          secondCrashes: tier === 'fast' ? part.secondCrashes : 1,
        });
        states += explored.states;
        distinct += explored.distinct;
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        failures.push(`seed ${at}, ${script.name}: ${error.message}`);
      }
    }
  }
  return { tried: states, failures, figure: `${distinct} distinct images; 0 lost, 0 resurrected` };
}
