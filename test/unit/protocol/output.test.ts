// Output, the reply buffer: numbers, growth, and reuse of memory.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { Output } from '../../../src/protocol/output.js';
import { seeded } from '../../support/seed.js';

describe('Output', () => {
  it('writeNumber() and writeBigInt() write the digits that toString() gives', () => {
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

  it('recycle() gives memory back only once, and keeps no large memory', () => {
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

  it('truncate() takes back the bytes after a length', () => {
    const output = new Output();
    output.writeText('kept and dropped');
    output.truncate(4);
    expect(output.take().toString()).to.equal('kept');
  });

  it('writeValue() copies a value of any length by words to any offset', () => {
    const words = new Uint32Array(400);
    const source = Buffer.from(words.buffer);
    for (let at = 0; at < source.length; at++) source[at] = (at * 7) % 251;
    for (let size = 0; size < 600; size++) {
      const output = new Output();
      output.writeText('x'.repeat(size % 5));
      output.writeValue(source, words, 28, 28 + size, false);
      output.writeText('end');
      const expected = [Buffer.from('x'.repeat(size % 5)), source.subarray(28, 28 + size)];
      expect(output.take().equals(Buffer.concat([...expected, Buffer.from('end')]))).to.equal(true);
    }
  });

  it('writeValue() sends a long value that lasts from its own memory, in its place among the replies', () => {
    const output = new Output();
    const value = Buffer.alloc(200_000, 'v');
    output.writeText('one ');
    output.writeValue(Buffer.from('a short b'), undefined, 2, 7, true);
    expect(output.hasLent).to.equal(false);
    output.writeValue(value, undefined, 0, value.length, true);
    output.writeText(' two ');
    output.writeValue(value, undefined, 0, value.length, false);
    output.writeText(' end');
    expect(output.length).to.equal(4 + 5 + 5 + 4 + 2 * value.length);
    const parts = output.takeParts();
    expect(parts.map(({ length }) => length)).to.deep.equal([9, value.length, 9 + value.length]);
    expect(parts[1]).to.equal(value);
    expect(parts[2]!.subarray(0, 6).toString()).to.equal(' two v');
    expect(output.length).to.equal(0);
    output.writeText('next');
    expect(output.take().toString()).to.equal('next');
  });

  it('truncate() takes back bytes after a lent value, and throws when it would cut that value', () => {
    const output = new Output();
    output.writeValue(Buffer.alloc(200_000), undefined, 0, 200_000, true);
    output.writeText('kept dropped');
    output.truncate(200_004);
    expect(output.takeParts()[1]!.toString()).to.equal('kept');
    output.writeValue(Buffer.alloc(200_000), undefined, 0, 200_000, true);
    expect(() => output.truncate(5)).to.throw('lent');
  });
});
