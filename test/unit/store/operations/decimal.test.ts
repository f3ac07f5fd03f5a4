import { expect } from 'chai';
import * as fc from 'fast-check';

import {
  addDelta,
  composeDecimal,
  parseDecimal,
} from '../../../../src/store/operations/decimal.js';
import { seeded } from '../../../support/seed.js';

const MAX = 2n ** 64n - 1n;
const u64 = fc.bigInt({ min: 0n, max: MAX });

function parsed(text: string): bigint | undefined {
  return parseDecimal(Buffer.from(text, 'latin1'));
}

describe('store/operations/decimal', () => {
  it('parseDecimal() reads back the text of composeDecimal(), at any old length', () => {
    fc.assert(
      fc.property(u64, fc.nat(64), (number, oldBytes) => {
        const text = composeDecimal(number, oldBytes);
        expect(text.length).to.equal(Math.max(oldBytes, number.toString().length));
        expect(parseDecimal(text)).to.equal(number);
      }),
      seeded('composeDecimal()', 200),
    );
  });

  it('parseDecimal() reads unsigned 64-bit numbers as memcached does, and nothing else', () => {
    expect(parsed('0')).to.equal(0n);
    expect(parsed('007')).to.equal(7n);
    expect(parsed(`000${MAX}`), 'zeros do not count').to.equal(MAX);
    expect(parsed('  12 ')).to.equal(12n);
    expect(parsed(MAX.toString())).to.equal(MAX);
    // As with strtoull, the bytes after a space or a NUL do not count.
    for (const text of ['1 2', '1\n', '\t1', '+1', '1\0x']) expect(parsed(text)).to.equal(1n);
    const none = ['', ' ', '-1', '1.0', '1e3', '0x10', 'abc', '1a', '+', '++1'];
    const tooLarge = [(MAX + 1n).toString(), '9'.repeat(21), `1${' '.repeat(64)}`];
    for (const text of [...none, ...tooLarge]) expect(parsed(text), text).to.equal(undefined);
  });

  it('addDelta() wraps at 2^64 and stops at 0', () => {
    fc.assert(
      fc.property(u64, u64, (number, delta) => {
        const sum = addDelta(number, delta, 'incr');
        expect(sum).to.equal(BigInt.asUintN(64, number + delta));
        const difference = addDelta(number, delta, 'decr');
        expect(difference).to.equal(delta > number ? 0n : number - delta);
      }),
      seeded('addDelta()', 200),
    );
    expect(addDelta(MAX, 1n, 'incr')).to.equal(0n);
    expect(addDelta(0n, 1n, 'decr')).to.equal(0n);
  });
});
