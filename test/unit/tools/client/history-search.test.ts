import { expect } from 'chai';

import { HistorySearch } from '../../../../tools/client/history-search.js';

const LINES = ['get alpha', 'set beta 1', 'get beta', 'get beta', 'incr größe', 'stats'];
const ESCAPE = '\x1b';

describe('HistorySearch', () => {
  it('finds the newest line with the typed text, and an older one with each Ctrl-R', () => {
    // The typed keys, the line found, and whether the prompt says that there is none.
    const table: readonly (readonly [string, string, boolean])[] = [
      ['', 'typed', false],
      ['\x12', 'typed', false],
      ['s', 'stats', false],
      ['g', 'incr größe', false],
      ['ge', 'get beta', false],
      ['beta', 'get beta', false],
      ['beta\x12', 'set beta 1', false],
      ['beta\x12\x12', 'set beta 1', true],
      ['get\x12', 'get alpha', false],
      ['get\x12\x12', 'get alpha', true],
      ['get\x12\x12\x7f\x7f', 'get beta', false],
      ['größex', 'incr größe', true],
      ['größex\x7f', 'incr größe', false],
      ['s\b\b\b', 'typed', false],
      ['none', 'incr größe', true],
    ];
    for (const [keys, line, failed] of table) {
      const search = new HistorySearch(LINES, 'typed');
      expect(search.type(keys), JSON.stringify(keys)).to.equal(undefined);
      expect(search.line, JSON.stringify(keys)).to.equal(line);
      expect(search.prompt.startsWith('(failed '), JSON.stringify(keys)).to.equal(failed);
    }
    const search = new HistorySearch(LINES, '');
    search.type('größ');
    expect(search.prompt).to.equal("(reverse-i-search)`größ': ");
  });

  it('ends with the earlier line at Ctrl-G and Ctrl-C, and with the found line at other keys', () => {
    const table = [
      ['\x07', 'left', ''],
      ['\x07x', 'left', 'x'],
      ['\x03', 'left', '\x03'],
      ['\r', 'taken', '\r'],
      ['\rget b\r', 'taken', '\rget b\r'],
      ['\n', 'taken', '\n'],
      [ESCAPE, 'taken', ESCAPE],
      [`${ESCAPE}[A`, 'taken', `${ESCAPE}[A`],
      ['\x01', 'taken', '\x01'],
      ['\t', 'taken', '\t'],
    ] as const;
    for (const [keys, kind, rest] of table)
      expect(new HistorySearch(LINES, '').type(`al${keys}`), JSON.stringify(keys)).to.deep.equal({
        kind,
        rest,
      });
  });

  it('works without any history', () => {
    const search = new HistorySearch([], 'typed');
    expect(search.type('a\x12\x7f\x12b')).to.equal(undefined);
    expect(search.line).to.equal('typed');
  });
});
