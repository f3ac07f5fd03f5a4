// Bundler: the runs of commands that become one script call. And bundles over two real nodes, while slots move between them.

import { expect } from 'chai';

import { Bundler } from '../../../../src/cluster/redis/bundles.js';
import { Operation, type Command } from '../../../../src/cluster/redis/operation.js';
import { GETS } from '../../../../src/cluster/redis/scripts.js';
import { slotOf } from '../../../../src/cluster/redis/slots.js';
import { MIB } from '../../../../src/limits.js';
import { requireProgram } from '../../../support/programs.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { RedisSubject } from '../../../support/redis-subject.js';

const nothing = (): void => undefined;

function operation(name: string, key: string, ...rest: string[]): Operation {
  const target = { key: Buffer.from(key), slot: 0, deadlineMs: Infinity };
  const args = [target.key, ...rest.map((arg) => Buffer.from(arg))];
  const command: Command = { name, args, effect: name === 'GET' ? 'reads' : 'writes' };
  return new Operation(target, command, nothing, nothing);
}

/** Returns each bundle as the name of its command, its number of operations, and whether it is a script call. */
function shapes(bundler: Bundler, batch: readonly Operation[]): string[] {
  return bundler.bundlesOf(batch).map(({ operations, call }) => {
    const name = operations[0]!.command.name;
    return `${name} ${operations.length}${call === undefined ? '' : ' in a call'}`;
  });
}

function gets(count: number): Operation[] {
  return Array.from({ length: count }, (_, at) => operation('GET', `k${at}`));
}

describe('Bundler', () => {
  it('bundlesOf() joins neighbours of one kind, in the order of the batch', () => {
    const batch = [
      ...gets(3),
      operation('SET', 'a', 'x'),
      operation('SET', 'b', 'y', 'PXAT', '77'),
      operation('EVALSHA', 'c'),
      operation('EVALSHA', 'd'),
      operation('GET', 'a'),
    ];
    const expected = ['GET 3 in a call', 'SET 2 in a call', 'EVALSHA 1', 'EVALSHA 1', 'GET 1'];
    const bundler = new Bundler();
    expect(shapes(bundler, batch)).to.deep.equal(expected);
    expect(bundler.bundlesOf(batch).flatMap(({ operations }) => operations)).to.deep.equal(batch);
    const [, sets] = bundler.bundlesOf(batch);
    expect(sets!.call!.slice(2).map(String)).to.deep.equal(['0', 'a', 'x', '', 'b', 'y', '77']);
  });

  it('bundlesOf() leaves alone a command that a script could not do, or that follows ASKING', () => {
    const batch = gets(5);
    batch[1]!.isAlone = true;
    batch[3]!.isAsking = true;
    expect(shapes(new Bundler(), batch)).to.deep.equal([
      'GET 1',
      'GET 1',
      'GET 1',
      'GET 1',
      'GET 1',
    ]);
  });

  it('headOf() ends before the answers of a batch are too long for it', () => {
    const bundler = new Bundler();
    const batch = [...gets(511), operation('SET', 'k', 'v')];
    expect(bundler.headOf(batch)).to.equal(batch);
    for (let at = 0; at < 20; at += 1) bundler.measure(MIB);
    expect(bundler.headOf(batch)).to.deep.equal(batch.slice(0, 16));
    for (let at = 0; at < 20; at += 1) bundler.measure(100 * MIB);
    expect(bundler.headOf(batch)).to.deep.equal(batch.slice(0, 1));
  });

  it('bundlesOf() keeps a bundle short when values are long', () => {
    const bundler = new Bundler();
    expect(shapes(bundler, gets(512)).length).to.be.at.most(3);
    for (let at = 0; at < 20; at += 1) bundler.measure(100_000);
    expect(shapes(bundler, gets(5))).to.deep.equal(['GET 2 in a call', 'GET 2 in a call', 'GET 1']);
    for (let at = 0; at < 1000; at += 1) bundler.measure(100);
    expect(shapes(bundler, gets(512))).to.deep.equal(['GET 512 in a call']);
    const long = Array.from({ length: 3 }, (_, at) =>
      operation('SET', `k${at}`, 'v'.repeat(200_000)),
    );
    expect(shapes(bundler, long)).to.deep.equal(['SET 1', 'SET 1', 'SET 1']);
  });
});

