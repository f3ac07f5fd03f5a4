// The reply buffer: numbers, growth, reuse.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { Output } from '../../../src/protocol/output.js';
import { seeded } from '../../support/seed.js';

describe('Output', () => {
  it('writeNumber() and writeBigInt() write what toString() does', () => {
    const number = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0, 9, 10, 99, 100));
    fc.assert(
      fc.property(number, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (small, large) => {
        const output = new Output();
        output.writeNumber(small);
        output.writeByte(0x20);
        output.writeBigInt(large);
        expect(output.take().toString()).to.equal(`${small} ${large}`);
      }),
      seeded('numbers', 1000),
    );
  });

  it('writeBigInt() is exact around 2^53 and at 2^64 - 1', () => {
    const numbers = [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n, 0n];
    const output = new Output();
    for (const number of numbers) {
      output.writeBigInt(number);
      output.writeByte(0x20);
    }
    expect(output.take().toString()).to.equal(numbers.map((number) => `${number} `).join(''));
  });

  it('grows, keeps all bytes, and is empty after take()', () => {
    const output = new Output();
    const piece = Buffer.alloc(1000, 'x');
    for (let count = 0; count < 100; count++) output.writeBytes(piece);
    expect(output.length).to.equal(100_000);
    expect(output.take().equals(Buffer.alloc(100_000, 'x'))).to.equal(true);
    expect(output.length).to.equal(0);
  });

  it('take() gives bytes that later writes do not change', () => {
    const output = new Output();
    output.writeText('first');
    const first = output.take();
    output.writeText('later');
    expect(first.toString()).to.equal('first');
  });

  it('recycle() lets the next output use the memory', () => {
    const output = new Output();
    output.writeText('first');
    const first = output.take();
    output.recycle();
    const another = new Output();
    another.writeText('later');
    expect(another.take().buffer).to.equal(first.buffer);
  });

  it('recycle() gives memory back once, and keeps no large one', () => {
    const [output, one, two] = [new Output(), new Output(), new Output()];
    output.writeBytes(Buffer.alloc(1_000_000));
    const large = output.take();
    output.recycle();
    output.recycle();
    one.writeText('one');
    two.writeText('two');
    const bytes = [one.take(), two.take()];
    expect(bytes.map(String)).to.deep.equal(['one', 'two']);
    expect(bytes.map(({ buffer }) => buffer)).not.to.include(large.buffer);
  });

  it('truncate() takes back what was written after it', () => {
    const output = new Output();
    output.writeText('kept and dropped');
    output.truncate(4);
    expect(output.take().toString()).to.equal('kept');
  });
});
