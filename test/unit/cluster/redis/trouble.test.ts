// RedisStore during failures: answers get lost, and a node stands still.

import { once } from 'node:events';
import net from 'node:net';

import { expect } from 'chai';

import { nodeClock } from '../../../../src/env/node-env.js';
import { slotOf } from '../../../../src/cluster/redis/slots.js';
import { failure } from '../../../support/failure.js';
import { LossyPort } from '../../../support/lossy-port.js';
import { requireProgram } from '../../../support/programs.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { RedisSubject } from '../../../support/redis-subject.js';

describe('RedisStore, an answer that gets lost @long', () => {
  let port: LossyPort;
  let cluster: RedisCluster;
  let s: RedisSubject;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    port = await LossyPort.open();
    cluster = await RedisCluster.start({ program, masters: 1 });
    const node = cluster.nodes[0]!;
    await node.command('CONFIG', 'SET', 'cluster-announce-port', String(port.port));
    port.leadTo(node.port);
    s = await RedisSubject.open(cluster, {
      hosts: [`127.0.0.1:${port.port}`],
      replicas: 0,
      reads: 'fast',
    });
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
    await port?.close();
  });

  /** Loses the next request that names the key, or its answer. */
  function lose(what: 'request' | 'answer', key: string): void {
    port.loses = what;
    port.mark = `k:${key}`;
    port.lost = 0;
  }

  it('a set, an add, an append and an incr that were applied report it, with their tokens', async () => {
    lose('answer', 'set');
    const set = await s.set('set', 'value');
    expect(set).to.include({ status: 'stored', valueBytes: 5 });
    expect((await s.get('set'))?.cas).to.equal(set.cas);
    lose('answer', 'set');
    const appended = await s.put('append', 'set', '+more');
    expect(appended).to.include({ status: 'stored', valueBytes: 10 });
    expect(await s.value('set')).to.equal('value+more');
    lose('answer', 'add');
    expect((await s.put('add', 'add', 'x')).status).to.equal('stored');
    await s.set('n', '7');
    lose('answer', 'n');
    expect(await s.change('incr', 'n', 3n)).to.include({ status: 'stored', number: 10n });
    expect(await s.value('n')).to.equal('10');
    expect(port.lost).to.equal(1);
  });

  it('a request that never arrived stays unknown, and is not sent again', async () => {
    await s.set('k', 'old');
    lose('request', 'k');
    expect((await s.set('k', 'new')).status).to.equal('unknown');
    expect(await s.value('k')).to.equal('old');
    lose('request', 'none');
    expect((await s.put('add', 'none', 'new')).status).to.equal('unknown');
    expect(await s.value('none')).to.equal(undefined);
  });

  it('an append is not taken for done when another one got the token that it had drawn', async () => {
    // Both servers draw tokens of the same millisecond, and the second one's are larger.
    const nowMs = Date.now();
    const clock = { ...nodeClock, wallMs: () => nowMs };
    const options = { hosts: [`127.0.0.1:${port.port}`], replicas: 0 };
    const one = await RedisSubject.open(cluster, options, clock);
    const other = await RedisSubject.open(cluster, options, clock);
    try {
      await other.set('both', '');
      const first = one.put('append', 'both', 'x');
      // The second append draws its token before the first one is answered, and goes as a batch of its own.
      await new Promise(setImmediate);
      lose('request', 'both');
      port.mark = 'SECOND';
      const second = one.put('append', 'both', 'SECOND');
      expect((await first).status).to.equal('stored');
      expect((await second).status).to.equal('unknown');
      expect(port.lost).to.equal(1);
      expect(await other.value('both')).to.equal('x');
    } finally {
      await one.fixture.close();
      await other.fixture.close();
    }
  });

  it('a set with a token that the client chose stays unknown, since others may choose that token too', async () => {
    lose('answer', 'c');
    expect((await s.set('c', 'x', { chosenCas: 5n })).status).to.equal('unknown');
  });
});

describe('RedisStore, a node that stands still @long', () => {
  let cluster: RedisCluster;
  let s: RedisSubject;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    cluster = await RedisCluster.start({ program, masters: 2 });
    s = await RedisSubject.open(cluster, { replicas: 0 });
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
  });

  it('opening goes on to the next host when one accepts the connection and never answers', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const host = `127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
    try {
      expect(await failure(RedisSubject.open(cluster, { hosts: [host] }))).to.include(
        `${host}: It does not answer`,
      );
      const opened = await RedisSubject.open(cluster, {
        hosts: [host, ...cluster.hosts],
        replicas: 0,
      });
      await opened.fixture.close();
    } finally {
      silent.close();
    }
  });

  it('other calls do not wait for the end of a deletion by prefix', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `p${at}`);
    await Promise.all(names.map((name) => s.set(name, 'x')));
    const pid = cluster.nodes[1]!.pid!;
    process.kill(pid, 'SIGSTOP');
    try {
      let isDeleted = false;
      const deleted = s.deletePrefix('p').then(() => {
        isDeleted = true;
      });
      const held = await Promise.all(names.map((name) => s.set(name, 'y')));
      expect(isDeleted).to.equal(false);
      expect(new Set(held.map(({ status }) => status))).to.deep.equal(new Set(['closed']));
      expect((await s.set('other', 'x')).status).to.be.oneOf(['stored', 'closed']);
      await deleted;
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});

describe('RedisStore, a master that it has not seen yet @long', () => {
  let cluster: RedisCluster;
  let s: RedisSubject;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    // A master without slots must not become a replica.
    const settings = ['--cluster-allow-replica-migration', 'no'];
    cluster = await RedisCluster.start({ program, masters: 2, settings });
    const id = String(await cluster.nodes[0]!.command('CLUSTER', 'MYID'));
    // The second master first: as long as it claims slots, its claim counts, because its epoch is higher.
    for (const node of cluster.nodes.toReversed()) {
      const redis = await node.connect();
      const pipeline = redis.pipeline();
      for (let slot = 0; slot < 16_384; slot += 1) {
        pipeline.call('CLUSTER', 'SETSLOT', slot, 'NODE', id);
      }
      await pipeline.exec();
      redis.disconnect();
    }
    s = await RedisSubject.open(cluster, { hosts: [cluster.nodes[0]!.host], replicas: 0 });
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
  });

  for (const [what, removal] of [
    ['a flush', () => s.flush(0)],
    ['a deletion by prefix', () => s.deletePrefix('moved')],
  ] as const) {
    it(`${what} that did not reach its items is not reported as done`, async () => {
      const [one, other] = cluster.nodes;
      const key = `moved-${what.length}`;
      await s.set(key, 'x');
      await cluster.moveSlot(slotOf(Buffer.from(`k:${key}`)), one!, other!);
      let status: string;
      do status = (await removal()).status;
      while (status === 'unknown');
      expect(status).to.equal('ok');
      expect(await s.value(key)).to.equal(undefined);
      await cluster.moveSlot(slotOf(Buffer.from(`k:${key}`)), other!, one!);
      await s.set(key, 'y');
    });
  }
});
