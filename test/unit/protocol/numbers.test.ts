// The numbers in request lines, at the ends of their ranges.

import { expect } from 'chai';

import { readExptime, readUint64, readUnsigned } from '../../../src/protocol/numbers.js';

function bytesOf(text: string): [Buffer, number, number] {
  const bytes = Buffer.from(`<${text}>`);
  return [bytes, 1, bytes.length - 1];
}

describe('readUnsigned()', () => {
  it('reads decimal digits and nothing else', () => {
    expect(readUnsigned(...bytesOf('0'))).to.equal(0);
    expect(readUnsigned(...bytesOf('+7'))).to.equal(7);
    expect(readUnsigned(...bytesOf('000000000000042'))).to.equal(42);
    expect(readUnsigned(...bytesOf('999999999999999'))).to.equal(999_999_999_999_999);
    for (const text of ['', '+', '-1', '1a', 'a', '0x1', '1.5', '++1', '1000000000000000']) {
      expect(Number.isNaN(readUnsigned(...bytesOf(text))), text).to.equal(true);
    }
  });
});

describe('readExptime()', () => {
  it('reads signed 32 bits, and Unix times up to 2106', () => {
    for (const number of [0, 1, -1, 2_592_000, 2_147_483_647, -2_147_483_648, 4_294_967_295]) {
      expect(readExptime(...bytesOf(String(number)))).to.equal(number);
    }
    for (const text of ['', '-', '--1', '-+1', '4294967296', '-2147483649', 'abc']) {
      expect(Number.isNaN(readExptime(...bytesOf(text))), text).to.equal(true);
    }
  });

  it('reads -0 as 0', () => {
    expect(Object.is(readExptime(...bytesOf('-0')), 0)).to.equal(true);
  });
});

describe('readUint64()', () => {
  it('reads up to 2^64 - 1 exactly', () => {
    for (const number of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect(readUint64(...bytesOf(String(number)))).to.equal(number);
    }
    for (const text of ['', '-1', '18446744073709551616', '99999999999999999999', '1x', 'abc']) {
      expect(readUint64(...bytesOf(text)), text).to.equal(undefined);
    }
  });
});
