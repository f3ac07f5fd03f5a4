// RedisStore, requests that were given up: a node gets them after it has done later requests of the same server.

import { expect } from 'chai';

import { LossyPort } from '../../../support/lossy-port.js';
import { requireProgram } from '../../../support/programs.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { RedisSubject } from '../../../support/redis-subject.js';

describe('RedisStore, a request that arrives late @long', () => {
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
    s = await RedisSubject.open(cluster, { hosts: [`127.0.0.1:${port.port}`], replicas: 0 });
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
    await port?.close();
  });

  /** Delays the next request that contains the text until port.arrive(). */
  function delay(text: string): void {
    port.loses = 'delay';
    port.mark = text;
    port.lost = 0;
  }

  const late: Record<string, () => Promise<{ readonly status: string }>> = {
    'a set': () => s.set('late', 'old'),
    'an append': () => s.put('append', 'late', '+old'),
    'a touch': () => s.touch('late', s.store.nowMs() - 1),
    'a delete': () => s.delete('late'),
  };
  for (const [what, request] of Object.entries(late)) {
    it(`${what} changes nothing behind a later set`, async () => {
      await s.set('late', 'first');
      delay('k:late');
      expect((await request()).status).to.equal('unknown');
      expect(port.lost).to.equal(1);
      expect((await s.set('late', 'new')).status).to.equal('stored');
      await port.arrive();
      expect(await s.value('late')).to.equal('new');
    });
  }

  it('a flush removes nothing that was stored behind it', async () => {
    delay('FLUSHALL');
    expect((await s.flush(0)).status).to.equal('unknown');
    expect((await s.set('late', 'new')).status).to.equal('stored');
    await port.arrive();
    expect(await s.value('late')).to.equal('new');
  });

  it('a deletion by prefix removes nothing that was stored behind it', async () => {
    await s.set('late', 'old');
    delay('unlink');
    const deleted = s.deletePrefix('late');
    const stored = s.set('late', 'new');
    expect((await deleted).status).to.equal('unknown');
    expect((await stored).status).to.equal('stored');
    await port.arrive();
    expect(port.lost).to.equal(1);
    expect(await s.value('late')).to.equal('new');
  });
});

describe('RedisStore, a node that stands still with requests @long', () => {
  let cluster: RedisCluster;
  let s: RedisSubject;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    cluster = await RedisCluster.start({ program, masters: 1 });
    s = await RedisSubject.open(cluster, { replicas: 0 });
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
  });

  it('requests that have not reached the node when they are given up never reach it', async () => {
    const node = cluster.nodes[0]!;
    // Each value is more than the node's kernel takes while the node stands still.
    const value = 'v'.repeat(1_000_000);
    const names = Array.from({ length: 3 }, (_, at) => `given-up-${at}`);
    const listed = async (): Promise<string[]> =>
      String(await node.command('CLIENT', 'LIST')).split('\n');
    await s.set('other', 'x');
    const [link = ''] = (await listed()).filter((line) => line.includes(' cmd=set '));
    const [id] = link.split(' ');
    node.pause();
    let stored: { status: string }[];
    try {
      stored = await Promise.all(names.map((name) => s.set(name, value)));
      // This server does not come back, so only the way in which it gave up helps.
      await s.fixture.close();
    } finally {
      node.resume();
    }
    s = await RedisSubject.open(cluster, { replicas: 0 });
    expect(stored.map(({ status }) => status)).to.deep.equal(['unknown', 'unknown', 'unknown']);
    // The node may execute requests of a connection for as long as it lists the connection.
    while ((await listed()).some((line) => line.startsWith(`${id} `))) await s.value('other');
    for (const name of names) expect(await s.value(name), name).to.equal(undefined);
  });
});
