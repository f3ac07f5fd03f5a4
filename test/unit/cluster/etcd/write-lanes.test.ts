// WriteLanes over a real etcd: the fate of a batch whose answer was lost, when requests that were given up arrive late.

import { expect } from 'chai';

import { EtcdClient, type EtcdCalls } from '../../../../src/cluster/etcd/client.js';
import { EtcdFailure } from '../../../../src/cluster/etcd/failure.js';
import { Places } from '../../../../src/cluster/etcd/places.js';
import { WriteLanes, type WriteJob } from '../../../../src/cluster/etcd/write-lanes.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { startEtcd, type EtcdCluster } from '../../../support/etcd-cluster.js';
import { requireProgram } from '../../../support/programs.js';
import { QuietLogger } from '../../../support/quiet-logger.js';

const env = nodeEnv(new QuietLogger());
const LIMIT_MS = 2000;

/**
 * Names what the network does to one request. `lost`: it never arrives. `held`: it arrives only when `release` comes. `unanswered`:
 * it is done and its answer is lost. `release`: as `unanswered`, and then the held requests arrive.
 */
type Way = 'lost' | 'held' | 'unanswered' | 'release' | 'through';

describe('WriteLanes over a real etcd @long', () => {
  let cluster: EtcdCluster | undefined;
  let client: EtcdClient;
  const places = new Places('lanes/');

  before(async function () {
    cluster = await startEtcd(requireProgram(this, 'etcd', 'etcd-server'), 1);
    client = await EtcdClient.load(env, { hosts: cluster.hosts, prefix: 'lanes/' });
  });
  after(async () => {
    client?.close();
    await cluster?.stop();
  });

  /** Deletes a key that exists, over a network that treats each request in turn this way, and returns what the job heard. */
  async function removal(...ways: Way[]): Promise<string> {
    const key = places.item(Buffer.from('k'), 0, 1);
    const put = { request_put: { key, value: Buffer.from('x') } };
    await client.txn({ compare: [], success: [put], failure: [] }, LIMIT_MS);
    const held: (() => Promise<unknown>)[] = [];
    const txn: EtcdCalls['txn'] = async (request, limitMs) => {
      const way = ways.shift() ?? 'through';
      if (way === 'through') return client.txn(request, limitMs);
      if (way === 'held') held.push(() => client.txn(request, limitMs));
      if (way === 'unanswered' || way === 'release') await client.txn(request, limitMs);
      if (way === 'release') for (const arrive of held) await arrive();
      throw new EtcdFailure('unknown', `the test: ${way}`);
    };
    const calls = { txn, pause: (delayMs) => client.pause(delayMs) } as EtcdCalls;
    const lanes = new WriteLanes(calls, env.clock, places, ways.join('-'), 1);
    let heard = 'nothing';
    const job: WriteJob = {
      key,
      bytes: 100,
      deadlineMs: env.clock.monotonicMs() + LIMIT_MS,
      isRemoval: true,
      operation: () => ({ request_delete_range: { key, prev_kv: true } }),
      answered: ({ response_delete_range }) => {
        heard = `removed ${response_delete_range?.prev_kvs.length ?? 0}`;
      },
      replayed: ({ item }) => (heard = `removed ${item === undefined ? 0 : 1}`),
      failed: (failure) => (heard = failure),
      expire: () => undefined,
    };
    await lanes.send([job], 0);
    return heard;
  }

  for (const [what, ways] of [
    ['the answer of the batch is lost', ['unanswered']],
    ['the batch is lost', ['lost']],
    ['the batch arrives after its fence', ['held', 'release']],
    ['the fence is lost', ['lost', 'lost']],
    ['the answer of the fence is lost', ['lost', 'unanswered']],
    ['the fence arrives after the next batch', ['lost', 'held', 'through', 'release']],
    ['the batch and a fence arrive after the next batch', ['held', 'held', 'through', 'release']],
    ['a fence arrives after the next fence', ['lost', 'held', 'release', 'unanswered']],
  ] as const) {
    it(`send() does the batch once when ${what}`, async () => {
      expect(await removal(...ways)).to.equal('removed 1');
    });
  }
});
