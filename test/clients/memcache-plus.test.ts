// The npm client `memcache-plus` with every command it has, refusals included.

import { createRequire } from 'node:module';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { describeServers } from '../support/servers.js';

interface MemcachePlus {
  set(key: string, value: unknown, options?: object | number): Promise<void>;
  get(key: string | string[], options?: object): Promise<unknown>;
  gets(key: string): Promise<[unknown, string | null]>;
  cas(key: string, value: unknown, cas: string): Promise<boolean>;
  add(key: string, value: unknown, ttl?: number): Promise<unknown>;
  replace(key: string, value: unknown, ttl?: number): Promise<unknown>;
  append(key: string, value: unknown): Promise<unknown>;
  prepend(key: string, value: unknown): Promise<unknown>;
  incr(key: string, by?: number): Promise<number>;
  decr(key: string, by?: number): Promise<number>;
  delete(key: string): Promise<boolean>;
  deleteMulti(keys: string[]): Promise<Record<string, boolean>>;
  items(): Promise<{ slab_id: number; data: { number: number } }[]>;
  cachedump(slab: number, limit?: number): Promise<{ key: string }[]>;
  version(): Promise<string>;
  flush(): Promise<void>;
  disconnect(): Promise<void>;
}

const MemcachePlusClient = createRequire(import.meta.url)('memcache-plus') as new (
  options: object,
) => MemcachePlus;

describeServers('npm memcache-plus @long', (server) => {
  let client: MemcachePlus;

  before(() => {
    client = new MemcachePlusClient({ hosts: [server.address()], netTimeout: 5000 });
  });
  after(async () => {
    await client.disconnect();
  });
  beforeEach(async () => {
    await client.flush();
  });

  it('set() and get() give back strings, numbers and objects', async () => {
    for (const value of ['text', 'ünïcödé ☃', 17, { a: [1, null] }]) {
      await client.set('k', value);
      expect(await client.get('k')).to.deep.equal(value);
    }
  });

  it('set() with compression is read back', async () => {
    await client.set('k', 'many words '.repeat(100), { compressed: true });
    expect(await client.get('k', { compressed: true })).to.equal('many words '.repeat(100));
  });

  it('get() gives null for a missing key, alone and among many', async () => {
    await client.set('here', 'yes');
    expect(await client.get('missing')).to.equal(null);
    expect(await client.get(['here', 'missing'])).to.deep.equal({ here: 'yes', missing: null });
  });

  it('gets() and cas() store once for one token', async () => {
    await client.set('k', 'one');
    const [value, token] = await client.gets('k');
    expect(value).to.equal('one');
    expect(await client.cas('k', 'two', String(token))).to.equal(true);
    expect(await client.cas('k', 'three', String(token))).to.equal(false);
    expect(await client.cas('missing', 'x', String(token))).to.equal(false);
    expect(await client.get('k')).to.equal('two');
  });

  it('add(), replace(), append() and prepend() store only under their conditions', async () => {
    expect(await failure(client.replace('k', 'x'))).to.be.a('string');
    expect(await failure(client.append('k', 'x'))).to.be.a('string');
    await client.add('k', 'middle');
    expect(await failure(client.add('k', 'again'))).to.be.a('string');
    await client.append('k', ' end');
    await client.prepend('k', 'start ');
    expect(await client.get('k')).to.equal('start middle end');
    await client.replace('k', 'new');
    expect(await client.get('k')).to.equal('new');
  });

  it('incr() and decr() count', async () => {
    await client.set('n', '10');
    expect(await client.incr('n')).to.equal(11);
    expect(await client.incr('n', 9)).to.equal(20);
    expect(await client.decr('n', 15)).to.equal(5);
    expect(await client.decr('n', 15)).to.equal(0);
  });

  it('delete() and deleteMulti() tell a hit from a miss', async () => {
    await client.set('a', '1');
    await client.set('b', '1');
    expect(await client.delete('a')).to.equal(true);
    expect(await client.delete('a')).to.equal(false);
    expect(await client.deleteMulti(['a', 'b'])).to.deep.equal({ a: false, b: true });
  });

  it('items(), cachedump() and version() are understood', async () => {
    await client.set('listed', 'here');
    const items = await client.items();
    expect(items).to.have.length.of.at.least(1);
    const dumps = items.map(({ slab_id }) => client.cachedump(slab_id));
    expect((await Promise.all(dumps)).flat().map(({ key }) => key)).to.include('listed');
    expect(await client.version()).to.match(/^1\.6\.\d+$/);
  });

  it('many requests at once get their own answers', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `at-once:${i}`);
    await Promise.all(keys.map((key) => client.set(key, key)));
    expect(await Promise.all(keys.map((key) => client.get(key)))).to.deep.equal(keys);
  });
});