describe('Bundles over two Redis nodes @long', () => {
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

  it('keys whose slot moves are read and written as all others', async () => {
    const keys = [
      ...Array.from({ length: 40 }, (_, at) => `{moves}${at}`),
      ...Array.from({ length: 40 }, (_, at) => `stays${at}`),
    ];
    const slot = slotOf(Buffer.from('k:{moves}'));
    const [one, other] = [cluster.nodes[0]!, cluster.nodes[1]!];
    const from = await cluster.masterOf(slot);
    const to = from === one ? other : one;
    const load = async (round: string): Promise<void> => {
      const stored = await Promise.all(keys.map((key) => s.set(key, round)));
      expect(new Set(stored.map(({ status }) => status))).to.deep.equal(new Set(['stored']));
      const values = await Promise.all(keys.map((key) => s.value(key)));
      expect(new Set(values), `round ${round}`).to.deep.equal(new Set([round]));
    };
    await load('first');
    const state = { isMoving: true };
    const moves = async (): Promise<void> => {
      await cluster.moveSlot(slot, from, to, 5);
      await cluster.moveSlot(slot, to, from, 5);
      state.isMoving = false;
    };
    const moved = moves();
    for (let round = 0; state.isMoving; round += 1) await load(`${round}`);
    await moved;
  });

  it('a key of another type in a bundle is damaged, and the others are not', async () => {
    await Promise.all([s.set('{b}1', 'x'), s.set('{b}2', 'y')]);
    const node = await cluster.masterOf(slotOf(Buffer.from('k:{b}list')));
    await node.command('RPUSH', 'k:{b}list', 'x');
    const found = await Promise.all([s.lookup('{b}1'), s.lookup('{b}list'), s.lookup('{b}none')]);
    expect(found.map(({ kind }) => kind)).to.deep.equal(['hit', 'damaged', 'miss']);
    const stored = await Promise.all([s.set('{b}list', 'new'), s.set('{b}2', 'z')]);
    expect(stored.map(({ status }) => status)).to.deep.equal(['stored', 'stored']);
    expect(await s.value('{b}list')).to.equal('new');
  });

  it('items of a bundle keep their expiry', async () => {
    const expiresAt = s.store.nowMs() + 60_000;
    await Promise.all([s.set('{e}1', 'x', { expiresAt }), s.set('{e}2', 'y')]);
    const node = await cluster.masterOf(slotOf(Buffer.from('k:{e}1')));
    expect(Number(await node.command('PTTL', 'k:{e}1'))).to.be.within(1, 60_000);
    expect(Number(await node.command('PTTL', 'k:{e}2'))).to.equal(-1);
  });
});

