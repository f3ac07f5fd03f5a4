// Eviction once held up the loop until it had made all the room that a put needed: 68,924 items for a set of 8 MB in one
// turn, and everything that was too much after a start with smaller bounds.

import { join } from 'node:path';

import { expect } from 'chai';

import { ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const COUNT = 20_000;
const VALUE = 'v'.repeat(60);
const TRIES = 5;

async function statOf(client: WireClient, name: string): Promise<number> {
  const lines = await client.list('stats\r\n');
  return Number(new RegExp(`^STAT ${name} (\\d+)\\r?$`, 'm').exec(lines)?.[1]);
}

async function fill(client: WireClient): Promise<void> {
  const sets = Array.from({ length: COUNT }, (_, n) =>
    client.line(`set k${n} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`),
  );
  await Promise.all(sets);
}

describe('eviction @long', function () {
  this.timeout(60_000);
  let folder: string;
  let server: ServerProcess | undefined;

  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await server?.kill();
    removeFolder(folder);
  });

  it('other clients are served while a set waits for its room, and the requests behind it on its connection follow it', async () => {
    server = await ServerProcess.start(cairnLaunch(join(folder, 'd'), ['--max-bytes', '2m']));
    const client = await WireClient.connect(server.port);
    const other = await WireClient.connect(server.port);
    const bytes = 1_000_000;
    let served = 0;
    // On a busy machine this process may sleep for as long as a set waits. A set that holds up the others does so each time.
    for (let tries = 0; served < 2 && tries < TRIES; tries += 1) {
      await client.line('delete big\r\n');
      await fill(client);
      const before = await statOf(client, 'evictions');
      const seen = { isStored: false };
      const set = `set big 0 0 ${bytes}\r\n${'b'.repeat(bytes)}\r\n`;
      const stored = client.line(set).finally(() => (seen.isStored = true));
      const appended = client.line('append big 0 0 1\r\nc\r\n');
      const read = client.meta('mg big s\r\n');
      // The put's bytes may still be on their way, so only requests answered after its first evictions count.
      served = 0;
      while (!seen.isStored) {
        const evictions = await statOf(other, 'evictions');
        if (!seen.isStored && evictions > before) served += 1;
      }
      expect(await stored).to.equal('STORED');
      expect(await appended).to.equal('STORED');
      expect(await read).to.equal(`HD s${bytes + 1}`);
      expect((await statOf(client, 'evictions')) - before).to.be.above(5000);
    }
    expect(served).to.be.above(1);
    expect(await statOf(client, 'bytes')).to.be.at.most(2 * 1024 * 1024);
    client.close();
    other.close();
  });

  it('a start with smaller bounds serves at once, reaches the bounds, and evicted items stay gone', async () => {
    const dir = join(folder, 'd');
    server = await ServerProcess.start(cairnLaunch(dir));
    const first = await WireClient.connect(server.port);
    await fill(first);
    first.close();
    await server.stop();
    server = await ServerProcess.start(cairnLaunch(dir, ['--max-keys', '1000']));
    const client = await WireClient.connect(server.port);
    expect(await client.line('set new 0 0 1\r\nx\r\n')).to.equal('STORED');
    while ((await statOf(client, 'curr_items')) > 1000) {
      expect(await client.line('set new 0 0 1\r\ny\r\n')).to.equal('STORED');
    }
    // Everything is durable now: this is a barrier behind the last eviction.
    expect(await client.line('set last 0 0 1\r\nx\r\n')).to.equal('STORED');
    client.close();
    await server.kill();
    await server.restart();
    const again = await WireClient.connect(server.port);
    expect(await statOf(again, 'curr_items')).to.equal(1000);
    expect(await again.meta('mg new v\r\n')).to.equal('VA 1\r\ny');
    expect(await again.meta('mg k0\r\n')).to.equal('EN');
    again.close();
  });
});
