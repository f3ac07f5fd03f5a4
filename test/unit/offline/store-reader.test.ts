import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { isKvError } from '../../../src/errors.js';
import { openStore } from '../../../src/store/open-store.js';
import { StoreReader } from '../../../src/offline/store-reader.js';
import type { Store } from '../../../src/store/store.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { removeFolder } from '../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());
const OPTIONS = { segmentBytesMax: 64 * 1024, snapshot: 'never' } as const;

async function put(
  store: Store,
  key: string,
  value: string | Buffer,
  expiresAt = 0,
): Promise<void> {
  const bytes = Buffer.from(value as string);
  const put = { mode: 'set', key: Buffer.from(key), value: bytes, flags: 7, expiresAt } as const;
  expect((await store.put(put)).status).to.equal('stored');
}

async function durable(store: Store): Promise<void> {
  while (store.durability.watermark < store.durability.lastSeq) await new Promise(setImmediate);
}

/** Returns key → value of what the directory holds now, read without its lock. */
async function read(dir: string, prefix = ''): Promise<Map<string, string>> {
  const reader = await StoreReader.open(env, dir);
  const found = new Map<string, string>();
  for await (const { key, value, flags } of reader.items(Buffer.from(prefix))) {
    expect(flags).to.equal(7);
    if (value === undefined) throw new Error('An item has a value');
    let bytes = value as Buffer;
    if (!Buffer.isBuffer(value)) {
      bytes = Buffer.alloc(value.bytes);
      await value.read(bytes, 0);
      value.release();
    }
    found.set(key.toString(), bytes.toString('latin1'));
  }
  expect(reader.count(Buffer.from(prefix))).to.equal(found.size);
  await reader.close();
  return found;
}

function failure(path: string): Promise<unknown> {
  return StoreReader.open(env, path).catch((error: unknown) => error);
}

describe('StoreReader', () => {
  let root = '';
  let dir = '';
  let store: Store;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'reader-'));
    dir = join(root, 'data');
    store = await openStore(env, dir, OPTIONS);
  });
  afterEach(async () => {
    await store.close();
    removeFolder(root);
  });

  it('gives what a client would see, without deleted, expired, flushed and overwritten values', async () => {
    await put(store, 'flushed', 'x');
    await store.flush(0);
    await put(store, 'a', '1');
    await put(store, 'a', '2');
    await put(store, 'gone', 'x');
    await store.delete({ key: Buffer.from('gone') });
    await put(store, 'expired', 'x', store.nowMs() - 1);
    await put(store, 'touched', 'y', store.nowMs() + 1000);
    await store.touch(Buffer.from('touched'), store.nowMs() - 1);
    await put(store, 'b', 'z');
    await durable(store);
    expect(Object.fromEntries(await read(dir))).to.deep.equal({ a: '2', b: 'z' });
    expect([...(await read(dir, 'b')).keys()]).to.deep.equal(['b']);
  });

  it('reads large values, also while their files are replaced', async () => {
    const large = Buffer.alloc(3_000_000, 'large');
    await put(store, 'large', large);
    await durable(store);
    const reader = await StoreReader.open(env, dir);
    await put(store, 'large', 'small now');
    await durable(store);
    const bytes = Buffer.alloc(large.length);
    for await (const { value } of reader.items()) {
      if (value === undefined || Buffer.isBuffer(value)) throw new Error('It is large');
      await value.read(bytes, 0);
    }
    expect(bytes.equals(large)).to.equal(true);
    await reader.close();
    expect(Object.fromEntries(await read(dir))).to.deep.equal({ large: 'small now' });
  });

  it('gives the same items of a running, a crashed and a stopped store, and changes no byte', async () => {
    for (let i = 0; i < 500; i += 1) await put(store, `key-${i % 200}`, `value ${i} `.repeat(50));
    await durable(store);
    const running = await read(dir);
    const crashed = join(root, 'crashed');
    cpSync(dir, crashed, { recursive: true });
    const names = readdirSync(crashed).sort();
    const before = names.map((name) => readFileSync(join(crashed, name)).toString('base64'));
    expect(await read(crashed)).to.deep.equal(running);
    expect(readdirSync(crashed).sort()).to.deep.equal(names);
    const after = names.map((name) => readFileSync(join(crashed, name)).toString('base64'));
    expect(after).to.deep.equal(before);
    await store.close();
    expect(await read(dir)).to.deep.equal(running);
    expect(running.size).to.equal(200);
    expect(running.get('key-7')).to.equal('value 407 '.repeat(50));
  });

  it('gives the state at one seq while writers, rotation and compaction go on', async () => {
    let written = 0;
    const stop = new AbortController();
    // Each `n-` record has the next number as its key, so the state at one seq has no gap.
    const writing = (async () => {
      while (!stop.signal.aborted) {
        for (let i = 0; i < 20; i += 1, written += 1) {
          await put(store, `n-${written}`, 'x'.repeat(700));
          await put(store, 'same', String(written));
        }
        await durable(store);
        if (written % 200 === 0) await store.compact({ everything: true });
      }
    })();
    for (let looks = 0; looks < 12; looks += 1) {
      const found = await read(dir, 'n-');
      for (let i = 0; i < found.size; i += 1) expect(found.has(`n-${i}`), `n-${i}`).to.equal(true);
    }
    stop.abort();
    await writing;
    expect((await read(dir, 'n-')).size).to.equal(written);
  });

  it('still reads segments that were compacted away after it opened', async () => {
    for (let i = 0; i < 300; i += 1) await put(store, `key-${i}`, 'x'.repeat(700));
    await durable(store);
    const reader = await StoreReader.open(env, dir);
    const names = readdirSync(dir);
    for (let i = 0; i < 300; i += 1) await put(store, `key-${i}`, 'y'.repeat(700));
    await durable(store);
    await store.compact({ everything: true });
    expect(names.filter((name) => !existsSync(join(dir, name)))).not.to.deep.equal([]);
    let count = 0;
    for await (const { value } of reader.items()) {
      expect(Buffer.isBuffer(value) && value.equals(Buffer.alloc(700, 'x'))).to.equal(true);
      count += 1;
    }
    expect(count).to.equal(300);
    await reader.close();
  });

  it('open() refuses a missing directory and one without a store, and tells both from damage', async () => {
    expect(isKvError(await failure(join(root, 'none')), 'KV_NOT_A_STORE')).to.equal(true);
    expect(isKvError(await failure(root), 'KV_NOT_A_STORE')).to.equal(true);
    await put(store, 'a', 'b');
    await durable(store);
    await store.close();
    rmSync(join(dir, 'MANIFEST'));
    expect(isKvError(await failure(dir), 'KV_CORRUPTION')).to.equal(true);
  });
});
