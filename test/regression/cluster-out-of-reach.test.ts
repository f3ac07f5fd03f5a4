// A listing while no node of the cluster answered was an error that no code caught, and it ended the server. The listing is
// refused now; the server goes on, and /readyz says why it is not ready.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { expect } from 'chai';
import type { Context } from 'mocha';

import { ServerProcess } from '../../tools/torture/server-process.js';
import { exchange } from '../differential/exchange.js';
import { startEtcd } from '../support/cluster/etcd-nodes.js';
import { LOOPBACK, type Cluster } from '../support/cluster/node.js';
import { startRedisCluster } from '../support/cluster/redis-nodes.js';
import { freePort } from '../support/free-port.js';
import { requireProgram } from '../support/programs.js';
import { clusterLaunch, temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const LISTINGS = [
  'lru_crawler metadump all',
  'lru_crawler mgdump all',
  'keys *',
  'stats cachedump 1 0',
];
const LOOK_MS = 200;

const STARTS: Readonly<Record<string, (context: Context, dir: string) => Promise<Cluster>>> = {
  etcd: (context, dir) => {
    const program = requireProgram(context, 'etcd', 'etcd-server');
    return startEtcd({ program, dir, places: [LOOPBACK] });
  },
  Redis: (context, dir) => {
    const program = requireProgram(context, 'redis-server', 'redis-server');
    return startRedisCluster({ program, dir, masters: 1, replicas: 0 });
  },
};

describe('a cluster out of reach @long', () => {
  for (const [name, start] of Object.entries(STARTS)) {
    it(`over ${name}: listings are refused, and the server goes on and is not ready`, async function () {
      const dir = temporaryFolder();
      mkdirSync(join(dir, 'nodes'));
      let cluster: Cluster | undefined;
      let server: ServerProcess | undefined;
      try {
        cluster = await start(this, join(dir, 'nodes'));
        const http = `127.0.0.1:${await freePort()}`;
        server = await ServerProcess.start(clusterLaunch(cluster.storeUrl, ['--http', http]));
        const ready = async (): Promise<string> => (await fetch(`http://${http}/readyz`)).text();
        while ((await ready()) !== 'ok\n') await setTimeout(LOOK_MS);
        await cluster.end();
        for (const listing of LISTINGS) {
          const reply = (await exchange(server.port, Buffer.from(`${listing}\r\n`))).toString();
          expect(reply, listing).to.match(/^SERVER_ERROR storage is not available\r\n$/);
        }
        while ((await ready()) === 'ok\n') await setTimeout(LOOK_MS);
        expect(await ready()).to.match(/^\[-\] cluster: .* cannot be reached\nnot ready\n$/);
      } finally {
        await server?.kill();
        await cluster?.end();
        removeFolder(dir);
      }
    });
  }
});