describe('Bundles over a node with a replica @long', () => {
  let cluster: RedisCluster;
  let s: RedisSubject;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    cluster = await RedisCluster.start({ program, masters: 1, replicas: 1 });
    s = await RedisSubject.open(cluster);
  });
  after(async () => {
    await s?.fixture.close();
    await cluster?.close();
  });

  const names = Array.from({ length: 20 }, (_, at) => `n${at}`);

  async function statuses(of: RedisSubject, value: string): Promise<Set<string>> {
    const stored = await Promise.all(names.map((name) => of.set(name, value)));
    return new Set(stored.map(({ status }) => status));
  }

  async function values(of: RedisSubject): Promise<Set<string | undefined>> {
    return new Set(await Promise.all(names.map((name) => of.value(name))));
  }

  it('the replica has what a bundle stored when the answers come', async () => {
    const replica = await cluster.nodes[1]!.connect();
    try {
      await replica.call('READONLY');
      expect(await statuses(s, 'x')).to.deep.equal(new Set(['stored']));
      for (const name of names) expect(await replica.exists(`k:${name}`)).to.equal(1);
    } finally {
      replica.disconnect();
    }
  });

  it('commands that the user may not do are refused, and the others of the bundle are done', async () => {
    const [node] = cluster.nodes;
    await node!.command('ACL', 'SETUSER', 'part', 'on', '>secret', '~k:mine*', '~m:*', '+@all');
    const part = await RedisSubject.open(cluster, { user: 'part', password: 'secret' });
    try {
      const stored = await Promise.all(
        ['mine1', 'other', 'mine2'].map((key) => part.set(key, 'x')),
      );
      expect(stored.map(({ status }) => status)).to.deep.equal(['stored', 'closed', 'stored']);
      const found = await Promise.all(['mine1', 'other', 'mine2'].map((key) => part.lookup(key)));
      expect(found.map(({ kind }) => kind)).to.deep.equal(['hit', 'refused', 'hit']);
    } finally {
      await part.fixture.close();
    }
  });

  it('a full memory refuses each set of a bundle, and no get', async () => {
    const [node] = cluster.nodes;
    await statuses(s, 'before');
    await node!.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect(await statuses(s, 'after')).to.deep.equal(new Set(['no-memory']));
      expect(await values(s)).to.deep.equal(new Set(['before']));
    } finally {
      await node!.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  it('bundles that find no script are sent again, in their order', async () => {
    for (let round = 0; round < 5; round += 1) {
      const flushed = cluster.nodes[0]!.command('SCRIPT', 'FLUSH');
      const stored = names.map((name) => s.set(name, `${round}`));
      const found = values(s);
      await flushed;
      const done = new Set((await Promise.all(stored)).map(({ status }) => status));
      expect(done).to.deep.equal(new Set(['stored']));
      expect(await found).to.deep.equal(new Set([`${round}`]));
    }
  });

  it('values that are longer than expected come back in several bundles', async () => {
    const value = Buffer.alloc(400_000, 'v').toString();
    const keys = Array.from({ length: 8 }, (_, at) => `long${at}`);
    await Promise.all(keys.map((key) => s.set(key, value)));
    const node = await cluster.nodes[0]!.connect();
    try {
      const call = ['EVAL', GETS.text, '0', ...keys.map((key) => `k:${key}`)] as const;
      expect(await node.callBuffer(...call)).to.have.lengthOf(3);
    } finally {
      node.disconnect();
    }
    for (let at = 0; at < 1000; at += 1) await s.value('short');
    const found = await Promise.all(keys.map((key) => s.value(key)));
    expect(found.every((each) => each === value)).to.equal(true);
  });

  it('512 values of 1 MiB at once do not take the link down', async () => {
    await s.set('long', Buffer.alloc(MIB, 'v').toString());
    const found = await Promise.all(Array.from({ length: 512 }, () => s.lookup('long')));
    expect(found[0]!.kind).to.equal('hit');
    expect((await s.set('long', 'x')).status).to.equal('stored');
  });

  it('keys and values are any bytes', async () => {
    const keys = Array.from({ length: 256 }, (_, byte) => Buffer.from([byte, 0x0d, 0x0a, byte]));
    await Promise.all(
      keys.map(async (key) =>
        s.store.put({ key, value: key, flags: 0, expiresAt: 0, mode: 'set' }),
      ),
    );
    const found = await Promise.all(keys.map(async (key) => s.store.get(key)));
    for (const [at, lookup] of found.entries()) {
      const value = lookup.kind === 'hit' ? lookup.item.value : undefined;
      expect(value, `${at}`).to.deep.equal(keys[at]);
    }
  });
});
