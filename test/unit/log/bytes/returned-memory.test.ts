// Memory that goes back to the system when it is freed: it has the requested length and is zero.

import { expect } from 'chai';

import { MIB } from '../../../../src/limits.js';
import { returnedBuffer, returnedMemory } from '../../../../src/log/bytes/returned-memory.js';

describe('returnedMemory', () => {
  it('takes more than glibc ever keeps, or no more than a page of the keydir', () => {
    for (const bytes of [0, 1, MIB, MIB + 1, 5 * MIB, 32 * MIB, 40 * MIB]) {
      const { byteLength } = returnedMemory(bytes);
      expect(byteLength).to.be.at.least(bytes);
      expect(byteLength > MIB && byteLength <= 32 * MIB, `${bytes} bytes`).to.equal(false);
    }
  });

  it('returnedBuffer() gives exactly the length, zeros and offset 0', () => {
    for (const bytes of [0, 7, 3 * MIB]) {
      const buffer = returnedBuffer(bytes);
      expect(buffer.length).to.equal(bytes);
      expect(buffer.byteOffset).to.equal(0);
      expect(buffer.every((byte) => byte === 0)).to.equal(true);
    }
  });
});
