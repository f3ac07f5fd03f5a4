// open() and the store it returns, as an embedding program uses them, on the real disk.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runInNewContext } from 'node:vm';

import { expect } from 'chai';

import { Cairn, isKvError, open } from '../../src/index.js';
import { removeFolder } from '../support/remove-folder.js';

describe('open()', () => {
  let dir: string;
  let store: Cairn;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-embedded-'));
    store = await open(dir);
  });
  afterEach(async () => {
    await store.close();
    removeFolder(dir);
  });

  it('set() and get() take strings and bytes', async () => {
    expect(await store.set('text', 'grüße', { flags: 7 })).to.equal('stored');
    expect(await store.set(Buffer.from([0, 255]), new Uint8Array([1, 2]))).to.equal('stored');
    const text = await store.get('text');
    expect(text?.value.toString()).to.equal('grüße');
    expect(text?.flags).to.equal(7);
    expect((await store.get(Buffer.from([0, 255])))?.value).to.deep.equal(Buffer.from([1, 2]));
    expect(await store.get('nothing')).to.equal(undefined);
  });

  it('the conditional puts keep the conditions of memcached', async () => {
    expect(await store.replace('k', 'x')).to.equal('not-stored');
    expect(await store.append('k', 'x')).to.equal('not-stored');
    expect(await store.add('k', 'b')).to.equal('stored');
    expect(await store.add('k', 'c')).to.equal('not-stored');
    expect(await store.append('k', 'c')).to.equal('stored');
    expect(await store.prepend('k', 'a')).to.equal('stored');
    const entry = await store.get('k');
    expect(entry?.value.toString()).to.equal('abc');
    expect(await store.cas('k', 'new', entry!.cas + 1n)).to.equal('exists');
    expect(await store.cas('k', 'new', entry!.cas)).to.equal('stored');
    expect(await store.cas('none', 'new', 1n)).to.equal('not-found');
  });

  it('incr() and decr() are unsigned 64-bit', async () => {
    expect(await store.incr('n')).to.equal(undefined);
    await store.set('n', '18446744073709551615');
    expect(await store.incr('n', 2)).to.equal(1n);
    expect(await store.decr('n', 5n)).to.equal(0n);
  });

  it('delete(), touch(), clear() and scan() see each other', async () => {
    await Promise.all(['a:1', 'a:2', 'b:1'].map((key) => store.set(key, key)));
    expect(await store.touch('a:1', 60_000)).to.equal(true);
    expect(await store.touch('none', 60_000)).to.equal(false);
    expect(await store.delete('a:2')).to.equal(true);
    expect(await store.delete('a:2')).to.equal(false);
    const keys = async (prefix?: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of store.scan(prefix)) found.push(key.toString());
      return found.sort();
    };
    expect(await keys()).to.deep.equal(['a:1', 'b:1']);
    expect(await keys('a:')).to.deep.equal(['a:1']);
    await store.clear();
    expect(await store.get('a:1')).to.equal(undefined);
  });

  it('a value that is too large for the log goes into a file and comes back whole', async () => {
    const value = Buffer.alloc(3 * 1024 * 1024 + 17, 'cairn ');
    expect(await store.set('large', value)).to.equal('stored');
    expect((await store.get('large'))?.value.equals(value)).to.equal(true);
    expect(await store.append('large', '!')).to.equal('stored');
    await store.close();
    store = await open(dir);
    const reopened = await store.get('large');
    expect(reopened?.value.length).to.equal(value.length + 1);
    expect(reopened?.value.subarray(-7).toString()).to.equal(`${value.subarray(-6).toString()}!`);
  });

  it('stored items are there after close() and open()', async () => {
    await store.set('k', 'v', { ttlMs: 60_000 });
    const before = await store.get('k');
    await store.close();
    store = await open(dir);
    expect(await store.get('k')).to.deep.equal(before);
  });

  it('a second open() of the directory is refused, and the message says that this process has it open', async () => {
    for (const name of [dir, `${dir}/`, relative('.', dir)]) {
      const second = await open(name).catch((error: unknown) => error);
      expect(isKvError(second, 'KV_LOCKED')).to.equal(true);
      expect(String(second)).to.contain('This process has this data directory open itself');
    }
  });

  it('options may come from another realm, have no prototype or be an instance with values of its own', async () => {
    class Own {
      ttlMs = 60_000;
    }
    const bare = Object.assign(Object.create(null), { ttlMs: 60_000 }) as object;
    const foreign = runInNewContext('({ ttlMs: 60000 })') as object;
    const empty = runInNewContext('({})') as object;
    for (const options of [new Own(), bare, foreign]) {
      await store.set('k', 'v', options);
      expect((await store.get('k'))?.expiresAt).to.be.above(Date.now());
    }
    expect(await store.set('k', 'v', empty)).to.equal('stored');
  });

  it('new Cairn() of anything but a store says how a store is opened', () => {
    for (const given of [dir, undefined, {}])
      expect(() => new Cairn(given as never)).to.throw(TypeError, 'await open(dir');
  });

  it('a closed store rejects with KV_CLOSED', async () => {
    await store.close();
    const refused = await store.set('k', 'v').catch((error: unknown) => error);
    expect(isKvError(refused, 'KV_CLOSED')).to.equal(true);
  });

  it('compact() and snapshot() report what they did', async () => {
    for (let i = 0; i < 50; i += 1) await store.set('k', `v${i}`);
    const report = await store.compact();
    expect(report.bytesAfter).to.be.lessThan(report.bytesBefore);
    const snapshot = await store.snapshot();
    expect(snapshot.count).to.equal(1);
    expect((await store.get('k'))?.value.toString()).to.equal('v49');
  });
});
