// The server and its clients on a machine that crashes. Planted bugs show that a wrong answer to a client would be noticed.

import { expect } from 'chai';

import { withFiles, withoutGates, type BrokenWorld } from './broken-worlds.js';
import { Violation } from './history.js';
import { liveOnTheWire } from './wire-life.js';
import { rounds } from '../support/tier.js';

const FIRST_SEED = 1;
const RUNS = rounds(60, 15);

const LIES: Readonly<Record<string, BrokenWorld>> = {
  'unsynced values shown to clients': { store: withoutGates },
  'commits not written through': { env: (env) => withFiles(env, {}, 'write') },
  'acknowledged before the write is over': {
    env: (env) =>
      withFiles(env, {
        write: (file, source, position) => {
          void file.write(Uint8Array.from(source), position).catch(() => 0);
          return Promise.resolve(source.length);
        },
      }),
  },
};

describe('Clients of a server on a machine that crashes', () => {
  it(`seeds ${FIRST_SEED} to ${FIRST_SEED + RUNS - 1}: histories are linearizable, and no reply leaves early`, async function () {
    this.timeout(180_000);
    const sum = { boots: 0, operations: 0, unknown: 0, keys: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      try {
        const lived = await liveOnTheWire(seed);
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += lived[name];
      } catch (error) {
        if (error instanceof Error)
          error.message += `\n  replay: npm run sim -- --wire --seed ${seed} --runs 1`;
        throw error;
      }
    }
    console.log(
      `      ${sum.boots} boots, ${sum.operations} operations, ${sum.unknown} without an answer, ${sum.keys} histories`,
    );
    expect(sum.unknown).to.be.greaterThan(rounds(50, 12));
  });

  for (const [name, bug] of Object.entries(LIES)) {
    it(`notice a planted bug: ${name}`, async function () {
      this.timeout(120_000);
      let found = 0;
      for (let seed = 1; seed <= 50 && found === 0; seed++) {
        try {
          await liveOnTheWire(seed, bug);
        } catch (error) {
          expect(error).to.be.instanceOf(Violation);
          found = seed;
        }
      }
      console.log(`      found by run ${found}, seeds from 1`);
      expect(found).to.be.greaterThan(0);
    });
  }
});
