import { expect } from 'chai';

import { segmentName } from '../../../src/log/bytes/file-names.js';
import { ManifestWriter } from '../../../src/log/manifest-writer.js';
import { readManifest } from '../../../src/log/segments/manifest-file.js';
import { SegmentTable } from '../../../src/log/segments/segment.js';
import { SimWorld } from '../../sim/sim-world.js';

const DIR = '/data';

describe('ManifestWriter', () => {
  it('discard() waits for a write that is under way, so that no manifest names a removed file', async () => {
    const world = new SimWorld(1);
    world.disk.makeDir(DIR);
    const { fs } = world.boot();
    const steps = async (): Promise<void> => {
      const table = new SegmentTable();
      const writer = new ManifestWriter(fs, DIR, '00'.repeat(16), table);
      const open = async (last: number) =>
        table.add(
          { first: last, last, generation: 0, salt: last },
          await fs.open(`${DIR}/${segmentName(last, 0)}`, 'create'),
        );
      await open(1);
      const second = await open(2);
      const writing = writer.write();
      await fs.list(DIR);
      table.drop(second);
      await Promise.all([writing, writer.discard(second)]);
      const manifest = await readManifest(fs, DIR);
      expect(manifest?.segments.map(({ last }) => last)).to.deep.equal([1]);
      expect(await fs.list(DIR)).not.to.include(segmentName(2, 0));
    };
    const settled = await world.scheduler.settle(steps());
    if (settled.kind !== 'value') throw new Error(JSON.stringify(settled));
  });
});
