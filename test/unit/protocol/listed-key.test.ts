import { expect } from 'chai';

import { isNameable, lineKey, uriEncoded } from '../../../src/protocol/listed-key.js';

const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('lineKey()', () => {
  it('is the key itself where a text command can name it', () => {
    for (const text of ['user:17', '100%25', 'größe']) {
      const key = Buffer.from(text);
      expect(lineKey(key)).to.equal(key.toString('latin1'));
    }
  });

  it('makes no word and no line of a key with spaces, line ends and control characters', () => {
    expect(lineKey(Buffer.from('a b%\r\nEND'))).to.equal('a%20b%25%0D%0AEND');
    expect(lineKey(all)).not.to.match(/[\0- \x7f]/);
    const back = decodeURIComponent(lineKey(Buffer.from('a b%20\x1b')));
    expect(back, 'nothing is lost').to.equal('a b%20\x1b');
  });
});

describe('uriEncoded()', () => {
  it('is %XX for all but letters, digits and - . _ ~', () => {
    expect(uriEncoded(Buffer.from('aZ09-._~ /\n\xff', 'latin1'))).to.equal('aZ09-._~%20%2F%0A%FF');
  });
});

describe('isNameable()', () => {
  it('is false for spaces and control characters', () => {
    expect(isNameable(Buffer.from('größe%'))).to.equal(true);
    for (const byte of [0, 0x0a, 0x1b, 0x20, 0x7f]) {
      expect(isNameable(Buffer.from([0x61, byte])), String(byte)).to.equal(false);
    }
  });
});
