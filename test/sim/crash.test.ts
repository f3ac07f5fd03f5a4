// Every crash of short scripts: at each instant, at each byte of a pending write, in each style, and again at each
// instant of the recovery. `npm run sim -- --states N` goes on with random scripts.

import { expect } from 'chai';

import { exploreCrashes } from './crash-explorer.js';
import { CRASH_SCRIPTS } from './crash-scripts.js';
import { LONG } from '../support/tier.js';

const STATES_MIN = 100_000;
/** The scripts of the fast tier, which are short. */
const FAST_SCRIPTS = new Set(['eviction', 'a large value, replaced and deleted']);

describe('Crash at every instant, and again in the recovery', () => {
  let all = 0;
  let ms = 0;

  for (const [at, script] of CRASH_SCRIPTS.entries()) {
    const tier = FAST_SCRIPTS.has(script.name) ? '' : ` ${LONG}`;
    it(`${script.name}${tier}`, async function () {
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

  it(`at least ${STATES_MIN} crash states are tried in all ${LONG}`, () => {
    console.log(`      ${all} crash states, ${((all / ms) * 1000).toFixed(0)} per second`);
    expect(all).to.be.at.least(STATES_MIN);
  });
});
