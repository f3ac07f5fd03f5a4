// A server that had no descriptor left for the next file of its log told clients that the disk was full.

import { expect } from 'chai';

import { cairnLaunch, ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { requireProgram, run } from '../support/programs.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const REFUSED = 'SERVER_ERROR out of file descriptors, not stored';
const VALUE = 'v'.repeat(500_000);
const LARGE = 'w'.repeat(1_500_000);

describe('A server that is out of descriptors @long', function () {
  this.timeout(60_000);

  it('answers with that reason, stores no refused write, and takes writes again by itself', async function () {
    const prlimit = requireProgram(this, 'prlimit', 'util-linux');
    const dir = temporaryFolder();
    const server = await ServerProcess.start(
      cairnLaunch(dir, ['--segment-size', '4m', '-I', '4m']),
    );
    try {
      const limit = async (count: number): Promise<void> => {
        const done = await run(prlimit, ['--pid', String(server.pid), `--nofile=${count}:`]);
        expect(done.code, done.stderr).to.equal(0);
      };
      const client = await WireClient.connect(server.port);
      const set = (key: string, value = VALUE): Promise<string> =>
        client.line(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
      expect(await set('first')).to.equal('STORED');
      // Every descriptor number up to here is taken, including the ones that are held back for the log.
      await limit(10);
      expect(await set('large', LARGE)).to.equal(REFUSED);
      let stored = 0;
      let reply = await set('k0');
      for (; reply === 'STORED'; reply = await set(`k${stored}`)) stored += 1;
      expect(reply).to.equal(REFUSED);
      expect(stored).to.be.within(4, 40);
      await limit(1024);
      while ((await set('again')) !== 'STORED');
      expect(await set('large2', LARGE)).to.equal('STORED');
      client.close();
      await server.kill();
      await server.restart();
      const after = await WireClient.connect(server.port);
      expect(await after.list(`get k${stored} large\r\n`)).to.equal('END');
      expect(await after.list(`get k${stored - 1} again\r\n`)).to.match(
        /^VALUE k\d+ .*^VALUE again /ms,
      );
      after.close();
    } finally {
      await server.kill();
      removeFolder(dir);
    }
  });
});
