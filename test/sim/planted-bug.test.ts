// A test of the tests: each planted bug is found, and the output says in how many runs.

import { expect } from 'chai';

import { live } from './machine-life.js';
import {
  PLANTED_BUGS,
  PLANTED_RUNS_MAX,
  drawDeletions,
  drawFailingCommits,
  drawFailingSyncs,
  drawFlushes,
  drawForgery,
  runsUntilFound,
} from './planted-bugs.js';
import { LONG } from '../support/tier.js';

/** The bugs that are found only after tens of runs. */
const LATE = new Set([
  'short counts ignored',
  'expiry from the wall clock',
  'failures of the disk swallowed',
]);

describe('Planted bugs', () => {
  for (const bug of PLANTED_BUGS) {
    const tier = LATE.has(bug.name) ? ` ${LONG}` : '';
    it(`${bug.name}: found${tier}`, async function () {
      this.timeout(120_000);
      const runs = await runsUntilFound(bug, PLANTED_RUNS_MAX);
      console.log(`      found by run ${runs}, seeds from 1`);
      expect(runs).to.be.a('number');
    });
  }

  for (const name of ['tombstones dropped too early', 'flushes dropped too early']) {
    it(`${name}: found in a few runs, whatever the seed ${LONG}`, async function () {
      this.timeout(120_000);
      const bug = PLANTED_BUGS.find((each) => each.name === name)!;
      for (const firstSeed of [101, 5001, 70_001, 900_001]) {
        expect(await runsUntilFound(bug, 10, firstSeed), `seeds from ${firstSeed}`).to.be.a(
          'number',
        );
      }
    });
  }

  for (const draw of [
    drawFailingSyncs,
    drawFailingCommits,
    drawForgery,
    drawDeletions,
    drawFlushes,
  ]) {
    it(`${draw.name}() finds nothing where nothing is planted ${LONG}`, async function () {
      this.timeout(120_000);
      for (let seed = 1; seed <= 20; seed++) await live(draw(seed));
    });
  }
});
