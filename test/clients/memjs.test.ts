// The npm client `memjs` (binary protocol only) with every command it has, and `@keyv/memcache`, which is built on it.

import { createRequire } from 'node:module';
import { expect } from 'chai';
import { KeyvMemcache } from '@keyv/memcache';
import { failure } from '../support/failure.js';
import { describeServers, EVERYWHERE } from '../support/servers.js';

interface Counted {
  readonly success: boolean;
  readonly value: number;
}

interface Memjs {
  get(key: string): Promise<{ value: Buffer | null; flags: Buffer | null }>;
  set(key: string, value: string | Buffer, options: object): Promise<boolean>;
  add(key: string, value: string, options: object): Promise<boolean>;
  replace(key: string, value: string, options: object): Promise<boolean>;
  delete(key: string): Promise<boolean>;
  increment(key: string, by: number, options: object): Promise<Counted>;
  decrement(key: string, by: number, options: object): Promise<Counted>;
  append(key: string, value: string): Promise<boolean>;
  prepend(key: string, value: string): Promise<boolean>;
  touch(key: string, seconds: number): Promise<boolean>;
  flush(): Promise<Record<string, boolean>>;
  stats(callback: (error: unknown, server: string, stats: Record<string, string>) => void): void;
  statsWithKey(
    key: string,
    callback: (error: unknown, server: string, stats: Record<string, string>) => void,
  ): void;
  resetStats(callback: (error: unknown, server: string, stats: unknown) => void): void;
  quit(): void;
  close(): void;
}

const { Client } = createRequire(import.meta.url)('memjs') as {
  Client: { create(servers: string, options: object): Memjs };
};

const silent = { log: (): void => undefined };

describeServers(
  'npm memjs',
  (server) => {
    let client: Memjs;

    const statsOf = (key: string): Promise<Record<string, string>> =>
      new Promise((resolve, reject) => {
        client.statsWithKey(key, (error, _server, stats) => {
          if (error instanceof Error) reject(error);
          else resolve(stats);
        });
      });
    const text = async (key: string): Promise<string | undefined> =>
      (await client.get(key)).value?.toString();

    before(() => {
      client = Client.create(server.address(), { retries: 0, timeout: 5, logger: silent });
    });
    after(() => client.close());
    beforeEach(async () => {
      await client.flush();
    });

    it('set() and get() give back bytes, and null for a miss', async () => {
      const bytes = Buffer.from([0, 13, 10, 255]);
      expect(await client.set('k', bytes, {})).to.equal(true);
      expect((await client.get('k')).value).to.deep.equal(bytes);
      expect((await client.get('missing')).value).to.equal(null);
      await client.set('empty', '', {});
      expect(await text('empty')).to.equal('');
    });

    it('set() of a value over the limit is refused and removes the old value', async () => {
      await client.set('big', 'old', {});
      const refusal = client.set('big', Buffer.alloc(1_048_577), {});
      expect(await failure(refusal)).to.match(/too large/i);
      expect(await text('big')).to.equal(undefined);
      expect(await client.set('big', Buffer.alloc(1_048_000), {})).to.equal(true);
    });

    it('add() and replace() store only under their conditions', async () => {
      expect(await client.replace('k', 'x', {})).to.equal(false);
      expect(await client.add('k', 'added', {})).to.equal(true);
      expect(await client.add('k', 'again', {})).to.equal(false);
      expect(await client.replace('k', 'new', {})).to.equal(true);
      expect(await text('k')).to.equal('new');
    });

    it('increment() and decrement() create, count and refuse text', async () => {
      expect((await client.increment('n', 5, { initial: 10 })).value).to.equal(10);
      expect((await client.increment('n', 5, {})).value).to.equal(15);
      expect((await client.decrement('n', 6, {})).value).to.equal(9);
      expect((await client.decrement('n', 60, {})).value).to.equal(0);
      await client.set('n', 'text', {});
      expect(await failure(client.increment('n', 1, {}))).to.match(/non-numeric|invalid/i);
    });

    it('append() joins; prepend() sends the same opcode, which is a mistake of this client', async () => {
      expect(await failure(client.append('k', 'x'))).to.match(/not stored/i);
      await client.set('k', 'a', {});
      expect(await client.append('k', 'b')).to.equal(true);
      expect(await client.prepend('k', 'c')).to.equal(true);
      expect(await text('k')).to.equal('abc');
    });

    it('delete() and touch() tell a hit from a miss', async () => {
      expect(await client.delete('k')).to.equal(false);
      expect(await client.touch('k', 10)).to.equal(false);
      await client.set('k', 'here', {});
      expect(await client.touch('k', 10)).to.equal(true);
      expect(await client.delete('k')).to.equal(true);
      expect(await text('k')).to.equal(undefined);
    });

    it('stats(), statsWithKey() and resetStats() are understood', async () => {
      expect((await statsOf(''))['pid']).to.equal(String(server.process().pid));
      expect((await statsOf('settings'))['maxconns']).to.equal('1024');
      expect(await statsOf('reset')).to.be.an('object');
      expect((await statsOf(''))['get_hits']).to.equal('0');
    });

    it('many requests at once on one connection get their own answers', async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `at-once:${i}`);
      await Promise.all(keys.map((key) => client.set(key, key, {})));
      expect(await Promise.all(keys.map(text))).to.deep.equal(keys);
    });
  },
  { kinds: EVERYWHERE },
);

describeServers(
  'npm @keyv/memcache',
  (server) => {
    let store: KeyvMemcache;

    before(() => {
      store = new KeyvMemcache(server.address(), { retries: 0, timeout: 5 });
    });
    after(() => store.client.close());
    beforeEach(async () => store.clear());

    it('set(), get(), getMany(), has() and delete() agree', async () => {
      await store.set('a', JSON.stringify({ value: 1 }));
      await store.set('b', JSON.stringify({ value: 2 }), 60_000);
      expect(await store.get('a')).to.deep.equal({ value: 1 });
      expect(await store.getMany(['a', 'b'])).to.deep.equal([{ value: 1 }, { value: 2 }]);
      expect([await store.has('a'), await store.has('c')]).to.deep.equal([true, false]);
      expect([await store.delete('a'), await store.delete('a')]).to.deep.equal([true, false]);
      expect(await store.has('a')).to.equal(false);
      expect(await store.deleteMany(['b'])).to.equal(true);
    });

    it('clear() empties the store', async () => {
      await store.set('a', JSON.stringify({ value: 1 }));
      await store.clear();
      expect(await store.has('a')).to.equal(false);
    });
  },
  { kinds: EVERYWHERE },
);
