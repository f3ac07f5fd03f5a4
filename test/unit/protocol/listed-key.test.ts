import { expect } from 'chai';

import { isPlainKey, lineKey, uriEncoded } from '../../../src/protocol/listed-key.js';

const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('lineKey()', () => {
  it('gives the key itself when a text command can name it', () => {
    for (const text of ['user:17', '100%25', 'größe']) {
      const key = Buffer.from(text);
      expect(lineKey(key)).to.equal(key.toString('latin1'));
    }
  });

  it('escapes spaces, line ends and control characters, and loses nothing', () => {
    expect(lineKey(Buffer.from('a b%\r\nEND'))).to.equal('a%20b%25%0D%0AEND');
    expect(lineKey(all)).not.to.match(/[\0- \x7f-\xff]/);
    const back = decodeURIComponent(lineKey(Buffer.from('a b%20\x1b')));
    expect(back, 'nothing is lost').to.equal('a b%20\x1b');
  });
});

describe('uriEncoded()', () => {
  it('gives %XX for all bytes but letters, digits and - . _ ~', () => {
    expect(uriEncoded(Buffer.from('aZ09-._~ /\n\xff', 'latin1'))).to.equal('aZ09-._~%20%2F%0A%FF');
  });
});

describe('isPlainKey()', () => {
  it('gives false for spaces and control characters', () => {
    expect(isPlainKey(Buffer.from('größe%'))).to.equal(true);
    for (const byte of [0, 0x0a, 0x1b, 0x20, 0x7f]) {
      expect(isPlainKey(Buffer.from([0x61, byte])), String(byte)).to.equal(false);
    }
  });

  it('gives false for C1 in UTF-8 and as bytes, but not for letters whose UTF-8 has such bytes', () => {
    for (const text of ['a\x9b', '\x80', 'ß\x9f', '\u2028', '\u202e', '\u2069']) {
      expect(isPlainKey(Buffer.from(text)), JSON.stringify(text)).to.equal(false);
    }
    for (const bytes of [[0x9b], [0x61, 0x80, 0x62], [0xc2, 0x9b, 0xff]]) {
      expect(isPlainKey(Buffer.from(bytes)), bytes.join()).to.equal(false);
    }
    for (const text of ['ßÀ', '‚', '\xa0', '\u2030', '日本']) {
      expect(isPlainKey(Buffer.from(text)), text).to.equal(true);
    }
    expect(isPlainKey(Buffer.from([0x61, 0xff]))).to.equal(true);
  });
});
