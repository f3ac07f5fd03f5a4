import { expect } from 'chai';
import { readdirSync } from 'node:fs';

import { doubtsOf, measureDisk, type Disk } from '../../../../tools/torture/disk.js';
import { spreadOf } from '../../../../tools/torture/percentile.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

function disk(fileSystem: string, p50: number): Disk {
  return { fileSystem, writeCache: undefined, syncs: 100, syncMs: { p50, p99: p50, max: p50 } };
}

describe('doubtsOf()', () => {
  it('reports memory as memory, however slow it is', () => {
    expect(doubtsOf(disk('tmpfs', 5))[0]).to.match(/^This is memory/);
  });

  it('does not doubt flash and spinning disks', () => {
    expect(doubtsOf(disk('ext4', 0.4))).to.deep.equal([]);
    expect(doubtsOf(disk('xfs', 12))).to.deep.equal([]);
  });

  it('doubts a disk that is faster than flash, or faster than any device', () => {
    expect(doubtsOf(disk('ext4', 0.03))[0]).to.include('30 µs: faster than flash');
    expect(doubtsOf(disk('ext4', 0.003))[0]).to.include('no disk answers so fast');
  });
});

describe('measureDisk()', () => {
  it('times synced writes, in one file of its own', async () => {
    const dir = temporaryFolder();
    try {
      const { syncs, syncMs, fileSystem } = await measureDisk(dir);
      expect(syncs).to.be.above(0);
      expect(syncMs.p50).to.be.above(0).and.at.most(syncMs.p99);
      expect(syncMs.p99).to.be.at.most(syncMs.max);
      expect(fileSystem).to.not.equal('');
      expect(readdirSync(dir)).to.deep.equal(['sync-latency']);
    } finally {
      removeFolder(dir);
    }
  });
});

describe('spreadOf()', () => {
  it('gives median, 99th percentile and largest of samples in any order', () => {
    const samples = Array.from({ length: 200 }, (_, at) => 200 - at);
    expect(spreadOf(samples)).to.deep.equal({ p50: 101, p99: 199, max: 200 });
    expect(spreadOf([])).to.deep.equal({ p50: 0, p99: 0, max: 0 });
  });
});
