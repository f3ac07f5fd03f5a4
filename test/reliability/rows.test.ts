// The fault matrix in its fast form: every row of docs/reliability.md is a test.

import { expect } from 'chai';

import { skip } from '../support/programs.js';
import { LONG } from '../support/tier.js';
import { tryRow } from './row.js';
import { FAULT_ROWS } from './rows.js';

const seed = Number(process.env['CAIRN_TEST_SEED'] ?? Date.now() % 1_000_000_000);

/** The rows of the fast tier: one of each kind of trial. */
const FAST_ROWS = new Set(['torn-tail', 'power-loss']);

describe('Fault matrix', function () {
  this.timeout(180_000);

  it('names are unique', () => {
    const names = FAULT_ROWS.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
  });

  for (const row of FAULT_ROWS) {
    const tier = FAST_ROWS.has(row.name) ? '' : ` ${LONG}`;
    it(`${row.name}: ${row.required}${tier}`, async function () {
      const outcome = await tryRow(row, { tier: 'fast', seed });
      if ('needs' in outcome) skip(this, ...outcome.needs.split(', '));
      console.log(`      seed ${seed}: ${outcome.tried} tried; ${outcome.figure}`);
      expect(outcome.failures).to.deep.equal([]);
      expect(outcome.tried).to.be.above(0);
    });
  }
});
