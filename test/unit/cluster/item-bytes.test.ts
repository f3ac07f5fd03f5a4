// The bytes of an item in a cluster are golden, since two engines and every version of this server must agree on them.

import { expect } from 'chai';

import { ITEM_HEADER_BYTES, decodeItem, encodeItem } from '../../../src/cluster/item-bytes.js';

const PLAIN = { flags: 0, expiresAt: 0, stale: false, won: false, ownCas: undefined };

describe('item bytes', () => {
  it('encodeItem() writes the golden bytes, and decodeItem() reads them', () => {
    const cases = [
      [PLAIN, 'v', '01000000000000000000000000000000000000000000000076'],
      [
        { flags: 0xdeadbeef, expiresAt: 1_900_000_000_123, stale: true, won: true, ownCas: 7n },
        '',
        '01070000deadbeef0000000000000007000001ba60d3387b',
      ],
      [
        { ...PLAIN, won: true, ownCas: 2n ** 64n - 1n },
        'ab',
        '0106000000000000ffffffffffffffff00000000000000006162',
      ],
    ] as const;
    for (const [header, value, hex] of cases) {
      const source = Buffer.from(`<${value}>`);
      const bytes = encodeItem(header, source, 1, 1 + value.length);
      expect(bytes.toString('hex')).to.equal(hex);
      const { value: read, ...rest } = decodeItem(bytes)!;
      expect(rest).to.deep.equal(header);
      expect(read.toString()).to.equal(value);
    }
  });

  it('decodeItem() refuses bytes that are no item', () => {
    const good = encodeItem(PLAIN, Buffer.from('v'), 0, 1);
    expect(decodeItem(good.subarray(0, ITEM_HEADER_BYTES - 1))).to.equal(undefined);
    for (const [at, byte] of [
      [0, 2],
      [1, 8],
      [2, 1],
      [3, 1],
    ] as const) {
      const bad = Buffer.from(good);
      bad[at] = byte;
      expect(decodeItem(bad), `${at}`).to.equal(undefined);
    }
  });
});
