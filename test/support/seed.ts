// Seeds of the property tests: each is random, is printed, and can be set to run a failure again.

import { rounds } from './tier.js';

/** In the fast tier, a property that is tried more often than this is tried a tenth as often, but no less than this. */
const FAST_RUNS = 100;

/** Returns parameters for fc.assert: the seed is CAIRN_TEST_SEED or the time, and is printed. */
export function seeded(title: string, runs: number): { seed: number; numRuns: number } {
  const numRuns = rounds(runs, Math.min(runs, Math.max(FAST_RUNS, Math.ceil(runs / 10))));
  const fixed = process.env['CAIRN_TEST_SEED'];
  const seed = fixed === undefined ? Date.now() & 0x7fffffff : Number(fixed);
  console.log(`      ${title}: CAIRN_TEST_SEED=${seed}, ${numRuns} runs`);
  return { seed, numRuns };
}
