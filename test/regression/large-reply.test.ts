// Replies of large values. When the file of one had vanished after its bytes were announced, the server could only close
// the connection. And replies behind a large value that were composed already counted against the limit of unread bytes:
// when they exceeded it, the value waited for itself, for ever.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { removeFolder } from '../support/remove-folder.js';

describe('A large value without its file @long', () => {
  it('is answered by an error, and the connection goes on', async () => {
    const dir = temporaryFolder();
    const server = await ServerProcess.start(cairnLaunch(dir, ['-I', '8m']));
    try {
      const client = await WireClient.connect(server.port);
      const value = 'x'.repeat(2 * 2 ** 20);
      await client.line(`set big 0 0 ${value.length}\r\n${value}\r\n`);
      expect(await client.meta('mg big s\r\n')).to.equal(`HD s${value.length}`);
      const files = readdirSync(dir).filter((name) => name.endsWith('.val'));
      expect(files).to.have.length(1);
      rmSync(join(dir, files[0]!));
      const damaged = 'SERVER_ERROR stored value is damaged';
      expect(await client.list('get big\r\n')).to.equal(damaged);
      expect(await client.meta('mg big v\r\n')).to.equal(damaged);
      expect(await client.list('get nothing\r\n')).to.equal('END');
      client.close();
    } finally {
      await server.kill();
      removeFolder(dir);
    }
  });
});

describe('A large value with many replies behind it @long', () => {
  it('is answered, and so are the requests behind it', async () => {
    const dir = temporaryFolder();
    const server = await ServerProcess.start(cairnLaunch(dir, ['-I', '8m']));
    try {
      const client = await WireClient.connect(server.port);
      const values = { big: 'b'.repeat(3 * 2 ** 20), small: 's'.repeat(600_000) };
      for (const [key, value] of Object.entries(values)) {
        const request = `set ${key} 0 0 ${value.length}\r\n${value}\r\n`;
        expect(await client.line(request)).to.equal('STORED');
      }
      const keys = ['big', 'small', 'small', 'big', 'small'] as const;
      const replies = await Promise.all(keys.map((key) => client.meta(`mg ${key} v\r\n`)));
      for (const [at, key] of keys.entries()) {
        expect(replies[at] === `VA ${values[key].length}\r\n${values[key]}`).to.equal(true, key);
      }
      client.close();
    } finally {
      await server.kill();
      removeFolder(dir);
    }
  });
});
