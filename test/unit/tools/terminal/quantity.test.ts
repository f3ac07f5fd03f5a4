import { expect } from 'chai';

import {
  countOf,
  formatBytes,
  formatCount,
  formatDuration,
} from '../../../../tools/terminal/quantity.js';

describe('formatBytes()', () => {
  it('picks the unit that is easiest to read', () => {
    expect(formatBytes(0)).to.equal('0 B');
    expect(formatBytes(1023)).to.equal('1023 B');
    expect(formatBytes(1536)).to.equal('1.5 KiB');
    expect(formatBytes(64 * 1024 * 1024)).to.equal('64 MiB');
    expect(formatBytes(1024 * 1024 - 1)).to.equal('1 MiB');
    expect(formatBytes(5 * 2 ** 50)).to.equal('5 PiB');
  });
});

describe('formatDuration()', () => {
  it('writes durations from parts of a millisecond to hours', () => {
    expect(formatDuration(0.42)).to.equal('0.4 ms');
    expect(formatDuration(12)).to.equal('12 ms');
    expect(formatDuration(999.7)).to.equal('1 s');
    expect(formatDuration(1500)).to.equal('1.5 s');
    expect(formatDuration(125_000)).to.equal('2 min 5 s');
    expect(formatDuration(12_000_000)).to.equal('3 h 20 min');
  });
});

describe('formatCount()', () => {
  it('writes a comma at each thousand', () => {
    expect(formatCount(7)).to.equal('7');
    expect(formatCount(1234567)).to.equal('1,234,567');
    expect(countOf(1, 'key')).to.equal('1 key');
    expect(countOf(1000, 'key')).to.equal('1,000 keys');
    expect(countOf(2, 'loss')).to.equal('2 losses');
  });
});
