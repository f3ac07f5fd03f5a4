// A server over etcd whose nodes were all down at its start once ended within a second, with Node's code 13 and without a
// message: no socket was open, and the timers of its waits keep no process alive. A stop while they were down ended in the
// same way, before it was complete: the pid file stayed.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

import { EXIT } from '../../src/exit-codes.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { startEtcd } from '../support/etcd-cluster.js';
import { freePort } from '../support/free-port.js';
import { requireProgram } from '../support/programs.js';
import { clusterLaunch } from '../support/servers.js';

describe('A start over a cluster that is away', () => {
  it('says which nodes did not answer and ends with the code of KV_IO @long', async () => {
    const store = `etcd://127.0.0.1:${await freePort()}`;
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

describe('A stop while the cluster is away', () => {
  it('ends in order, with a write under way whose client has gone @long', async function () {
    const cluster = await startEtcd(requireProgram(this, 'etcd', 'etcd-server'), 1);
    try {
      const server = await ServerProcess.start(clusterLaunch(`etcd://${cluster.hosts.join(',')}`));
      await cluster.stop();
      const client = connect(server.port, '127.0.0.1');
      client.write('set k 0 0 1 noreply\r\nx\r\nversion\r\nget k\r\n');
      const witness = connect(server.port, '127.0.0.1');
      witness.write('version\r\n');
      await once(witness, 'data');
      for (const socket of [client, witness]) socket.destroy();
      process.kill(server.pid, 'SIGTERM');
      expect((await server.exited).code).to.equal(EXIT.ok);
      expect(server.output).to.contain('stopped');
    } finally {
      await cluster.stop();
    }
  });
});
