// Items is the only writer of the keydir: everybody else holds a KeydirView, which has no setters, and nobody but
// Items and the keydir's own room names the class with setters, beside those who make one.

import { readdirSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

const SOURCES = new URL('../../../../../src/', import.meta.url);
const SETTER =
  /\bkeydir\.(?:reseed|reserve|restore|insert|insertPacked|remove|clear|set[A-Z]\w*|fill|store|use|touch)\(/;
/** They make a keydir for the Items that will write it; the seqs of prefixes are in one of their own. */
const MAKERS = [
  'offline/repair.ts',
  'offline/store-reader.ts',
  'store/flushes/prefix-seqs.ts',
  'store/open-store.ts',
];

function sources(): [string, string][] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('store/keydir/'))
    .filter((name) => name !== 'store/items/items.ts')
    .map((name) => [name, readFileSync(new URL(name, SOURCES), 'utf8')]);
}

describe('The keydir', () => {
  it('is written by Items alone', () => {
    const all = sources();
    expect(all.length).to.be.above(100);
    const writers = all.filter(([, text]) => SETTER.test(text)).map(([name]) => name);
    expect(writers).to.deep.equal([]);
    const holders = all
      .filter(([, text]) => /\bKeydir\b[^\n]*from '[^']*keydir\/keydir\.js'/.test(text))
      .map(([name]) => name);
    expect(holders.toSorted()).to.deep.equal(MAKERS);
  });
});
