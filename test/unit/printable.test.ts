import { expect } from 'chai';

import {
  jsonLine,
  printable,
  printableKey,
  printableLines,
  quotedKey,
} from '../../src/printable.js';

const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('printable()', () => {
  it('leaves no character that controls a terminal, ends a line or changes the writing direction', () => {
    expect(printable('a\x1b[31m\n\r\tb\x7f\x9b\u2028\u202eé')).to.equal(
      'a\\x1b[31m\\x0a\\x0d\\x09b\\x7f\\x9b\\u2028\\u202eé',
    );
    expect(printable(all.toString('latin1'))).not.to.match(/\p{Cc}/u);
  });
});

describe('printableLines()', () => {
  it('keeps line ends and tabs, but no CR that goes back over a line', () => {
    expect(printableLines('a\r\nb\n\tc\rd\x1b')).to.equal('a\r\nb\n\tc\\x0dd\\x1b');
  });
});

describe('printableKey()', () => {
  it('gives the key as it is when nothing in it needs escaping, and always one line', () => {
    expect(printableKey(Buffer.from('a\\b größe'))).to.equal('a\\b größe');
    expect(printableKey(Buffer.from('a\\b\nSTORED'))).to.equal('a\\\\b\\x0aSTORED');
    expect(printableKey(Buffer.from([0x61, 0xff, 0x9b]))).to.equal('a\\xff\\x9b');
    expect(printableKey(all)).not.to.match(/\p{Cc}/u);
  });
});

describe('jsonLine()', () => {
  it('gives JSON of the same value, without DEL, C1 and line separators', () => {
    const value = { key: all.toString('latin1') + '\u2028\u202e' };
    expect(jsonLine(value)).not.to.match(/[\p{Cc}\u2028\u202e]/u);
    expect(JSON.parse(jsonLine(value))).to.deep.equal(value);
    expect(quotedKey(Buffer.from('a"\x9bb'))).to.equal('"a\\"\\u009bb"');
  });
});
