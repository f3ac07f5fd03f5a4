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
 * Names what happens to one request. `lost`: it never arrives. `held`: it arrives only when `release` or `late` comes.
 * `unanswered`: it is done and its answer is lost. `release`: as `unanswered`, and then the held requests arrive. `late`: the held
 * requests arrive before it. `swept`: it is done, and then another server removes the slot. `forgotten`: as `swept`, and its answer
 * is lost. `replaced`: as `forgotten`, and then the held requests arrive. `compacted`: its answer is lost, and then etcd forgets what
 * was before it.
 */
type Way =
  | 'lost'
  | 'held'
  | 'unanswered'
  | 'release'
  | 'late'
  | 'swept'
  | 'forgotten'
  | 'replaced'
  | 'compacted'
  | 'through';

const ANSWERED: readonly Way[] = ['through', 'late', 'swept'];
const NEVER_DONE: readonly Way[] = ['lost', 'held'];
const SWEPT: readonly Way[] = ['swept', 'forgotten', 'replaced'];

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

  /** Removes all slots, as the upkeep of another server does when they are old. */
  async function sweep(): Promise<void> {
    const { kvs } = await client.range(places.slots, LIMIT_MS);
    const success = kvs.map(({ key }) => ({ request_delete_range: { key } }));
    await client.txn({ compare: [], success, failure: [] }, LIMIT_MS);
  }

  /**
   * Deletes a key that exists, over a network that treats each request in turn this way, and returns what the job heard. The
   * first request makes the slot of the lane.
   */
  async function removal(...ways: Way[]): Promise<string> {
    const key = places.item(Buffer.from('k'), 0, 1);
    const put = { request_put: { key, value: Buffer.from('x') } };
    await client.txn({ compare: [], success: [put], failure: [] }, LIMIT_MS);
    const held: (() => Promise<unknown>)[] = [];
    const arrive = async (): Promise<void> => {
      for (const request of held.splice(0)) await request();
    };
    const txn: EtcdCalls['txn'] = async (request, limitMs) => {
      const way = ways.shift() ?? 'through';
      if (way === 'held') held.push(() => client.txn(request, limitMs));
      if (way === 'late') await arrive();
      const lost = new EtcdFailure('unknown', `the test: ${way}`);
      if (NEVER_DONE.includes(way)) throw lost;
      const answer = await client.txn(request, limitMs);
      if (SWEPT.includes(way)) await sweep();
      if (way === 'release' || way === 'replaced') await arrive();
      if (way === 'compacted') await client.compact(answer.header!.revision, limitMs);
      if (ANSWERED.includes(way)) return answer;
      throw lost;
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
    return lanes.send([job], 0).then(() => heard);
  }

  for (const [what, ways] of [
    ['the answer of the batch is lost', ['through', 'unanswered']],
    ['the batch is lost', ['through', 'lost']],
    ['the batch arrives after its fence', ['through', 'held', 'release']],
    ['the fence is lost', ['through', 'lost', 'lost']],
    ['the answer of the fence is lost', ['through', 'lost', 'unanswered']],
    ['the fence arrives after the next batch', ['through', 'lost', 'held', 'through', 'release']],
    [
      'the batch and a fence arrive after the next batch',
      ['through', 'held', 'held', 'through', 'release'],
    ],
    ['a fence arrives after the next fence', ['through', 'lost', 'held', 'release', 'unanswered']],
    ['the slot is lost', ['lost']],
    ['the answer of the slot is lost', ['unanswered', 'through', 'unanswered']],
    ['a slot arrives after the batch', ['held', 'through', 'release']],
    ['the slot is gone', ['swept', 'through', 'through', 'unanswered']],
    [
      'the batch arrives when its slot is gone',
      ['through', 'held', 'swept', 'through', 'through', 'late'],
    ],
  ] as const) {
    it(`send() does the batch once when ${what}`, async () => {
      expect(await removal(...ways)).to.equal('removed 1');
    });
  }

  for (const [what, ways] of [
    ['the slot of a batch whose answer was lost is gone', ['through', 'forgotten']],
    ['a slot has replaced that of a batch whose answer was lost', ['held', 'through', 'replaced']],
    ['the state before the batch is forgotten', ['through', 'compacted']],
  ] as const) {
    it(`send() says unknown when ${what}`, async () => {
      expect(await removal(...ways)).to.equal('unknown');
    });
  }
});
