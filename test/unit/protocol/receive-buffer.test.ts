// ReceiveBuffer: a lent chunk stays the lender's, unread bytes are kept, and memory is given up soon.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { ReceiveBuffer, forgetSpareReceiveBuffers } from '../../../src/protocol/receive-buffer.js';
import { seeded } from '../../support/seed.js';

function unread(buffer: ReceiveBuffer): string {
  return buffer.bytes.toString('latin1', buffer.start, buffer.end);
}

/** Returns the memory into which a large block came that has been read. */
function memoryOfLarge(): ArrayBufferLike {
  const buffer = new ReceiveBuffer();
  buffer.expected = 300_000;
  buffer.push(Buffer.alloc(100_000));
  buffer.settle();
  const { buffer: memory } = buffer.bytes;
  buffer.start = buffer.end;
  buffer.expected = 0;
  buffer.settle();
  return memory;
}

describe('ReceiveBuffer', () => {
  it('push() lends a chunk without copying it', () => {
    const buffer = new ReceiveBuffer();
    const chunk = Buffer.from('abc');
    buffer.push(chunk);
    expect(buffer.bytes).to.equal(chunk);
  });

  it('settle() copies the unread bytes, so that the chunk may be overwritten', () => {
    const buffer = new ReceiveBuffer();
    const chunk = Buffer.from('abcdef');
    buffer.push(chunk);
    buffer.start += 4;
    buffer.settle();
    chunk.fill(0);
    expect(unread(buffer)).to.equal('ef');
    buffer.push(Buffer.from('gh'));
    expect(unread(buffer)).to.equal('efgh');
  });

  it('keeps every byte in order, however they come and go', () => {
    const steps = fc.array(fc.tuple(fc.nat(3000), fc.nat(3000), fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (sizes) => {
        const buffer = new ReceiveBuffer();
        let sent = 0;
        let expected = '';
        for (const [pushed, taken, settles] of sizes) {
          const chunk = Buffer.from(Array.from({ length: pushed }, () => sent++ & 0xff));
          expected += chunk.toString('latin1');
          buffer.push(chunk);
          const size = Math.min(taken, buffer.length);
          buffer.start += size;
          expected = expected.slice(size);
          if (settles) {
            buffer.settle();
            chunk.fill(0);
          } else {
            expect(unread(buffer)).to.equal(expected);
          }
          buffer.settle();
          expect(unread(buffer)).to.equal(expected);
        }
      }),
      seeded('receive buffer', 200),
    );
  });

  it('settle() gives up the memory of a large value that has been read', () => {
    const buffer = new ReceiveBuffer();
    for (let count = 0; count < 10; count++) {
      buffer.push(Buffer.alloc(100_000, 'x'));
      buffer.settle();
    }
    expect(buffer.bytes.length).to.be.at.least(1_000_000);
    buffer.start += 999_990;
    buffer.settle();
    expect(unread(buffer)).to.equal('x'.repeat(10));
    expect(buffer.bytes.length).to.be.below(1000);
    buffer.start = buffer.end;
    buffer.settle();
    expect(buffer.bytes.length).to.equal(0);
  });

  it('room() takes the rest of an expected block at its place, so that no byte is copied', () => {
    const buffer = new ReceiveBuffer();
    const block = Buffer.from(Array.from({ length: 500_000 }, (_, at) => at % 251));
    buffer.expect(block.length);
    expect(buffer.room()).to.equal(undefined);
    buffer.push(Buffer.from(block.subarray(0, 70_000)));
    expect(buffer.room(), 'nothing is ours yet').to.equal(undefined);
    buffer.settle();
    const { bytes } = buffer;
    for (let at = 70_000; at < block.length;) {
      const room = buffer.room();
      // For the last bytes there is no room(), since they are too few.
      const into = room ?? Buffer.alloc(block.length - at);
      expect(into.length).to.equal(block.length - at);
      expect(room === undefined).to.equal(block.length - at < 65_536);
      const count = Math.min(into.length, 100_000);
      block.copy(into, 0, at, at + count);
      buffer.settle();
      buffer.push(into.subarray(0, count));
      at += count;
    }
    expect(buffer.bytes).to.equal(bytes);
    expect(buffer.bytes.subarray(buffer.start, buffer.end).equals(block)).to.equal(true);
  });

  it('forgetSpareReceiveBuffers() frees the memory that the next buffer would use again', () => {
    forgetSpareReceiveBuffers();
    const first = memoryOfLarge();
    expect(memoryOfLarge(), 'used again').to.equal(first);
    forgetSpareReceiveBuffers();
    expect(memoryOfLarge()).not.to.equal(first);
  });

  it('an announced length alone does not make the buffer larger', () => {
    const buffer = new ReceiveBuffer();
    buffer.expect(1_000_000_000);
    buffer.push(Buffer.alloc(10_000));
    buffer.settle();
    expect(buffer.bytes.length).to.be.below(100_000);
    expect(buffer.room()).to.equal(undefined);
  });
});
