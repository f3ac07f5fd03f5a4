// A server whose log had failed and that was therefore stopping took a first SIGTERM for the second signal of a stop. It
// ended with the code of a bug (70), and its supervisor never learned that the log had failed (79).

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { cairnLaunch, ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { removeFolder } from '../support/remove-folder.js';
import { temporaryFolder } from '../support/servers.js';

describe('A server that ends because its log failed @long', function () {
  this.timeout(30_000);

  it('ends with 79, also when a signal comes meanwhile', async () => {
    const folder = temporaryFolder();
    const dir = join(folder, 'data');
    const server = await ServerProcess.start(cairnLaunch(dir));
    try {
      const client = await WireClient.connect(server.port);
      const value = 'v'.repeat(500_000);
      await client.line(`set big 0 0 ${value.length}\r\n${value}\r\n`);
      // A client that does not read delays the end.
      client.pause();
      const asked = client.list('get big\r\n'.repeat(200)).catch(() => undefined);
      removeFolder(dir);
      while (!server.output.includes('cannot be trusted any more')) await setTimeout(20);
      expect(await server.stop('SIGTERM')).to.deep.equal({ code: EXIT.poisoned, signal: null });
      client.close();
      await asked;
    } finally {
      await server.kill();
      removeFolder(folder);
    }
  });
});
