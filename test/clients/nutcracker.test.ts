// nutcracker (twemproxy) in front of three servers: ketama sharding, and get, set, delete and multi-get through one address.

import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { freePort } from '../support/free-port.js';
import { requireProgram } from '../support/programs.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { removeFolder } from '../support/remove-folder.js';

/** Connects until nutcracker answers, because nutcracker prints nothing when it listens. */
async function connectPatiently(port: number): Promise<WireClient> {
  for (;;) {
    try {
      return await WireClient.connect(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      await setTimeout(20);
    }
  }
}

describe('nutcracker in front of three servers @long', () => {
  let dir: string;
  const servers: ServerProcess[] = [];
  let proxy: ChildProcess | undefined;
  let client: WireClient;

  before(async function () {
    const nutcracker = requireProgram(this, 'nutcracker', 'nutcracker');
    dir = temporaryFolder();
    for (const name of ['a', 'b', 'c']) {
      servers.push(await ServerProcess.start(cairnLaunch(join(dir, name))));
    }
    const port = await freePort();
    const lines = servers.map((server, i) => `    - ${server.address}:1 server${i}`);
    const settings = ['hash: md5', 'distribution: ketama', 'timeout: 5000'];
    const config = join(dir, 'nutcracker.yml');
    writeFileSync(
      config,
      `pool:\n  listen: 127.0.0.1:${port}\n${settings.map((each) => `  ${each}\n`).join('')}` +
        `  servers:\n${lines.join('\n')}\n`,
    );
    const statsPort = String(await freePort());
    const args = ['-c', config, '-s', statsPort, '-a', '127.0.0.1', '-o', join(dir, 'log')];
    proxy = spawn(nutcracker, args, { stdio: 'ignore' });
    client = await connectPatiently(port);
  });
  after(async () => {
    client?.close();
    proxy?.kill('SIGKILL');
    for (const server of servers) await server.kill();
    if (dir !== undefined) removeFolder(dir);
  });

  it('set, get, delete and multi-get find each key on its server, and all three take part', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `sharded-${i}`);
    const sets = keys.map((key) => client.line(`set ${key} 0 0 ${key.length}\r\n${key}\r\n`));
    expect(new Set(await Promise.all(sets))).to.deep.equal(new Set(['STORED']));
    const found = await client.list(`get ${keys.join(' ')}\r\n`);
    expect(found.match(/^VALUE sharded-\d+ 0 \d+\r$/gm)).to.have.length(60);
    expect(await client.list('get sharded-7\r\n')).to.equal(
      'VALUE sharded-7 0 9\r\nsharded-7\r\nEND',
    );
    expect(await client.line('delete sharded-7\r\n')).to.equal('DELETED');
    expect(await client.list('get sharded-7\r\n')).to.equal('END');
    const counts = servers.map(async (server) => {
      const direct = await WireClient.connect(server.port);
      const count = /^STAT curr_items (\d+)/m.exec(await direct.list('stats\r\n'))?.[1];
      direct.close();
      return Number(count);
    });
    const items = await Promise.all(counts);
    expect(items.reduce((sum, each) => sum + each, 0)).to.equal(59);
    expect(Math.min(...items), 'the emptiest of three').to.be.above(0);
  });
});
