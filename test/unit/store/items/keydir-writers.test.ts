// Items is the only writer of the keydir. All others hold a KeydirView, which has no setters. Only Items, the keydir's
// own room and the files that make a keydir name the class with setters.

import { readdirSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

const SOURCES = new URL('../../../../../src/', import.meta.url);
const SETTER =
  /\bkeydir\.(?:reseed|reserve|restore|insert|insertPacked|remove|clear|set[A-Z]\w*|fill|store|use|touch)\(/;
/** These files make a keydir for Items to write; the seqs of prefixes have a keydir of their own. */
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
