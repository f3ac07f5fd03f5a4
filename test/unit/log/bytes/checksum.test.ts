// checksum() against zlib: lengths on both sides of the one above which it calls zlib.

import { crc32 } from 'node:zlib';

import { expect } from 'chai';

import { checksum, reseeded } from '../../../../src/log/bytes/checksum.js';

describe('checksum()', () => {
  const bytes = Buffer.from(Array.from({ length: 1200 }, (_, at) => (at * at * 31 + at) & 0xff));

  it('gives zlib.crc32() of the part, for every length, place and seed', () => {
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

describe('reseeded()', () => {
  it('gives the checksum of the same bytes for the other seed, for every length', () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 37 + 11) & 0xff));
    const lengths = [...Array(300).keys(), 1020, 4095, 4096, 65_535, 70_000];
    for (const length of lengths) {
      for (const [seed, other] of [
        [0, 0],
        [0, 1],
        [0x5eed1234, 0xffffffff],
        [0xffffffff, 0x80000000],
      ] as const) {
        const sum = checksum(bytes, 0, length, seed);
        expect(reseeded(sum, length, seed, other), `${length}`).to.equal(
          checksum(bytes, 0, length, other),
        );
      }
    }
  });
});
