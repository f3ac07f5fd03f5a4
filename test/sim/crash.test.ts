// Every crash of short scripts: at each instant, at each byte of what was being written, in each style, and
// again at each instant of the recovery. `npm run sim -- --states N` goes on with random scripts.

import { expect } from 'chai';

import { exploreCrashes } from './crash-explorer.js';
import { CRASH_SCRIPTS } from './crash-scripts.js';

const STATES_MIN = 100_000;

describe('Crash at every instant, and again in the recovery', () => {
  let all = 0;
  let ms = 0;

  for (const [at, script] of CRASH_SCRIPTS.entries()) {
    it(script.name, async function () {
      this.timeout(180_000);
      const startedMs = performance.now();
      const { states, distinct, instants } = await exploreCrashes({ seed: 1 + at, ...script });
      ms += performance.now() - startedMs;
      all += states;
      console.log(
        `      seed ${1 + at}: ${states} crash states, ${distinct} distinct, at ${instants} instants`,
      );
      expect(distinct).to.be.greaterThan(50);
    });
  }

  it(`${STATES_MIN} crash states in all`, () => {
    console.log(`      ${all} crash states, ${((all / ms) * 1000).toFixed(0)} a second`);
    expect(all).to.be.at.least(STATES_MIN);
  });
});
