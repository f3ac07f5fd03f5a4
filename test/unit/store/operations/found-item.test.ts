// FoundItem: the single item that the store fills again for each hit, and the copy that a caller keeps.

import { expect } from 'chai';

import { FoundItem } from '../../../../src/store/operations/found-item.js';
import { ownLookup } from '../../../../src/store/own-lookup.js';
import type { LargeValue } from '../../../../src/store/store.js';

const source = Buffer.from('....value....');
const content = {
  source,
  words: undefined,
  start: 4,
  valueBytes: 5,
  isLasting: false,
  flags: 7,
  cas: 9n,
};

function found(): FoundItem {
  const item = new FoundItem();
  item.begin(1000, true, 3, true, false, true);
  item.complete(content, undefined);
  return item;
}

describe('FoundItem', () => {
  it('complete() adds the content to the fields of begin()', () => {
    const { value, valueBytes, flags, cas, expiresAt, fetched, stale, wins } = found();
    expect(value).to.deep.equal(Buffer.from('value'));
    expect({ valueBytes, flags, cas, expiresAt, fetched, stale, wins }).to.deep.equal({
      valueBytes: 5,
      flags: 7,
      cas: 9n,
      expiresAt: 1000,
      fetched: true,
      stale: true,
      wins: true,
    });
  });

  it('begin() forgets the content of the previous item', () => {
    const item = found();
    item.created = true;
    item.begin(0, false, 0, false, false, false);
    expect(item.valueBytes).to.equal(0);
    expect(item.created).to.equal(false);
    expect(found().draft().valueBytes).to.equal(0);
  });

  it('a large value has bytes and no place in memory', () => {
    const item = new FoundItem();
    const large = { bytes: 2_000_000 } as LargeValue;
    item.complete(content, large);
    expect(item.value).to.equal(large);
    expect(item.valueBytes).to.equal(2_000_000);
    expect(item.source).to.equal(undefined);
    const own = ownLookup({ kind: 'hit', item, after: 5 });
    expect(own.kind === 'hit' && own.item.value).to.equal(large);
  });
});

describe('ownLookup()', () => {
  it('gives a copy that stays when the item is filled again and its memory is overwritten', () => {
    const item = found();
    const hit = { kind: 'hit', item, after: 5 } as const;
    const own = ownLookup(hit);
    item.begin(0, false, 0, false, false, false);
    source.fill('x');
    if (own.kind !== 'hit') throw new Error('A hit stays one');
    const { value, start, flags, cas, expiresAt, idleSeconds } = own.item;
    expect(value).to.deep.equal(Buffer.from('value'));
    expect(own.item.source?.subarray(start, start + 5).toString()).to.equal('value');
    expect({ flags, cas, expiresAt, idleSeconds, after: own.after }).to.deep.equal({
      flags: 7,
      cas: 9n,
      expiresAt: 1000,
      idleSeconds: 3,
      after: 5,
    });
    source.set(Buffer.from('....value....'));
  });
});
