// The npm client `memcache-client` with every command it has, refusals included.

import { expect } from 'chai';
import { MemcacheClient } from 'memcache-client';
import { failure } from '../support/failure.js';
import { describeServers } from '../support/servers.js';

describeServers('npm memcache-client', (server) => {
  let client: MemcacheClient;

  const value = async (key: string): Promise<unknown> =>
    ((await client.get<string>(key)) as { value: unknown } | undefined)?.value;

  before(() => {
    client = new MemcacheClient({
      server: { server: server.address(), maxConnections: 4 },
      cmdTimeout: 5000,
    });
  });
  after(() => client.shutdown());
  beforeEach(async () => {
    await client.cmd('flush_all');
  });

  it('set() and get() give back strings, numbers, objects and buffers', async () => {
    const values = ['text', '', 'ünïcödé ☃', 17, { a: [1, null] }, Buffer.from([0, 13, 10, 255])];
    for (const each of values) {
      expect(await client.set('k', each, { lifetime: 0 })).to.deep.equal(['STORED']);
      expect(await value('k')).to.deep.equal(each);
    }
  });

  it('get() of many keys gives the existing ones', async () => {
    await Promise.all(['a', 'c'].map((key) => client.set(key, `value of ${key}`)));
    const found = await client.get<string>(['a', 'b', 'c']);
    expect(Object.keys(found)).to.have.members(['a', 'c']);
    expect(await client.get('missing')).to.equal(undefined);
  });

  it('set() with noreply stores before the next command of the connection', async () => {
    const single = new MemcacheClient({ server: { server: server.address(), maxConnections: 1 } });
    await single.version();
    for (let i = 0; i < 50; i++) await single.set(`quiet:${i}`, `${i}`, { noreply: true });
    const keys = Array.from({ length: 50 }, (_, i) => `quiet:${i}`);
    expect(Object.keys(await single.get<string>(keys))).to.have.length(50);
    single.shutdown();
  });

  it('add(), replace(), append() and prepend() answer NOT_STORED', async () => {
    expect(await failure(client.replace('k', 'x'))).to.equal('NOT_STORED');
    expect(await failure(client.append('k', 'x'))).to.equal('NOT_STORED');
    expect(await failure(client.prepend('k', 'x'))).to.equal('NOT_STORED');
    expect(await client.add('k', 'middle')).to.deep.equal(['STORED']);
    expect(await failure(client.add('k', 'again'))).to.equal('NOT_STORED');
    await client.append('k', ' end');
    await client.prepend('k', 'start ');
    expect(await value('k')).to.equal('start middle end');
    await client.replace('k', 'new');
    expect(await value('k')).to.equal('new');
  });

  it('gets() and cas() store once for one token', async () => {
    await client.set('k', 'one');
    const got = (await client.gets<string>('k')) as { casUniq: string | number };
    const swap = (text: string): Promise<string[]> =>
      client.cas('k', text, { casUniq: got.casUniq });
    expect(await swap('two')).to.deep.equal(['STORED']);
    expect(await failure(swap('three'))).to.equal('EXISTS');
    expect(await failure(client.cas('missing', 'x', { casUniq: got.casUniq }))).to.equal(
      'NOT_FOUND',
    );
    expect(await value('k')).to.equal('two');
  });

  it('incr() and decr() count in 64 bits and refuse text', async () => {
    expect(await failure(client.incr('n', 1))).to.equal('NOT_FOUND');
    await client.set('n', '18446744073709551614');
    expect(await client.incr('n', 1)).to.equal('18446744073709551615');
    expect(await client.incr('n', 1)).to.equal('0');
    expect(await client.incr('n', 20)).to.equal('20');
    expect(await client.decr('n', 5)).to.equal('15');
    expect(await client.decr('n', 50)).to.equal('0');
    await client.set('n', 'text');
    expect(await failure(client.incr('n', 1))).to.match(/^CLIENT_ERROR cannot increment/);
  });

  it('delete() and touch() tell a hit from a miss', async () => {
    expect(await failure(client.delete('k'))).to.equal('NOT_FOUND');
    expect(await failure(client.touch('k', 10))).to.equal('NOT_FOUND');
    await client.set('k', 'here');
    expect(await client.touch('k', 10)).to.deep.equal(['TOUCHED']);
    expect(await client.delete('k')).to.deep.equal(['DELETED']);
    await client.set('k', 'here');
    await client.touch('k', -1);
    expect(await value('k')).to.equal(undefined);
  });

  it('version() and cmd(stats) are understood', async () => {
    expect(String(await client.version())).to.match(/1\.6\.\d+$/);
    const stats = await client.cmd<{ STAT: string[][] }>('stats');
    const names = stats.STAT.map(([name]) => name);
    expect(names).to.include.members(['pid', 'uptime', 'curr_items', 'cmd_get']);
  });

  it('a refused command leaves the connection usable', async () => {
    expect(await failure(client.cmd('nonsense'))).to.equal('ERROR');
    expect(await failure(client.cmd('incr k abc'))).to.match(/invalid numeric delta/);
    expect(await failure(client.set('k'.repeat(251), 'x'))).to.match(/^CLIENT_ERROR/);
    expect(await client.set('k', 'still fine')).to.deep.equal(['STORED']);
  });

  it('many requests at once on few connections get their own answers', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `at-once:${i}`);
    await Promise.all(keys.map((key) => client.set(key, key)));
    expect(await Promise.all(keys.map(value))).to.deep.equal(keys);
  });
});
