// RedisSource: the strings of a real Redis, and the refusals and failures.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';
import { Redis } from 'ioredis';

import type { SnapshotEntry } from '../../../../src/store/snapshot-file/entry-fields.js';
import { RedisSource } from '../../../../tools/load/redis-source.js';
import { isRedisUrl, redisPlace } from '../../../../tools/load/redis-url.js';
import { requireProgram } from '../../../support/programs.js';
import { startRedis, type RedisServer } from '../../../support/redis-server.js';
import { temporaryFolder } from '../../../support/servers.js';
import { runTool } from '../../../support/tool-run.js';
import { removeFolder } from '../../../support/remove-folder.js';

const PASSWORD = 'p@ss: word';
const TIMEOUT_MS = 10_000;

async function read(source: RedisSource): Promise<{ entries: SnapshotEntry[]; notes: string }> {
  try {
    const entries = [];
    for await (const entry of source.entries()) entries.push(entry);
    return { entries, notes: source.notes().join('\n') };
  } finally {
    source.close();
  }
}

describe('RedisSource', () => {
  let dir = '';
  let server: RedisServer;
  let client: Redis;

  before(async function () {
    const program = requireProgram(this, 'redis-server', 'redis-server');
    dir = temporaryFolder();
    server = await startRedis(program, dir, ['--requirepass', PASSWORD]);
    client = new Redis({ port: server.port, password: PASSWORD });
  });
  after(async () => {
    client?.disconnect();
    await server?.kill();
    if (dir !== '') removeFolder(dir);
  });
  beforeEach(() => client.flushall());

  function url(rest = ''): string {
    return `redis://127.0.0.1:${server.port}${rest}`;
  }

  async function open(
    rest = '',
    env: NodeJS.ProcessEnv = { REDISCLI_AUTH: PASSWORD },
  ): Promise<RedisSource> {
    return RedisSource.open(await redisPlace(url(rest), env, undefined), TIMEOUT_MS);
  }

  it('entries() gives the strings with their expiries, whatever the bytes, and counts others by type', async () => {
    const odd = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x20]);
    await client.set('a', '1');
    await client.set(odd, odd, 'PX', 100_000);
    await client.set('empty', '');
    await client.setbit('bits', 9, 1);
    await client.set('', 'no key');
    await client.set(Buffer.alloc(65_536, 'k'), 'too long');
    await client.hset('h', 'f', 'v');
    await client.rpush('l', '1');
    await client.rpush('l2', '1');
    await client.zadd('z', 1, 'm');
    const { entries, notes } = await read(await open());
    const nowMs = Date.now();
    const found = new Map(entries.map((entry) => [entry.key.toString('latin1'), entry]));
    expect([...found.keys()].sort()).to.deep.equal(
      ['a', 'bits', 'empty', odd.toString('latin1')].sort(),
    );
    expect(found.get('a')).to.deep.include({
      value: Buffer.from('1'),
      flags: 0,
      expiresAt: 0,
      cas: 0n,
    });
    expect(found.get('empty')?.value.length).to.equal(0);
    expect(found.get('bits')?.value).to.deep.equal(Buffer.from([0, 0x40]));
    const expiring = found.get(odd.toString('latin1'))!;
    expect(expiring.value).to.deep.equal(odd);
    expect(expiring.expiresAt).to.be.within(nowMs + 60_000, nowMs + 100_000);
    for (const part of [
      '1 hash',
      '2 list',
      '1 zset',
      '1 with an empty key',
      '1 with a key over 65,535',
    ])
      expect(notes).to.contain(part);
  });

  it('entries() gives every key of more than one SCAN, and none of another database', async () => {
    const pipeline = client.pipeline();
    for (let at = 0; at < 3000; at += 1) pipeline.set(`key-${at}`, `value-${at}`);
    await pipeline.exec();
    const source = await open();
    expect(source.total).to.equal(3000);
    const { entries } = await read(source);
    // SCAN may give a key twice.
    const pairs = new Set(entries.map(({ key, value }) => `${key.toString()}=${value.toString()}`));
    expect(pairs.size).to.equal(3000);
    expect(pairs.has('key-2999=value-2999')).to.equal(true);
    expect((await read(await open('/3'))).entries).to.deep.equal([]);
  });

  it('open() fails without the password (77), and for a database that does not exist (69)', async () => {
    for (const [rest, env, code] of [
      ['', {}, 77],
      ['', { REDISCLI_AUTH: 'wrong' }, 77],
      ['/99', { REDISCLI_AUTH: PASSWORD }, 69],
    ] as const) {
      const outcome: unknown = await open(rest, env).catch((error: unknown) => error);
      expect(outcome, rest).to.include({ name: 'ToolError', exitCode: code });
    }
  });

  it('entries() fails with 77 for a user without the rights, and names these and no password', async () => {
    await client.set('a', '1');
    await client.set('k:1', '2');
    const rights = ['on', '>secret', '~k:*', '+@read', '+select'];
    await client.call('ACL', 'SETUSER', 'bob', ...rights);
    const place = `redis://bob:secret@127.0.0.1:${server.port}`;
    const openAsBob = async (): Promise<RedisSource> =>
      RedisSource.open(await redisPlace(place, {}, undefined), TIMEOUT_MS);
    const outcome: unknown = await openAsBob()
      .then(read)
      .catch((error: unknown) => error);
    expect(outcome).to.include({ name: 'ToolError', exitCode: 77 });
    expect((outcome as Error).message)
      .to.contain('ACL SETUSER')
      .and.not.contain('REDISCLI_AUTH');
    await client.call('ACL', 'SETUSER', 'bob', '~*');
    expect((await read(await openAsBob())).entries).to.have.length(2);
  });

  it('open() fails with 76 at a server that is no Redis', async () => {
    const other = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('ERROR\r\n'));
    });
    await once(other.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = other.address() as net.AddressInfo;
      const place = await redisPlace(`redis://127.0.0.1:${port}`, {}, undefined);
      const outcome: unknown = await RedisSource.open(place, TIMEOUT_MS).catch(
        (error: unknown) => error,
      );
      expect(outcome).to.include({ name: 'ToolError', exitCode: 76 });
      expect((outcome as Error).message).to.contain('is no Redis');
    } finally {
      other.close();
    }
  });

  it('kv-load loads them into a store, says what it left out, and shows no password @long', async () => {
    await client.set('a', '1');
    await client.set('b', '2', 'EX', 100);
    await client.hset('h', 'f', 'v');
    const file = join(dir, 'password');
    writeFileSync(file, `${PASSWORD}\n`);
    const secret = encodeURIComponent(PASSWORD);
    const into = join(dir, 'store');
    for (const [source, ...more] of [
      [url(), '--redis-password-file', file],
      [`redis://:${secret}@127.0.0.1:${server.port}/0`],
    ]) {
      const { code, stderr } = await runTool('kv-load', [into, source!, '--create', ...more]);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.contain('2 keys loaded').and.contain('left out: 1 hash');
      expect(stderr).to.not.contain(PASSWORD).and.not.contain(secret);
    }
    const { stdout } = await runTool('kv-dump', [
      into,
      '--format',
      'csv',
      '--columns',
      'key,value',
    ]);
    expect(stdout.toString().split('\n').sort()).to.deep.equal(['', 'a,1', 'b,2', 'key,value']);
    const swapped = await runTool('kv-load', [`redis://:${secret}@127.0.0.1:1`, into]);
    expect([swapped.code, swapped.stderr.includes(secret)]).to.deep.equal([64, false]);
  });

  it('kv-load says what to install when ioredis is missing @long', async () => {
    const hook = join(dir, 'hook.mjs');
    writeFileSync(
      hook,
      `export function resolve(word, context, next) {
        if (word !== 'ioredis') return next(word, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      }`,
    );
    const preload = join(dir, 'preload.mjs');
    writeFileSync(preload, `import { register } from 'node:module'; register('file://${hook}');`);
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = `--import file://${preload}`;
    try {
      const { code, stderr } = await runTool('kv-load', [join(dir, 'none'), url(), '--create']);
      expect([code, stderr]).to.satisfy(
        ([ended, text]: [number, string]) => ended === 64 && text.includes('npm install ioredis'),
      );
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
    }
  });

  it('entries() fails with 69 when the Redis goes away in the middle', async () => {
    const pipeline = client.pipeline();
    for (let at = 0; at < 3000; at += 1) pipeline.set(`key-${at}`, 'v');
    await pipeline.exec();
    const source = await open();
    let count = 0;
    let outcome: unknown;
    try {
      for await (const _ of source.entries()) {
        count += 1;
        if (count !== 1) continue;
        client.disconnect();
        await server.kill();
      }
    } catch (error: unknown) {
      outcome = error;
    } finally {
      source.close();
    }
    expect(outcome).to.include({ name: 'ToolError', exitCode: 69 });
    expect(count).to.be.within(1, 2999);
  });
}).timeout(60_000);

