// The tester tested: each planted bug is found, and in how many lives.

import { expect } from 'chai';

import { Violation } from './history.js';
import { live, type Life } from './machine-life.js';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.js';
import { drawLife } from './swarm.js';

const LIVES_MAX = 300;

async function livesUntilFound(bug: PlantedBug): Promise<number | undefined> {
  for (let seed = 1; seed <= LIVES_MAX; seed++) {
    try {
      await live((bug.hunt ?? asDrawn)(drawLife(seed)), bug);
    } catch (error) {
      expect(error).to.be.instanceOf(Violation);
      return seed;
    }
  }
  return undefined;
}

function asDrawn(life: Life): Life {
  return life;
}

describe('Planted bugs', () => {
  for (const [name, bug] of Object.entries(PLANTED_BUGS)) {
    it(`${name}: found`, async function () {
      this.timeout(120_000);
      const lives = await livesUntilFound(bug);
      console.log(`      found by life ${lives}, seeds from 1`);
      expect(lives).to.be.a('number');
    });
  }
});
