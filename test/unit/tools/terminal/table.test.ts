import { stripVTControlCharacters } from 'node:util';

import { expect } from 'chai';

import { composeText } from '../../../../tools/torture/report.js';
import { renderTable } from '../../../../tools/terminal/table.js';

/** Returns the length of the longest line, in characters. */
function width(table: string): number {
  return Math.max(
    ...table.split('\n').map((line) => Array.from(stripVTControlCharacters(line)).length),
  );
}

describe('renderTable()', () => {
  it('gives a table of at most 80 columns, and leaves nothing out', async () => {
    const words = Array.from({ length: 30 }, (_, at) => `word${at}`).join(' ');
    for (const text of [
      'short',
      words,
      'x'.repeat(300),
      '\x1b[31m0\x1b[39m',
      'p50 207 µs, '.repeat(9),
    ]) {
      const table = await renderTable([
        ['a', 'b'],
        ['label of a row', text],
      ]);
      expect(width(table), table).to.be.at.most(80);
      const shown = table.replaceAll(/[^\w]/g, '');
      expect(shown).to.contain(text === words ? 'word29' : text.replaceAll(/[^\w]/g, '').slice(-5));
    }
    expect(width(await renderTable([['a', 'b', 'c'.repeat(100)]], ['x', 'y', 'z']))).to.equal(80);
  });
});

describe('the table of kv-torture', () => {
  it('fits 80 columns, whatever the disk is called and however long it takes', async () => {
    const slow = { p50: 1234.5, p99: 65_432.1, max: 123_456_789 };
    const report = {
      seed: 364_305_711,
      kills: 1_000_000,
      acknowledged: 123_456_789,
      seen: 123_456_789,
      lost: [],
      invented: [],
      wrongReplies: [],
      restartMs: [1, 2, 123_456_789],
    };
    const disk = {
      syncs: 1_000_000,
      syncMs: slow,
      fileSystem: 'a file system with a long name on a device of another',
      writeCache: 'write back, as far as the kernel knows of it',
    };
    const text = await composeText(report as never, disk);
    expect(width(text), text).to.be.at.most(80);
    expect(text).to.contain('syncs timed');
  });
});
