// RedisStore over one node: the edge cases of the scripts, and the nodes that it refuses.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { evictionPolicy } from '../../../../src/cluster/redis/safety.js';
import {
  addDelta,
  composeDecimal,
  parseDecimal,
} from '../../../../src/store/operations/decimal.js';
import { MIB } from '../../../../src/limits.js';
import { requireProgram } from '../../../support/programs.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { RedisSubject } from '../../../support/redis-subject.js';
import { seeded } from '../../../support/seed.js';
import { failure } from '../../../support/failure.js';

describe('RedisStore, one node @long', () => {
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

  const command = (name: string, ...args: string[]): Promise<unknown> =>
    cluster.nodes[0]!.command(name, ...args);

  const ttl = async (key: string): Promise<number> => Number(await command('PTTL', key));

  it('is reachable as soon as it is open', async () => {
    const { store, fixture } = await RedisSubject.open(cluster, { replicas: 0 });
    expect(store.stats().get('kv_cluster_reachable')).to.equal(1);
    await fixture.close();
  });

  it('counts as memcached does, whatever the numbers', async () => {
    const edge = fc.constantFrom(0n, 9n, 10n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);
    const number = fc.oneof(edge, fc.bigInt(0n, 2n ** 64n - 1n));
    const text = fc.oneof(
      number.map(String),
      fc
        .tuple(fc.constantFrom('', ' ', '+', '000'), number, fc.constantFrom('', ' ', '\0x', 'x'))
        .map(([before, value, behind]) => `${before}${value}${behind}`),
      fc.string({ maxLength: 70 }),
    );
    const direction = fc.constantFrom('incr' as const, 'decr' as const);
    await fc.assert(
      fc.asyncProperty(text, number, direction, async (value, delta, way) => {
        const bytes = Buffer.from(value, 'latin1');
        await s.set('n', value);
        const old = parseDecimal(bytes);
        const done = await s.change(way, 'n', delta);
        if (old === undefined) {
          expect(done.status).to.equal('not-a-number');
          return;
        }
        const wanted = addDelta(old, delta, way);
        expect(done).to.include({ status: 'stored', number: wanted });
        const stored = composeDecimal(wanted, bytes.length).toString('latin1');
        expect(await s.value('n')).to.equal(stored);
      }),
      seeded('RedisStore arithmetic', 300),
    );
  });

  it('a token after one that a client chose is a new token', async () => {
    for (const chosenCas of [1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n]) {
      await s.set('k', '1', { chosenCas });
      const seen = [chosenCas];
      for (let at = 0; at < 3; at += 1) seen.push((await s.change('incr', 'k', 1n)).cas);
      seen.push((await s.put('append', 'k', '0')).cas);
      seen.push((await s.set('k', '7')).cas);
      expect(new Set(seen).size, String(chosenCas)).to.equal(seen.length);
      expect((await s.get('k'))?.cas).to.equal(seen.at(-1));
    }
  });

  it('a value that is no item counts as damaged, and a set replaces it', async () => {
    for (const foreign of [
      ['SET', 'k:odd', 'x'],
      ['SET', 'k:odd', `\u0002${'x'.repeat(40)}`],
      ['RPUSH', 'k:odd', 'x'],
    ]) {
      await command('DEL', 'k:odd');
      await command(...(foreign as [string, ...string[]]));
      expect((await s.lookup('odd')).kind, foreign[0]).to.equal('damaged');
      expect((await s.change('incr', 'odd', 1n)).status).to.equal('damaged');
      expect((await s.put('add', 'odd', 'x')).status).to.equal('damaged');
      expect((await s.touch('odd', 0)).status).to.equal('damaged');
      expect((await s.delete('odd')).status).to.equal('damaged');
      expect((await s.set('odd', 'new')).status).to.equal('stored');
      expect(await s.value('odd')).to.equal('new');
    }
  });

  it('Redis expires an item too, and its expiry follows touch, gat and set', async () => {
    const soon = s.store.nowMs() + 60_000;
    await s.set('t', '1', { expiresAt: soon });
    expect(await ttl('k:t')).to.be.within(1, 60_000);
    await s.change('incr', 't', 1n);
    await s.put('append', 't', '0');
    await s.put('prepend', 't', '1');
    expect(await ttl('k:t')).to.be.within(1, 60_000);
    await s.touch('t', soon + 60_000);
    expect(await ttl('k:t')).to.be.within(60_001, 120_000);
    await s.get('t', { expiresAt: 0 });
    expect(await ttl('k:t')).to.equal(-1);
    await s.change('incr', 't', 1n, { expiresAt: soon });
    expect(await ttl('k:t')).to.be.within(1, 60_000);
    await s.set('t', '1');
    expect(await ttl('k:t')).to.equal(-1);
  });

  it('takes values of up to 1 MiB and no longer values, joined values included', async () => {
    const value = 'v'.repeat(MIB - 1);
    expect(await s.set('big', value)).to.include({ status: 'stored', valueBytes: MIB - 1 });
    expect(await s.put('append', 'big', 'w')).to.include({ status: 'stored', valueBytes: MIB });
    for (const mode of ['append', 'prepend'] as const) {
      expect((await s.put(mode, 'big', 'x')).status).to.equal('too-large');
    }
    expect((await s.value('big')) === `${value}w`).to.equal(true);
    expect((await s.set('big', 'v'.repeat(MIB + 1))).status).to.equal('too-large');
    await s.delete('big');
  });

  it('calls of one key apply in the order in which they were made', async () => {
    const calls: Promise<unknown>[] = [s.set('order', '')];
    for (let at = 0; at < 200; at += 1) calls.push(s.put('append', 'order', `${at},`));
    calls.push(s.store.deletePrefix(Buffer.from('ord')) as Promise<unknown>);
    const gone = s.value('order');
    calls.push(s.set('order', 'new'), s.put('append', 'order', 'er'));
    const before = await Promise.all(calls);
    expect(before.length).to.equal(204);
    expect(await gone).to.equal(undefined);
    expect(await s.value('order')).to.equal('newer');
    const flushed = s.flush(0);
    const again = s.set('order', 'last');
    expect([(await flushed).status, (await again).status]).to.deep.equal(['ok', 'stored']);
    expect(await s.value('order')).to.equal('last');
  });

  it('loads its scripts again when the node has forgotten them', async () => {
    await s.set('n', '1');
    await command('SCRIPT', 'FLUSH');
    expect(await s.change('incr', 'n', 1n)).to.include({ status: 'stored', number: 2n });
  });

  it('a change that has to be sent again is not done behind a flush or deletion that followed it', async () => {
    const removals = [() => s.flush(0), () => s.deletePrefix('late')];
    for (const [at, removal] of removals.entries()) {
      await command('SCRIPT', 'FLUSH');
      const added = s.put('add', `late${at}`, 'x');
      const removed = removal();
      expect((await removed).status).to.equal('ok');
      expect((await added).status).to.equal('closed');
      expect(await s.value(`late${at}`)).to.equal(undefined);
    }
  });

  it('a full memory is a status, and existing items can still be read and deleted', async () => {
    await s.set('k', 'x');
    await command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect((await s.set('k', 'y')).status).to.equal('no-memory');
      expect((await s.put('add', 'other', 'y')).status).to.equal('no-memory');
      expect(await s.value('k')).to.equal('x');
      expect((await s.delete('k')).status).to.equal('deleted');
    } finally {
      await command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect((await s.set('k', 'y')).status).to.equal('stored');
  });

  it('evictionPolicy() gives the rule of a node that evicts, and undefined when it refuses writes', async () => {
    const redis = await cluster.nodes[0]!.connect();
    try {
      expect(await evictionPolicy(redis, 'node')).to.equal(undefined);
      await command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      expect(await evictionPolicy(redis, 'node')).to.equal('allkeys-lru');
    } finally {
      await command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      redis.disconnect();
    }
  });

  it('opening refuses a node that may lose acknowledged writes, and a missing replica, by name', async () => {
    const { host } = cluster.nodes[0]!;
    await command('CONFIG', 'SET', 'appendfsync', 'everysec');
    try {
      const refused = await failure(RedisSubject.open(cluster, { replicas: 0 }));
      expect(refused).to.include(host).and.to.include('appendfsync everysec');
      const other = await RedisSubject.open(cluster, { replicas: 0, durability: 'memory' });
      await other.fixture.close();
    } finally {
      await command('CONFIG', 'SET', 'appendfsync', 'always');
    }
    const login = { replicas: 0, user: 'nobody', password: 'a secret' };
    const unknown = await failure(RedisSubject.open(cluster, login));
    expect(unknown).to.include(host).and.to.include('--store-auth-file');
    expect(unknown).not.to.include('a secret');
    const few = await failure(RedisSubject.open(cluster, { replicas: 1 }));
    expect(few).to.include('0 replicas').and.to.include('replicas=1');
  });
});
