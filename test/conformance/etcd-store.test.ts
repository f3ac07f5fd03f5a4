// The conformance suite over a real etcd: one node of Debian's etcd for all cases, and a prefix of its own for each case.

import type { Env } from '../../src/env/env.js';
import { openEtcdStore } from '../../src/cluster/etcd/open-store.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { startEtcd, type EtcdCluster } from '../support/etcd-cluster.js';
import { requireProgram } from '../support/programs.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { storeConformance } from './store-conformance.js';
import type { StoreFixture } from './subject.js';

describe('etcd store @long', () => {
  let cluster: EtcdCluster | undefined;
  let stores = 0;

  before(async function () {
    cluster = await startEtcd(requireProgram(this, 'etcd', 'etcd-server'), 1);
  });
  after(() => cluster?.stop());

  storeConformance(
    'etcd',
    async (): Promise<StoreFixture> => {
      let passedMs = 0;
      const real = nodeEnv(new QuietLogger());
      const clock = { ...real.clock, wallMs: () => real.clock.wallMs() + passedMs };
      const env: Env = { ...real, clock };
      const store = await openEtcdStore(env, {
        hosts: cluster?.hosts ?? [],
        prefix: `test${(stores += 1)}/`,
      });
      return {
        store,
        offers: {
          uses: false,
          largeValues: false,
          delayedFlush: false,
          answersEarly: false,
          files: false,
          exactCount: false,
        },
        wait: async (promise) => promise,
        advance: (delayMs) => {
          passedMs += delayMs;
          return Promise.resolve();
        },
        close: () => store.close(),
      };
    },
    false,
  );
});
