// Numbers, sizes and times as the page writes them.

import { expect } from 'chai';

import {
  bytesText,
  durationText,
  msText,
  rateText,
  shareText,
  ttlText,
} from '../../../../../src/http/page/browser/format.js';

describe('the format of the page', () => {
  it('writes sizes with three figures', () => {
    const sizes = [0, 1023, 1024, 1536, 10_240, 1_048_575, 1_048_576, 5e12].map(bytesText);
    expect(sizes).to.deep.equal([
      '0 B',
      '1023 B',
      '1.00 KiB',
      '1.50 KiB',
      '10.0 KiB',
      '1.00 MiB',
      '1.00 MiB',
      '4.55 TiB',
    ]);
  });

  it('writes rates, shares and times', () => {
    expect([0, 0.5, 12.34, 1234.5].map(rateText)).to.deep.equal(['0', '0.50', '12.3', '1,235']);
    expect([0, 0.5, 0.9999, 1].map(shareText)).to.deep.equal(['0 %', '50 %', '100 %', '100 %']);
    expect([0.05, 1.234, 12.34, 1234].map(msText)).to.deep.equal([
      '50 µs',
      '1.23 ms',
      '12.3 ms',
      '1.23 s',
    ]);
    expect([0, 59, 60, 3661, 90_061].map(durationText)).to.deep.equal([
      '0 s',
      '59 s',
      '1 min',
      '1 h 1 min',
      '1 d 1 h',
    ]);
    expect(ttlText(-1)).to.equal('–');
  });
});
