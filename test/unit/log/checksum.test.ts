// The checksum against zlib's, over lengths on both sides of where one takes over from the other.

import { crc32 } from 'node:zlib';

import { expect } from 'chai';

import { checksum } from '../../../src/log/checksum.js';

describe('checksum()', () => {
  const bytes = Buffer.from(Array.from({ length: 1200 }, (_, at) => (at * at * 31 + at) & 0xff));

  it('is zlib.crc32() of the part, for every length, place and seed', () => {
    for (const seed of [0, 1, 0x5eed1234, 0xffffffff]) {
      for (let length = 0; length <= 1100; length += 1) {
        const from = length % 13;
        const part = bytes.subarray(from, from + length);
        expect(checksum(bytes, from, from + length, seed), `${length}`).to.equal(crc32(part, seed));
      }
    }
  });

  it('goes on from a running sum', () => {
    const half = checksum(bytes, 0, 100, 7);
    expect(checksum(bytes, 100, 250, half)).to.equal(checksum(bytes, 0, 250, 7));
  });
});
