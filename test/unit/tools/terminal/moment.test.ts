// The moments of --at as people write them; days and hours are of the user's clock.

import { Command } from 'commander';
import { expect } from 'chai';

import { addMomentOptions, momentOf } from '../../../../tools/terminal/moment.js';

function momentAt(text: string): unknown {
  const program = addMomentOptions(new Command().exitOverride().configureOutput({ writeErr() {} }));
  return momentOf(program.parse(['--at', text], { from: 'user' }).opts());
}

describe('--at', () => {
  const zone = process.env['TZ'];
  beforeEach(() => {
    process.env['TZ'] = 'America/New_York';
  });
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  for (const [text, time] of [
    ['2026-01-29 03:00', '2026-01-29T08:00:00Z'],
    ['2026-01-29T03:00:07.5', '2026-01-29T08:00:07.500Z'],
    ['2026-01-29', '2026-01-29T05:00:00Z'],
    ['2026-01-29T03:00Z', '2026-01-29T03:00:00Z'],
    ['2026-01-29 03:00+01:00', '2026-01-29T02:00:00Z'],
    ['1769655600', '2026-01-29T03:00:00Z'],
  ] as const) {
    it(`reads ${text} in New York as ${time}`, () => {
      expect(momentAt(text)).to.deep.equal({ kind: 'time', ms: Date.parse(time) });
    });
  }

  for (const text of ['29.01.2026', '2026-13-01', '2026-01-29 25:00', '-5m', 'soon', '']) {
    it(`refuses "${text}"`, () => {
      expect(() => momentAt(text)).to.throw();
    });
  }
});
