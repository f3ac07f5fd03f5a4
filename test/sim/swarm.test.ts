// A few hundred random lives of a machine; `npm run sim -- --seed S --runs N` runs more of them.

import { live } from './machine-life.js';
import { drawLargeLife, drawLife } from './swarm.js';
import { rounds } from '../support/tier.js';

const FIRST_SEED = 1;
const RUNS = rounds(300, 30);
const LARGE_RUNS = rounds(150, 15);

async function liveAll(
  draw: typeof drawLife,
  runs: number,
  replay: (seed: number) => string,
): Promise<void> {
  let boots = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + runs; seed++) {
    try {
      boots += (await live(draw(seed))).boots;
    } catch (error) {
      if (error instanceof Error) error.message += `\n  replay: ${replay(seed)}`;
      throw error;
    }
  }
  console.log(`      ${runs} lives from seed ${FIRST_SEED}, ${boots} boots`);
}

describe('Random lives with crashes and faults', () => {
  it(`seeds ${FIRST_SEED} to ${FIRST_SEED + RUNS - 1} lose nothing and invent nothing`, async function () {
    this.timeout(120_000);
    await liveAll(drawLife, RUNS, (seed) => `npm run sim -- --seed ${seed} --runs 1`);
  });

  it(`${LARGE_RUNS} lives of large values that expire soon and are written again lose nothing`, async function () {
    this.timeout(120_000);
    await liveAll(drawLargeLife, LARGE_RUNS, (seed) => `drawLargeLife(${seed})`);
  });
});
