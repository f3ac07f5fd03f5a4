// EtcdStore over a real etcd: the network fails, etcd is full, or another server changes what this one reads.
// The conformance suite tests what clients see.

import { expect } from 'chai';

import { EtcdClient } from '../../../../src/cluster/etcd/client.js';
import { openEtcdStore } from '../../../../src/cluster/etcd/open-store.js';
import { Places } from '../../../../src/cluster/etcd/places.js';
import { EtcdStore } from '../../../../src/cluster/etcd/store.js';
import { PACE, type UpkeepPace } from '../../../../src/cluster/etcd/upkeep.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { isKvError } from '../../../../src/errors.js';
import { MIB } from '../../../../src/limits.js';
import type * as S from '../../../../src/store/store.js';
import { startEtcd, type EtcdCluster } from '../../../support/etcd-cluster.js';
import { LossyEtcd, type Chance } from '../../../support/lossy-etcd.js';
import { requireProgram } from '../../../support/programs.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { seeded } from '../../../support/seed.js';

const env = nodeEnv(new QuietLogger());
const FAST: UpkeepPace = {
  tickMs: 20,
  pageMs: 1,
  sweepMs: 50,
  graceMs: 0,
  historyMs: 1e9,
  slotMs: 1e9,
};

/** Returns a generator that gives the same numbers for the same seed (mulberry32). */
function chanceOf(seed: number): Chance {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function set(
  store: S.Store,
  key: string,
  value: string,
  more: Partial<S.Put> = {},
): Promise<S.PutOutcome> {
  const put = { key: Buffer.from(key), value: Buffer.from(value), flags: 0, expiresAt: 0 };
  return store.put({ mode: 'set', ...put, ...more });
}

async function valueOf(store: S.Store, key: string): Promise<string | undefined> {
  const found = await store.get(Buffer.from(key));
  return found.kind === 'hit' ? (found.item.value as Buffer).toString() : undefined;
}

describe('EtcdStore over a real etcd @long', () => {
  let cluster: EtcdCluster | undefined;
  let program = '';
  let prefixes = 0;
  const stores: EtcdStore[] = [];

  const open = async (prefix: string, pace: UpkeepPace = PACE): Promise<EtcdStore> => {
    const hosts = cluster?.hosts ?? [];
    const store = await openEtcdStore(env, { hosts, prefix, pace });
    stores.push(store);
    return store;
  };
  const newPrefix = (): string => `t${(prefixes += 1)}/`;

  before(async function () {
    program = requireProgram(this, 'etcd', 'etcd-server');
    cluster = await startEtcd(program, 1);
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });
  after(() => cluster?.stop());

  it('put(), arithmetic() and delete() apply once and report it correctly, whatever answers get lost', async () => {
    const { seed } = seeded('lost answers', 1);
    const prefix = newPrefix();
    const client = await EtcdClient.load(env, { hosts: cluster?.hosts ?? [], prefix });
    const lossy = new LossyEtcd(client, { lost: 0.15, chance: chanceOf(seed) });
    const parts = { env, places: new Places(prefix), valueBytesMax: MIB, pace: FAST };
    const servers = ['a', 'b'].map(
      (server) => new EtcdStore({ ...parts, client: lossy.calls, server }),
    );
    await set(servers[0]!, 'shared', '0');
    const one = { delta: 1n, direction: 'incr' } as const;
    let shared = 0;
    let unknown = 0;
    const count = (status: S.Status): void => {
      if (status === 'stored') shared += 1;
      else unknown += 1;
    };
    const callers = Array.from({ length: 12 }, async (_, at) => {
      const store = servers[at % 2]!;
      for (let round = 0; round < 15; round += 1) {
        const key = Buffer.from(`own${at}`);
        const stored = await set(store, `own${at}`, `${round}`, { mode: 'add' });
        expect(stored.status, 'add').to.equal('stored');
        expect(await valueOf(store, `own${at}`)).to.equal(`${round}`);
        const appended = await set(store, `own${at}`, '!', { mode: 'append' });
        expect(appended, 'append').to.include({ status: 'stored' });
        const found = await store.get(key);
        expect(found.kind === 'hit' && found.item.cas).to.equal(appended.cas);
        expect(await valueOf(store, `own${at}`)).to.equal(`${round}!`);
        count((await store.arithmetic({ ...one, key: Buffer.from('shared') })).status);
        expect((await store.delete({ key })).status, 'delete').to.equal('deleted');
        expect((await store.delete({ key })).status, 'again').to.equal('not-found');
      }
    });
    await Promise.all(callers);
    await lossy.settled();
    expect(lossy.lost).to.be.above(50);
    expect(unknown, 'unknown or refused').to.equal(0);
    expect(await valueOf(servers[0]!, 'shared')).to.equal(`${shared}`);
    await Promise.all(servers.map((store) => store.close()));
  });

  it('calls of one key apply in the order in which they were made, although the caller awaits none', async () => {
    const { seed } = seeded('order of calls', 1);
    const chance = chanceOf(seed);
    const store = await open(newPrefix());
    const expected = new Map<string, string>();
    const checks: Promise<void>[] = [];
    for (let call = 0; call < 600; call += 1) {
      const key = `k${Math.floor(chance() * 5)}`;
      const kind = chance();
      if (kind < 0.3) {
        checks.push(
          set(store, key, `${call}`)
            .then(({ status }) => expect(status).to.equal('stored'))
            .then(),
        );
        expected.set(key, `${call}`);
      } else if (kind < 0.4) {
        const was = expected.has(key);
        const done = store.delete({ key: Buffer.from(key) });
        checks.push(
          done.then(({ status }) => expect(status).to.equal(was ? 'deleted' : 'not-found')).then(),
        );
        expected.delete(key);
      } else if (kind < 0.55) {
        const was = expected.get(key);
        const done = set(store, key, '+', { mode: 'append' });
        checks.push(
          done
            .then(({ status }) =>
              expect(status).to.equal(was === undefined ? 'not-stored' : 'stored'),
            )
            .then(),
        );
        if (was !== undefined) expected.set(key, `${was}+`);
      } else if (kind < 0.57) {
        checks.push(
          store
            .flush(0)
            .then(({ status }) => expect(status).to.equal('ok'))
            .then(),
        );
        expected.clear();
      } else {
        const value = expected.get(key);
        checks.push(
          valueOf(store, key)
            .then((found) => expect(found, `${call}`).to.equal(value))
            .then(),
        );
      }
    }
    await Promise.all(checks);
  });

  it('two servers over one cluster see the same writes at once, and lose no increment', async () => {
    const prefix = newPrefix();
    const [one, other] = [await open(prefix), await open(prefix)];
    const { cas } = await set(one, 'k', '0');
    expect(await valueOf(other, 'k')).to.equal('0');
    const touched = await other.touch(Buffer.from('k'), one.nowMs() + 90_000);
    expect(touched).to.include({ status: 'touched', cas });
    const change = { key: Buffer.from('k'), delta: 1n, direction: 'incr' } as const;
    const calls = [one, other, one, other].flatMap((store) =>
      Array.from({ length: 10 }, () => store.arithmetic(change)),
    );
    const numbers = (await Promise.all(calls)).map(({ number }) => number);
    expect(new Set(numbers).size).to.equal(40);
    expect(await valueOf(one, 'k')).to.equal('40');
    await other.deletePrefix(Buffer.from('k'));
    expect(await valueOf(one, 'k')).to.equal(undefined);
  });

  it('a touch that was decided before a flush does not undo the flush', async () => {
    const prefix = newPrefix();
    const [one, other] = [await open(prefix), await open(prefix)];
    for (let round = 0; round < 20; round += 1) {
      await set(one, 'k', 'old');
      const touches = Array.from({ length: 5 }, () => one.touch(Buffer.from('k'), 0));
      await other.flush(0);
      await Promise.all(touches);
      expect(await valueOf(one, 'k')).to.equal(undefined);
    }
  });

  it('the upkeep removes expired and flushed items and the flush record, and nothing else', async () => {
    const prefix = newPrefix();
    const store = await open(prefix, FAST);
    const client = await EtcdClient.load(env, { hosts: cluster?.hosts ?? [], prefix });
    for (let at = 0; at < 250; at += 1) void set(store, `gone${at}`, 'x');
    for (let at = 0; at < 150; at += 1) void set(store, `old${at}`, 'x', { expiresAt: 1 });
    await set(store, 'kept', 'x', { expiresAt: store.nowMs() + 900_000 });
    await store.deletePrefix(Buffer.from('gone'));
    await set(store, 'gone7', 'new');
    const { items, flushes } = new Places(prefix);
    const left = async (range: { readonly key: Buffer; readonly range_end: Buffer }) =>
      (await client.range({ ...range, keys_only: true }, 2000)).kvs.map(({ key }) => String(key));
    while ((await left(items)).length > 2 || (await left(flushes)).length > 0)
      await client.pause(20);
    expect(await left(items)).to.deep.equal([`${prefix}k/gone7`, `${prefix}k/kept`]);
    expect(await valueOf(store, 'gone7')).to.equal('new');
    client.close();
  });

  it('put() gives no-space and changes nothing when etcd is full, and deletes and reads go on', async () => {
    const full = await startEtcd(program, 1, [`--quota-backend-bytes=${2 * MIB}`]);
    try {
      const store = await openEtcdStore(env, { hosts: full.hosts, prefix: 'full/' });
      const value = 'x'.repeat(100_000);
      const stored: string[] = [];
      let status: S.Status = 'stored';
      for (let at = 0; status === 'stored' && at < 100; at += 1) {
        status = (await set(store, `k${at}`, value)).status;
        if (status === 'stored') stored.push(`k${at}`);
        else expect(await valueOf(store, `k${at}`)).to.equal(undefined);
      }
      expect(status).to.equal('no-space');
      expect(stored.length).to.be.above(5);
      const mixed = await Promise.all([
        set(store, 'k0', 'new'),
        store.delete({ key: Buffer.from('k1') }),
        store.delete({ key: Buffer.from('never') }),
        store.touch(Buffer.from('k2'), 0),
        store.flush(0),
      ]);
      expect(mixed.map((done) => done.status)).to.deep.equal([
        'no-space',
        'deleted',
        'not-found',
        'no-space',
        'no-space',
      ]);
      expect(await valueOf(store, 'k0')).to.equal(value);
      expect(await valueOf(store, 'k1')).to.equal(undefined);
      expect(store.stats().get('kv_disk_full')).to.equal(1);
      await store.close();
    } finally {
      await full.stop();
    }
  });

  it('logs in again when etcd no longer knows the token, and openEtcdStore() reports a refused or missing login', async () => {
    const guarded = await startEtcd(program, 1);
    try {
      const hosts = guarded.hosts;
      const admin = async (path: string, body: object): Promise<void> => {
        const url = `http://${hosts[0]}/v3/auth/${path}`;
        const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
        expect(answer.status, path).to.equal(200);
      };
      await admin('user/add', { name: 'root', password: 'secret' });
      await admin('role/add', { name: 'root' });
      await admin('user/grant', { user: 'root', role: 'root' });
      await admin('enable', {});
      const login = { hosts, prefix: 'p/', user: 'root', password: 'secret' };
      const store = await openEtcdStore(env, login);
      expect((await set(store, 'k', 'x')).status).to.equal('stored');
      // A node keeps its tokens in memory only.
      await guarded.nodes[0]!.kill();
      await guarded.nodes[0]!.start();
      expect((await set(store, 'k', 'y')).status).to.equal('stored');
      expect(await valueOf(store, 'k')).to.equal('y');
      await store.close();
      const wrong = { ...login, password: 'guessed' };
      const error = await openEtcdStore(env, wrong).catch((cause: unknown) => cause);
      expect(isKvError(error, 'KV_BAD_OPTION') && error.message).to.include('login refused');
      expect(String(error)).not.to.include('guessed');
      const none = await openEtcdStore(env, { hosts, prefix: 'p/' }).catch(
        (cause: unknown) => cause,
      );
      expect(isKvError(none, 'KV_BAD_OPTION') && none.message).to.include('give --store-auth-file');
    } finally {
      await guarded.stop();
    }
  });

  it('every call ends within its deadline without the cluster, and openEtcdStore() names the hosts', async () => {
    const lonely = await startEtcd(program, 1);
    const store = await openEtcdStore(env, { hosts: lonely.hosts, prefix: 'gone/' });
    await set(store, 'k', 'x');
    await lonely.stop();
    const startedMs = env.clock.monotonicMs();
    const answers = await Promise.all([
      set(store, 'k', 'y'),
      set(store, 'k', 'z'),
      store.touch(Buffer.from('other'), 0),
      store.flush(0),
    ]);
    const found = await store.get(Buffer.from('k'));
    // The calls take two deadlines of 5 s. A busy machine adds to that; a call without a deadline never ends.
    expect(env.clock.monotonicMs() - startedMs).to.be.below(30_000);
    for (const { status } of answers) expect(status).to.be.oneOf(['closed', 'unknown']);
    expect(found).to.include({ kind: 'refused', status: 'closed' });
    await store.close();
    const error = await openEtcdStore(env, { hosts: lonely.hosts, prefix: 'gone/' }).catch(
      (cause: unknown) => cause,
    );
    expect(isKvError(error, 'KV_IO') && error.message).to.include(lonely.hosts[0]);
  });
});
