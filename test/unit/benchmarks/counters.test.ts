import { expect } from 'chai';
import { countCalls } from '../../../benchmarks/calls/calls.js';
import { deviceBytes } from '../../../benchmarks/cases/disk-bytes.js';

describe('the counters of benchmarks', () => {
  it('countCalls() counts the functions below the root that at least every other request enters', () => {
    const counts = [
      { file: 'file:///a/dist/src/x.js', name: 'once@1', calls: 1000 },
      { file: 'file:///a/dist/src/x.js', name: 'thrice@9', calls: 3000 },
      { file: 'file:///a/dist/src/y.js', name: 'every other@5', calls: 500 },
      { file: 'file:///a/dist/src/z.js', name: 'a timer’s@5', calls: 499 },
      { file: 'node:net', name: 'write@1', calls: 1000 },
    ];
    const counted = countCalls(counts, 1000, 'file:///a/dist/src/');
    const entered = [
      { file: 'x.js', name: 'thrice@9', callsPerRequest: 3 },
      { file: 'x.js', name: 'once@1', callsPerRequest: 1 },
      { file: 'y.js', name: 'every other@5', callsPerRequest: 0.5 },
    ];
    // This is 4.5 calls, rounded.
    expect(counted).to.deep.equal({ files: 2, functions: 3, calls: 5, entered });
  });

  it('deviceBytes() finds a device by its number, and nothing when it is missing', () => {
    const diskstats = [
      '   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0',
      ' 254       0 vda 106306 32392 3587258 45051 80600 100561 10274944 37008 0 37728 91468',
      ' 259     300 nvme0n1p300 1 2 3 4 5 6 8 9 0 0 0',
    ].join('\n');
    expect(deviceBytes(diskstats, 254 << 8)).to.equal(10_274_944 * 512);
    // A minor number above 255 is split: 300 is 0x12c.
    expect(deviceBytes(diskstats, (259 << 8) | 0x2c | (0x100 << 12))).to.equal(8 * 512);
    expect(deviceBytes(diskstats, 0x2a)).to.equal(undefined);
  });
});
