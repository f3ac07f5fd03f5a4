// A few hundred random lives of a machine; `npm run sim -- --seed S --runs N` lives more of them.

import { live } from './machine-life.js';
import { drawLife } from './swarm.js';

const FIRST_SEED = 1;
const RUNS = 300;

describe('Random lives with crashes and faults', () => {
  it(`seeds ${FIRST_SEED} to ${FIRST_SEED + RUNS - 1} lose nothing and invent nothing`, async function () {
    this.timeout(120_000);
    let boots = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      try {
        boots += (await live(drawLife(seed))).boots;
      } catch (error) {
        if (error instanceof Error)
          error.message += `\n  replay: npm run sim -- --seed ${seed} --runs 1`;
        throw error;
      }
    }
    console.log(`      ${RUNS} lives from seed ${FIRST_SEED}, ${boots} boots`);
  });
});
