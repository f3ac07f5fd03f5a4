// --scrub-rate in a real process: it reports a flipped bit in a sealed segment before a client reads it.

import { join } from 'node:path';

import { expect } from 'chai';

import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { DataDirectory } from '../../support/data-directory.js';
import { recordStore } from '../../support/damaged-store.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { removeFolder } from '../../support/remove-folder.js';

async function scrubbed(client: WireClient): Promise<Map<string, string>> {
  const lines = (await client.list('stats\r\n')).split('\r\n');
  const pairs = lines.map((line) => line.split(' ').slice(1) as [string, string]);
  return new Map(pairs.filter(([name]) => name?.startsWith('kv_')));
}

describe('kv-server --scrub-rate @long', () => {
  const root = temporaryFolder();
  after(() => removeFolder(root));

  it('finds a flipped bit, and reports it in stats and in the log', async () => {
    const data = new DataDirectory(join(root, 'data'));
    await recordStore(data.path, new SeededRandom(3), 300);
    const [segment = ''] = data.names('.seg');
    const [batch = 0] = data.batchesOf(segment);
    data.flip(segment, batch + 60);
    const server = await ServerProcess.start(cairnLaunch(data.path, ['--scrub-rate', '10m']));
    const client = await WireClient.connect(server.port);
    try {
      let stats = await scrubbed(client);
      while (stats.get('kv_scrub_passes') === '0') stats = await scrubbed(client);
      expect(stats.get('kv_scrub_damaged')).to.equal('1');
      expect(stats.get('kv_scrub_last_damage')).to.equal(`${segment}@${batch}`);
      expect(stats.get('kv_damaged_reads')).to.equal('0');
      expect(server.output).to.match(new RegExp(`scrubber found damage.*${segment}`));
    } finally {
      client.close();
      await server.stop();
    }
  });
}).timeout(60_000);
