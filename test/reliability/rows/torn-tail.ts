// The log ends in an incomplete batch, at every byte and in every style that a power loss leaves.

import { exploreCrashes } from '../../sim/crash-explorer.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { drawCommands, drawShape } from '../../sim/workload.js';
import { Violation } from '../../sim/history.js';
import type { Budget, FaultRow, Tried } from '../row.js';

export const tornTail: FaultRow = {
  name: 'torn-tail',
  fault: 'Crash in the middle of a commit: a torn last batch',
  required: 'The tail is cut without a question, and everything acknowledged is there',
  injection: 'simulation: cut, zeros, garbage, any subset of sectors',
  try: tearTails,
};

async function tearTails({ tier, seed }: Budget): Promise<Tried> {
  const scripts = tier === 'fast' ? 1 : 10;
  const failures: string[] = [];
  let states = 0;
  let distinct = 0;
  for (let at = seed; at < seed + scripts; at++) {
    const random = new SeededRandom(at);
    try {
      const explored = await exploreCrashes({
        seed: at,
        engine: { segmentBytesMax: 4096, cacheBytesMax: 0 },
        commands: drawCommands(random, drawShape(random), 12),
        randomImages: 4,
        byteStep: 16,
        secondCrashes: 0,
      });
      states += explored.states;
      distinct += explored.distinct;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      failures.push(`seed ${at}: ${error.message}`);
    }
  }
  return { tried: states, failures, figure: `${distinct} distinct images, all started` };
}
