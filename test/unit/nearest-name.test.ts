import { expect } from 'chai';

import { suggestion } from '../../src/nearest-name.js';

const NAMES = ['keysMax', 'bytesMax', 'ttlMs'];

describe('suggestion()', () => {
  it('names a similar name in any letter case, and none for a word that is not similar', () => {
    expect(suggestion('keyMax', NAMES)).to.equal(' (did you mean keysMax?)');
    expect(suggestion('BYTESMAX', NAMES)).to.equal(' (did you mean bytesMax?)');
    expect(suggestion('maxKeys', NAMES)).to.equal(' (did you mean keysMax?)');
    expect(suggestion('ttl', NAMES)).to.equal(' (did you mean ttlMs?)');
    for (const word of ['', 'x', 'nonsense', 'segmentSize'])
      expect(suggestion(word, NAMES), word).to.equal('');
  });
});
