// Bytes as the page shows them: it loses nothing, shows invisible bytes, and keeps the numbers of JSON.

import { expect } from 'chai';
import * as fc from 'fast-check';

import {
  decodeBase64,
  encodeBase64,
  hexDump,
  indentedJson,
  keyText,
  utf8Of,
  valueText,
} from '../../../../../src/http/page/browser/octets.js';
import { seeded } from '../../../../support/seed.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('octets of the page', () => {
  it('encodes and decodes base64url as Node does', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        const text = Buffer.from(octets).toString('base64url');
        expect(encodeBase64(octets)).to.equal(text);
        expect([...decodeBase64(text)]).to.deep.equal([...octets]);
      }),
      seeded('base64url', 200),
    );
  });

  it('shows a key as text when it is text, and otherwise byte by byte', () => {
    expect(keyText(Buffer.from('schlüssel:1'))).to.equal('schlüssel:1');
    expect(keyText(bytes('a\xff b\0'))).to.equal(String.raw`a\xff\x20b\x00`);
    expect(keyText(Buffer.from('a‮b'))).to.equal(String.raw`a\xe2\x80\xaeb`);
  });

  it('shows values with their lines, and marks invisible characters', () => {
    expect(valueText(bytes('a\r\n\tb\0'))).to.equal('a\r\n\tb\\x00');
    expect(valueText(bytes('a\xff\nb'))).to.equal('a\\xff\nb');
    expect(utf8Of(bytes('\xff'))).to.equal(undefined);
  });

  it('writes a hex dump with offset, bytes and ASCII', () => {
    expect(hexDump(bytes('0123456789abcdef\0\xffz'))).to.equal(
      '000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n' +
        `000010  00 ff 7a${' '.repeat(39)}  ..z`,
    );
  });

  it('indents JSON and changes nothing else', () => {
    const text = '{"a":12345678901234567890, "b":[1e5,{}, []],"c":"x, {\\"y\\"}: "}';
    expect(indentedJson(text)).to.equal(
      '{\n  "a": 12345678901234567890,\n  "b": [\n    1e5,\n    {},\n    []\n  ],\n  "c": "x, {\\"y\\"}: "\n}',
    );
    expect(indentedJson('7')).to.equal('7');
    expect(indentedJson('{')).to.equal(undefined);
  });

  it('indents JSON without changing its meaning', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(indentedJson(text) ?? '')).to.deep.equal(JSON.parse(text));
      }),
      seeded('indented JSON', 200),
    );
  });
});
