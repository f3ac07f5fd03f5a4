// Faults of a Redis cluster under load: acknowledged writes are there afterwards, answers come in time, and writes go on by
// themselves (docs/decisions/0110-link-broken-or-slot-moved.md).

import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';

import { slotOf } from '../../src/cluster/redis/slots.js';
import { requireProgram } from '../support/programs.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisSubject } from '../support/redis-subject.js';

/** No client waits longer than this for an answer; a machine with other work gets twice that. */
const ANSWER_MS_MAX = 5000;
const CALLERS = 20;

/** Writers of unique keys, which note the outcome of each write. */
class Load {
  readonly acknowledged: string[] = [];
  readonly counts = new Map<string, number>();
  slowestMs = 0;
  /** Writes of these slots must not be acknowledged when they begin while this is set; acknowledged ones are noted. */
  forbidden: ((slot: number) => boolean) | undefined;
  readonly broken: string[] = [];
  /** The number of writes that were sent although forbidden, and that the client knows to be refused. */
  refused = 0;
  #isOver = false;
  readonly #done: Promise<unknown>;
  #whenStored: { readonly slot: (slot: number) => boolean; readonly call: () => void } | undefined;

  constructor(s: RedisSubject) {
    this.#done = Promise.all(Array.from({ length: CALLERS }, (_, at) => this.#call(s, at)));
  }

  /** Resolves at the next acknowledged write to such a slot that begins from now on. */
  nextStored(slot: (slot: number) => boolean): Promise<void> {
    return new Promise((call) => {
      this.#whenStored = { slot, call };
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #call(s: RedisSubject, caller: number): Promise<void> {
    for (let at = 0; !this.#isOver; at += 1) {
      const key = `key:${caller}:${at}`;
      const waiting = this.#whenStored;
      const isForbidden = this.forbidden?.(slotOf(Buffer.from(`k:${key}`))) === true;
      const startMs = performance.now();
      const { status } = await s.set(key, key);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      this.counts.set(status, (this.counts.get(status) ?? 0) + 1);
      if (isForbidden && status === 'stored') this.broken.push(key);
      if (isForbidden && status !== 'stored') this.refused += 1;
      if (status === 'stored') this.acknowledged.push(key);
      // A refusal comes at once, so this writer leaves the processor to others for a while.
      else await delay(10);
      const isMeant = waiting?.slot(slotOf(Buffer.from(`k:${key}`))) === true;
      if (status === 'stored' && isMeant) waiting?.call();
    }
  }
}

/** Checks that every acknowledged write is there. */
async function verify(subject: RedisSubject, load: Load): Promise<void> {
  await load.end();
  console.log(
    `      ${JSON.stringify([...load.counts])}, slowest ${Math.round(load.slowestMs)} ms`,
  );
  expect(load.slowestMs).to.be.below(2 * ANSWER_MS_MAX);
  expect(load.acknowledged.length).to.be.greaterThan(0);
  for (let at = 0; at < load.acknowledged.length; at += 500) {
    const keys = load.acknowledged.slice(at, at + 500);
    const values = await Promise.all(keys.map((key) => subject.value(key)));
    expect(values).to.deep.equal(keys);
  }
}

/** The slots of the first and of the last of three masters. */
const first = (slot: number): boolean => slot <= 5460;
const last = (slot: number): boolean => slot > 10_922;

describe('A Redis cluster with faults @long', function () {
  this.timeout(120_000);
  let cluster: RedisCluster | undefined;
  let s: RedisSubject | undefined;

  afterEach(async () => {
    await s?.fixture.close();
    await cluster?.close();
    s = undefined;
    cluster = undefined;
  });

  const start = async (
    context: Mocha.Context,
    replicas: number,
  ): Promise<[RedisCluster, RedisSubject, Load]> => {
    const program = requireProgram(context, 'redis-server', 'redis-server');
    cluster = await RedisCluster.start({ program, replicas });
    s = await RedisSubject.open(cluster);
    const load = new Load(s);
    await load.nextStored(() => true);
    return [cluster, s, load];
  };

  it('a master is killed: its shard goes on with a replica, and the others never stop', async function () {
    const [nodes, subject, load] = await start(this, 2);
    await nodes.masters[0]!.kill();
    await load.nextStored(last);
    await load.nextStored(first);
    await verify(subject, load);
  });

  it('a master hangs: its shard goes on with a replica', async function () {
    const [nodes, subject, load] = await start(this, 2);
    nodes.masters[0]!.pause();
    await delay(4500);
    await load.nextStored(first);
    nodes.masters[0]!.resume();
    await load.nextStored(first);
    await verify(subject, load);
  });

  it('the only replica is gone: no write of its shard is acknowledged until the replica is back', async function () {
    const [nodes, subject, load] = await start(this, 1);
    await nodes.replicas[0]!.kill();
    load.forbidden = first;
    const before = await subject.set('{a}x', '1');
    expect(before.status).to.equal('stored');
    const key = Array.from({ length: 100 }, (_, at) => `probe${at}`).find((name) =>
      first(slotOf(Buffer.from(`k:${name}`))),
    )!;
    expect((await subject.set(key, 'x')).status).to.be.oneOf(['unknown', 'closed']);
    expect((await subject.lookup(key)).kind).to.equal('refused');
    // Writes that began while the first batch was waiting for the replica go with the second batch.
    await delay(ANSWER_MS_MAX);
    expect(load.broken).to.deep.equal([]);
    expect(load.refused).to.be.greaterThan(0);
    load.forbidden = undefined;
    await nodes.replicas[0]!.start();
    await load.nextStored(first);
    await verify(subject, load);
  });

  it('slots move under load: no write is refused, and order is kept', async function () {
    const [nodes, subject, load] = await start(this, 1);
    const key = 'count';
    const slot = slotOf(Buffer.from(`k:${key}`));
    const from = await nodes.masterOf(slot);
    const to = nodes.masters.find((node) => node !== from)!;
    await subject.set(key, '0');
    const counter = { isOver: false };
    let sum = 0;
    const counting = (async (): Promise<void> => {
      while (!counter.isOver) {
        const calls = Array.from({ length: 10 }, () => subject.change('incr', key, 1n));
        for (const { status, number } of await Promise.all(calls)) {
          expect(status).to.equal('stored');
          sum += 1;
          expect(number).to.equal(BigInt(sum));
        }
      }
    })();
    for (const moved of [slot, slot + 1, slot - 1]) await nodes.moveSlot(moved, from, to, 5);
    for (const moved of [slot - 1, slot]) await nodes.moveSlot(moved, to, from);
    counter.isOver = true;
    await counting;
    expect([...load.counts.keys()]).to.deep.equal(['stored']);
    await verify(subject, load);
  });

  it('all nodes are killed and started again: acknowledged writes are there', async function () {
    const [nodes, subject, load] = await start(this, 1);
    await Promise.all(nodes.nodes.map((node) => node.kill()));
    await Promise.all(nodes.nodes.map((node) => node.start()));
    await load.nextStored(first);
    await load.nextStored(last);
    await nodes.settled();
    await verify(subject, load);
  });
});