describe('redisPlace()', () => {
  it('reads host, port, database, user and password', async () => {
    expect(await redisPlace('redis://db1', {}, undefined)).to.include({
      host: 'db1',
      port: 6379,
      db: 0,
      isTls: false,
      name: 'redis://db1:6379/0',
    });
    expect(
      await redisPlace('rediss://ann:a%40b@[::1]:7/4', { REDISCLI_AUTH: 'x' }, undefined),
    ).to.deep.equal({
      host: '::1',
      port: 7,
      db: 4,
      user: 'ann',
      password: 'a@b',
      isTls: true,
      name: 'rediss://[::1]:7/4',
    });
    expect(await redisPlace('redis://h', { REDISCLI_AUTH: 'x' }, undefined)).to.include({
      password: 'x',
    });
    const words = ['redis:a', 'data', 'rediss://h', 'REDIS://h'];
    expect(words.map(isRedisUrl)).to.deep.equal([false, false, true, true]);
  });

  it('refuses a word that is no such URL, without repeating it', async () => {
    for (const word of [
      'redis://:secret@',
      'redis://:secret@h/x',
      'redis://:secret@h:99999',
      'redis://:secret@h?db=1',
      'redis://:secret%zz@h',
    ]) {
      const outcome: unknown = await redisPlace(word, {}, undefined).catch(
        (error: unknown) => error,
      );
      expect(outcome, word).to.include({ exitCode: 64 });
      expect((outcome as Error).message).to.not.contain('secret');
    }
  });
});
