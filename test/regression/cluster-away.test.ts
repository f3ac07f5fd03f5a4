// A server over etcd whose nodes were all down at its start once ended within a second with Node's code 13 and without a
// word: no socket was open, and the timers of its waits keep no process alive.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

import { EXIT } from '../../src/exit-codes.js';
import { clusterLaunch } from '../support/servers.js';

/** Nobody listens there any more. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('A start over a cluster that is away', () => {
  it('says which nodes did not answer and ends with the code of KV_IO @long', async () => {
    const store = `etcd://127.0.0.1:${await closedPort()}`;
    const { command, args } = clusterLaunch(store);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(said).to.contain('No majority of etcd answers at 127.0.0.1:');
    expect(code).to.equal(EXIT.io);
  });
});
