// The rows of the decision table of docs/recovery.md about copies: a copy is incomplete, comes from two moments, or
// shares its files with another directory.

import { expect } from 'chai';
import { linkSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KvError } from '../../../../src/errors.js';
import { isKvError } from '../../../../src/errors.js';
import { IMAGE_NAME } from '../../../../src/log/bytes/file-names.js';
import type { DurableStore } from '../../../../src/store/durable-store.js';
import { openStore } from '../../../../src/store/open-store.js';
import { realEnv } from '../../../support/damaged-store.js';
import { DataDirectory, put, successor, turn, valueOf } from '../../../support/data-directory.js';
import { removeFolder } from '../../../support/remove-folder.js';

let root = '';
let data = new DataDirectory('');

function open(): Promise<DurableStore> {
  return openStore(realEnv, data.path, { segmentBytesMax: 64 * 1024, snapshot: 'never' });
}

/** Fills the directory with one key and stops in order. */
async function stopped(): Promise<void> {
  const store = await open();
  await put(store, 'last', 'value');
  await store.close();
}

/** Fills the directory with a sealed segment, its hint and an active one, and stops in order. */
async function stoppedWithSealed(): Promise<void> {
  const store = await open();
  for (let i = 0; i < 10; i += 1) {
    await put(store, `key${i}`, Buffer.alloc(8192, 97 + i));
    if (i === 5) await successor(store);
  }
  await put(store, 'last', 'value');
  while (data.names('.hint').length === 0) await turn();
  await store.close();
}

/** Checks that the start is refused with that code and changes nothing but the lock file. */
async function refused(code: KvError['code']): Promise<KvError> {
  writeFileSync(data.pathOf('LOCK'), '');
  const before = data.contents();
  const failure = await open().catch((error: unknown) => error);
  if (!isKvError(failure, code)) throw new Error(`Not ${code}: ${String(failure)}`);
  expect(data.contents()).to.equal(before);
  return failure;
}

/** Checks that the start succeeds and `last` is there; returns the statistics of the store. */
async function starts(): Promise<ReadonlyMap<string, number | string>> {
  const store = await open();
  try {
    expect(await valueOf(store, 'last')).to.equal('value');
    return store.stats();
  } finally {
    await store.close();
  }
}

describe('docs/recovery.md, the rows of copies @long', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-copies-'));
    data = new DataDirectory(join(root, 'data'));
  });
  afterEach(() => removeFolder(root));

  it('row 27: a log that ends before what another file proves is refused', async () => {
    const store = await open();
    await put(store, 'last', 'old');
    await store.close();
    const [name = ''] = data.names('.seg');
    const old = data.read(name);
    const again = await open();
    await put(again, 'last', 'value');
    await put(again, 'last', 'value');
    await again.snapshot();
    await again.close();
    const whole = data.read(name);
    data.write(name, old);
    const failure = await refused('KV_CORRUPTION');
    expect(failure.message).to.match(/2 newer writes are missing.*orderly stop/);
    expect(failure.path).to.include(name);
    rmSync(data.pathOf(IMAGE_NAME));
    expect((await refused('KV_CORRUPTION')).message).to.include('by the snapshot of');
    // A snapshot that was cut proves nothing.
    const snapshot = data.read('snapshot.json');
    data.write('snapshot.json', snapshot.subarray(0, -3));
    data.write(name, whole);
    await starts();
  });

  it('row 27, proved by the hint of a segment that the manifest still calls open', async () => {
    await stoppedWithSealed();
    const [first = '', second = ''] = data.names('.seg');
    const { storeId, segments } = data.manifest();
    data.writeManifest({ storeId, segments: [{ ...segments[0]!, bytes: null }] });
    for (const name of [second, IMAGE_NAME]) rmSync(data.pathOf(name));
    truncateSync(data.pathOf(first), data.batchesOf(first)[2]);
    const { message } = await refused('KV_CORRUPTION');
    expect(message).to.match(/newer writes are missing.*when segment 1 was sealed/);
  });

  it('row 28: a large value whose file is missing or short is refused', async () => {
    const store = await open();
    await put(store, 'last', 'value');
    await put(store, 'large', Buffer.alloc(1_200_000, 'large'));
    await store.close();
    const [name = ''] = data.names('.val');
    const bytes = data.read(name);
    data.write(name, bytes.subarray(0, -1));
    expect((await refused('KV_CORRUPTION')).path).to.include(name);
    rmSync(data.pathOf(name));
    expect((await refused('KV_CORRUPTION')).path).to.include(name);
    data.write(name, bytes);
    await starts();
  });

  it('row 29: files of a store without its log refuse a new store', async () => {
    await stoppedWithSealed();
    const hints = data.names('.hint');
    for (const left of [IMAGE_NAME, ...hints]) {
      const bytes = data.read(left);
      for (const name of data.names()) rmSync(data.pathOf(name));
      data.write(left, bytes);
      expect((await refused('KV_CORRUPTION')).path).to.include(left);
      removeFolder(data.path);
      await stoppedWithSealed();
    }
    for (const name of data.names()) rmSync(data.pathOf(name));
    data.write(IMAGE_NAME, 'a picture of our own');
    await (await open()).close();
  });

  it('row 30: a tail that has a second name is rewritten', async () => {
    await stopped();
    const [name = ''] = data.names('.seg');
    linkSync(data.pathOf(name), join(root, 'linked'));
    const bytes = data.read(name);
    expect((await starts()).get('kv_recovery_clean')).to.equal(1);
    expect(data.names('.seg')).not.to.include(name);
    expect(readFileSync(join(root, 'linked')).equals(bytes)).to.equal(true);
  });
});
