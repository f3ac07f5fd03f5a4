import { expect } from 'chai';

import { groupStats, keyFilter, nearest } from '../../../../tools/client/listing.js';

describe('keyFilter()', () => {
  it('matches the beginning of a key, or a pattern as in a shell', () => {
    const keys = ['user:1', 'user:2', 'user.3', 'a*b', 'aXb', 'größe', 'a\nb', 'x^y', 'x-y'];
    const found = (pattern: string): string[] => {
      const fits = keyFilter(pattern);
      return keys.filter((key) => fits(Buffer.from(key)));
    };
    const table: readonly (readonly [string, readonly string[]])[] = [
      ['', keys],
      ['user', ['user:1', 'user:2', 'user.3']],
      ['user:*', ['user:1', 'user:2']],
      ['user.?', ['user.3']],
      ['*:[12]', ['user:1', 'user:2']],
      ['*:[!1]', ['user:2']],
      ['a\\*b', ['a*b']],
      ['a?b', ['a*b', 'aXb', 'a\nb']],
      ['gr*e', ['größe']],
      ['x[\\^-]y', ['x^y', 'x-y']],
      ['user:', ['user:1', 'user:2']],
      ['ser*', []],
    ];
    for (const [pattern, expected] of table)
      expect(found(pattern), pattern).to.deep.equal(expected);
  });
});

describe('groupStats()', () => {
  it('keeps every counter once, and names each group once', () => {
    const pairs = ['pid', 'cmd_get', 'kv_keys', 'curr_items', 'odd', 'get_hits', 'bytes'].map(
      (name) => [name, '1'] as const,
    );
    const rows = groupStats(pairs);
    expect(rows.map(([, name]) => name)).to.have.members(pairs.map(([name]) => name));
    const groups = rows.map(([group]) => group).filter((group) => group !== '');
    expect(groups)
      .to.deep.equal([...new Set(groups)])
      .and.include('commands')
      .and.include('other');
  });
});

describe('nearest()', () => {
  it('gives the name that was probably meant, and none for a word that is not similar', () => {
    const names = ['get', 'set', 'stats', 'delete', 'flush_all', 'version'];
    const table: readonly (readonly [string, string | undefined])[] = [
      ['gte', 'get'],
      ['stat', 'stats'],
      ['delte', 'delete'],
      ['flushall', 'flush_all'],
      ['verison', 'version'],
      ['frobnicate', undefined],
      ['x', undefined],
    ];
    for (const [word, expected] of table) expect(nearest(word, names), word).to.equal(expected);
  });
});
