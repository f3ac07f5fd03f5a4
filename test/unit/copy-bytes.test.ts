// copyBytes(): copies by the loop and by the runtime put the same bytes at the same place.

import { expect } from 'chai';

import { copyBytes } from '../../src/copy-bytes.js';

describe('copyBytes()', () => {
  it('copies a part to its place, returns the position behind it and leaves all other bytes', () => {
    const source = Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 7 + 1) & 0xff));
    for (const bytes of [0, 1, 31, 255, 256, 257, 500]) {
      const target = Buffer.alloc(600, 0xee);
      expect(copyBytes(target, 40, source, 13, 13 + bytes)).to.equal(40 + bytes);
      const expected = Buffer.alloc(600, 0xee);
      expected.set(source.subarray(13, 13 + bytes), 40);
      expect(target.equals(expected), `${bytes} bytes`).to.equal(true);
    }
  });
});
