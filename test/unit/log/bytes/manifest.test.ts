import { expect } from 'chai';
import * as fc from 'fast-check';
import { crc32 } from 'node:zlib';

import { isKvError } from '../../../../src/errors.js';
import { composeManifest, parseManifest } from '../../../../src/log/bytes/manifest.js';
import type { Manifest } from '../../../../src/log/bytes/manifest.js';
import { seeded } from '../../../support/seed.js';

const PATH = '/data/MANIFEST';

const manifest: fc.Arbitrary<Manifest> = fc
  .record({
    storeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    runs: fc.array(
      fc.record({
        span: fc.integer({ min: 1, max: 9 }),
        generation: fc.nat(9999),
        salt: fc.nat(),
        bytes: fc.option(fc.maxSafeNat()),
      }),
      { maxLength: 20 },
    ),
  })
  .map(({ storeId, runs }) => {
    let last = 0;
    const segments = runs.map(({ span, ...rest }) => {
      const first = last + 1;
      last += span;
      return { first, last, ...rest };
    });
    return { storeId: Buffer.from(storeId).toString('hex'), segments };
  });

const SEALED = { first: 1, last: 2, generation: 0, salt: 7, bytes: 4096 };
const OPEN = { first: 3, last: 3, generation: 1, salt: 8, bytes: null };
const EXAMPLE = { storeId: 'ab'.repeat(16), segments: [SEALED, OPEN] };

function codeOf(text: string): string {
  try {
    parseManifest(text, PATH);
  } catch (error) {
    if (!isKvError(error)) throw error;
    expect(error.path).to.equal(PATH);
    return error.code;
  }
  return 'good';
}

function withChecksum(line: string): string {
  return `${line}\ncrc32 ${crc32(line).toString(16).padStart(8, '0')}\n`;
}

describe('log/bytes/manifest', () => {
  it('parseManifest() gives back what composeManifest() wrote', () => {
    fc.assert(
      fc.property(manifest, (each) => {
        expect(parseManifest(composeManifest(each), PATH)).to.deep.equal(each);
      }),
      seeded('composeManifest()', 100),
    );
  });

  it('parseManifest() refuses every changed character and every cut', () => {
    const text = composeManifest(EXAMPLE);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === '1' ? '2' : '1';
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      expect(codeOf(changed), `at ${at}`).to.equal('KV_CORRUPTION');
      if (at < text.length - 1) expect(codeOf(text.slice(0, at))).to.equal('KV_CORRUPTION');
    }
  });

  it('parseManifest() refuses gaps, overlaps and a wrong first segment', () => {
    const wrong = [
      [OPEN],
      [SEALED, SEALED],
      [SEALED, { ...OPEN, first: 4, last: 4 }],
      [{ ...SEALED, last: 0 }],
      [{ ...SEALED, first: 0 }],
      [SEALED, { ...OPEN, last: 2 }],
    ];
    for (const segments of wrong) {
      expect(codeOf(composeManifest({ ...EXAMPLE, segments }))).to.equal('KV_CORRUPTION');
    }
    expect(codeOf(composeManifest(EXAMPLE))).to.equal('good');
  });

  it('parseManifest() refuses another version by name, and a text that is no manifest', () => {
    const [line = ''] = composeManifest(EXAMPLE).split('\n');
    const newer = withChecksum(line.replace('"version":1', '"version":2'));
    expect(codeOf(newer)).to.equal('KV_FORMAT_VERSION');
    expect(codeOf(withChecksum('{"format":"other"}'))).to.equal('KV_CORRUPTION');
  });
});
