import { expect } from 'chai';
import * as fc from 'fast-check';

import {
  hintName,
  largeValueName,
  parseFileName,
  segmentName,
  temporaryName,
} from '../../../../src/log/bytes/file-names.js';
import { seeded } from '../../../support/seed.js';

const last = fc.integer({ min: 1, max: 9_999_999_999 });
const generation = fc.nat(99_999);

describe('log/bytes/file-names', () => {
  it('parseFileName() gives back the parts of each name', () => {
    fc.assert(
      fc.property(last, generation, (each, age) => {
        const place = { last: each, generation: age };
        expect(parseFileName(segmentName(each, age))).to.deep.equal({ kind: 'segment', ...place });
        expect(parseFileName(hintName(each, age))).to.deep.equal({ kind: 'hint', ...place });
        const value = { kind: 'large-value', id: each };
        expect(parseFileName(largeValueName(each))).to.deep.equal(value);
      }),
      seeded('parseFileName()', 100),
    );
  });

  it('segmentName() gives names that sort in the order of the log', () => {
    fc.assert(
      fc.property(fc.uniqueArray(last, { maxLength: 20 }), (numbers) => {
        const names = numbers.map((each) => segmentName(each, each % 3)).sort();
        const sorted = numbers.sort((a, b) => a - b).map((each) => segmentName(each, each % 3));
        expect(names).to.deep.equal(sorted);
      }),
      seeded('segmentName()', 100),
    );
  });

  it('parseFileName() takes no other name for a file of Cairn', () => {
    const temporary = { kind: 'temporary', of: 'segment' };
    const name = segmentName(1, 0);
    expect(parseFileName(`${name}.tmp`)).to.deep.equal({ ...temporary, isMarked: false });
    const marked = temporaryName(name, '1');
    expect(parseFileName(marked)).to.deep.equal({ ...temporary, isMarked: true });
    const others = [
      'report.tmp',
      'report.cairn-1.tmp',
      '.tmp',
      'lost+found',
      `${name}.cairn-x.tmp`,
      '1-0.seg',
      '0000000001-0000.seg.bak',
      'x0000000001-0000.seg',
      '0000000001-000.seg',
      '0000000001-0000.segx',
      '00000000000001.val',
      '',
    ];
    for (const other of others)
      expect(parseFileName(other), other).to.deep.equal({ kind: 'other' });
  });
});
