// The decision table of docs/recovery.md on the real disk: one test per row, by its number. Each test makes a
// directory as the row describes it and checks what the start does, and that refusals change nothing.

import { expect } from 'chai';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Env } from '../../../../src/env/env.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import type { KvError } from '../../../../src/errors.js';
import { isKvError } from '../../../../src/errors.js';
import { IMAGE_NAME, temporaryName } from '../../../../src/log/bytes/file-names.js';
import { BATCH_HEADER_BYTES } from '../../../../src/log/bytes/format.js';
import type { DurableStore } from '../../../../src/store/durable-store.js';
import { openStore } from '../../../../src/store/open-store.js';
import {
  DataDirectory,
  put,
  successor,
  segmentBytes,
  turn,
  valueOf,
} from '../../../support/data-directory.js';
import { PROJECT_DIR } from '../../../support/golden-file.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { removeFolder } from '../../../support/remove-folder.js';

const SEGMENT_BYTES = 64 * 1024;
const env = nodeEnv(new QuietLogger());
let root = '';
let data = new DataDirectory('');

function open(at = data.path, over: Env = env): Promise<DurableStore> {
  return openStore(over, at, { segmentBytesMax: SEGMENT_BYTES, snapshot: 'never' });
}

/** Fills the directory and leaves it as a kill does: a copy of it while the store is open. */
async function killedAfter(work: (store: DurableStore) => Promise<void>): Promise<void> {
  const live = join(root, 'live');
  const store = await open(live);
  await work(store);
  cpSync(live, data.path, { recursive: true });
  await store.close();
}

/** Fills the directory with one key and stops in order. */
async function stopped(): Promise<void> {
  const store = await open();
  await put(store, 'last', 'value');
  await store.close();
}

/** Fills a directory with a sealed segment, its hint and an active one, and stops in order. */
async function stoppedWithSealed(to = data): Promise<void> {
  const store = await open(to.path);
  for (let i = 0; i < 10; i += 1) {
    await put(store, `key${i}`, Buffer.alloc(8192, 97 + i));
    if (i === 5) await successor(store);
  }
  await put(store, 'last', 'value');
  while (to.names('.hint').length === 0) await turn();
  await store.close();
  expect(to.manifest().segments.map(({ bytes }) => bytes === null)).to.deep.equal([false, true]);
}

/** Checks that the start is refused with that code and changes nothing but the lock file. */
async function refused(code: KvError['code'], over: Env = env): Promise<KvError> {
  writeFileSync(data.pathOf('LOCK'), '');
  const before = data.contents();
  let failure: unknown;
  try {
    await (await open(data.path, over)).close();
  } catch (error) {
    failure = error;
  }
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

describe('docs/recovery.md, the decision table @long', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-table-'));
    data = new DataDirectory(join(root, 'data'));
  });
  afterEach(() => removeFolder(root));

  it('row 1: another process holds the lock', async () => {
    const store = await open();
    await open().then(
      () => expect.fail('two stores'),
      (error: unknown) => expect(isKvError(error, 'KV_LOCKED')).to.equal(true),
    );
    await put(store, 'last', 'value');
    await store.close();
  });

  it('row 2: no manifest and no segment make a new store', async () => {
    const store = await open();
    expect(store.stats().get('curr_items')).to.equal(0);
    await store.close();
    expect(data.manifest().segments).to.have.length(1);
  });

  it('row 3: a creation that was cut short is begun again', async () => {
    mkdirSync(data.path);
    writeFileSync(data.pathOf('0000000001-0000.seg'), segmentBytes(1, 0, 'ab'.repeat(16), false));
    const store = await open();
    await put(store, 'last', 'value');
    await store.close();
    await starts();
  });

  it('row 4: segments with batches and no manifest are refused', async () => {
    await stopped();
    rmSync(data.pathOf('MANIFEST'));
    await refused('KV_CORRUPTION');
  });

  it('row 5: a damaged or incoherent manifest is refused', async () => {
    await stopped();
    const good = data.manifest();
    data.flip('MANIFEST', 20);
    await refused('KV_CORRUPTION');
    const segments = good.segments.map((entry) => ({ ...entry, first: 2, last: 2 }));
    data.writeManifest({ ...good, segments });
    await refused('KV_CORRUPTION');
  });

  it('row 6: a format version of the future is refused by name', async () => {
    await stopped();
    const [segment = ''] = data.names('.seg');
    const bytes = readFileSync(data.pathOf(segment));
    bytes.writeUInt32LE(99, 8);
    writeFileSync(data.pathOf(segment), bytes);
    expect((await refused('KV_FORMAT_VERSION')).message).to.include('99');
  });

  it('row 7: a file of a temporary name is removed', async () => {
    await stopped();
    const manifest = data.read('MANIFEST').toString();
    data.write(temporaryName('MANIFEST', '1'), 'half');
    data.write(temporaryName('MANIFEST', '2'), '');
    data.write(temporaryName('IMAGE', '3'), Buffer.alloc(5000));
    // The release before used these names; the start knows its files by their content.
    data.write('MANIFEST.tmp', manifest.slice(0, 50));
    data.write(
      'IMAGE.tmp',
      Buffer.concat([Buffer.alloc(32), Buffer.from('{"log":{"storeId":"00')]),
    );
    data.write('0000000001-0009.seg.tmp', data.read(data.names('.seg')[0]!).subarray(0, 100));
    await starts();
    expect(data.names('.tmp')).to.deep.equal([]);
  });

  it('row 8: a named segment that is missing or too short is refused by name', async () => {
    await stoppedWithSealed();
    const [first = ''] = data.names('.seg');
    const bytes = readFileSync(data.pathOf(first));
    truncateSync(data.pathOf(first), 1000);
    expect((await refused('KV_CORRUPTION')).path).to.include(first);
    rmSync(data.pathOf(first));
    expect((await refused('KV_CORRUPTION')).path).to.include(first);
    writeFileSync(data.pathOf(first), bytes);
    await starts();
  });

  it('row 9: a segment of another store, or another segment of this store, is refused by name', async () => {
    await stoppedWithSealed();
    await stoppedWithSealed(new DataDirectory(join(root, 'other')));
    const [first = '', second = ''] = data.names('.seg');
    cpSync(join(root, 'other', first), data.pathOf(first));
    expect((await refused('KV_CORRUPTION')).message).to.include('another store');
    cpSync(data.pathOf(second), data.pathOf(first));
    expect((await refused('KV_CORRUPTION')).path).to.include(first);
  });

  it('row 10: a segment that a compaction or a tail rewrite left is removed', async () => {
    await stopped();
    const { storeId } = data.manifest();
    writeFileSync(data.pathOf('0000000001-0099.seg'), segmentBytes(1, 99, storeId, true));
    await starts();
    expect(existsSync(data.pathOf('0000000001-0099.seg'))).to.equal(false);
  });

  it('row 11: a successor whose creation was cut short is removed', async () => {
    await stopped();
    const { storeId } = data.manifest();
    writeFileSync(data.pathOf('0000000002-0000.seg'), segmentBytes(2, 0, storeId, false));
    await starts();
    // An earlier release did not write the header first.
    writeFileSync(data.pathOf('0000000002-0000.seg'), Buffer.alloc(100));
    await starts();
    expect(existsSync(data.pathOf('0000000002-0000.seg'))).to.equal(false);
    writeFileSync(data.pathOf('0000000002-0000.seg'), 'a stranger');
    expect((await refused('KV_CORRUPTION')).path).to.include('0000000002-0000.seg');
  });

  it('row 12: a newer segment with a batch says that the manifest is old', async () => {
    await stopped();
    const { storeId } = data.manifest();
    writeFileSync(data.pathOf('0000000002-0000.seg'), segmentBytes(2, 0, storeId, true));
    expect((await refused('KV_CORRUPTION')).path).to.include('0000000002-0000.seg');
  });

  it('row 13: a segment of a stranger is refused', async () => {
    await stopped();
    writeFileSync(data.pathOf('0000000001-0099.seg'), segmentBytes(1, 99, 'ab'.repeat(16), true));
    expect((await refused('KV_CORRUPTION')).path).to.include('0000000001-0099.seg');
  });

  it('row 14: after a clean stop the tail is opened as it is', async () => {
    await stopped();
    const before = data.names('.seg');
    expect((await starts()).get('kv_recovery_clean')).to.equal(1);
    expect(data.names('.seg')).to.deep.equal(before);
  });

  it('row 15: after a kill the tail is rewritten to its next generation', async () => {
    await killedAfter((store) => put(store, 'last', 'value'));
    const generation = data.manifest().segments.at(-1)!.generation;
    const stats = await starts();
    expect(stats.get('kv_recovery_clean')).to.equal(0);
    expect(stats.get('kv_recovery_torn_bytes')).to.equal(0);
    expect(data.manifest().segments.at(-1)!.generation).to.equal(generation + 1);
  });

  it('row 16: a bad last batch is cut as torn, and everything before it stays', async () => {
    await killedAfter(async (store) => {
      await put(store, 'last', 'value');
      await put(store, 'torn', 'away');
    });
    const [segment = ''] = data.names('.seg');
    data.flip(segment, data.batchesOf(segment).at(-1)! + BATCH_HEADER_BYTES + 2);
    expect((await starts()).get('kv_recovery_torn_bytes')).to.be.above(0);
    const store = await open();
    expect(await valueOf(store, 'torn')).to.equal(undefined);
    await store.close();
  });

  it('row 17: a bad batch that a later one proves durable is refused with its offset', async () => {
    await killedAfter(async (store) => {
      await put(store, 'first', 'value');
      await put(store, 'last', 'value');
    });
    const [segment = ''] = data.names('.seg');
    const [first = 0] = data.batchesOf(segment);
    data.flip(segment, first + BATCH_HEADER_BYTES + 2);
    const failure = await refused('KV_CORRUPTION');
    expect(failure.path).to.include(segment);
    expect(failure.offset).to.equal(first);
    expect(failure.message).to.include('keys that may be stale: "first"');
  });

  it('row 18: a successor that was never used is dropped', async () => {
    await killedAfter(async (store) => {
      for (let i = 0; i < 5; i += 1) await put(store, `key${i}`, Buffer.alloc(8192));
      await put(store, 'last', 'value');
      await successor(store);
    });
    expect(data.names('.seg')).to.have.length(2);
    const unused = data.manifest().segments[1]?.salt;
    const store = await open();
    // The store may already be creating a new successor, since the log is half full.
    expect(data.manifest().segments.map(({ salt }) => salt)).not.to.include(unused);
    expect(await valueOf(store, 'last')).to.equal('value');
    await store.close();
  });

  it('row 19: the older of two open segments is sealed at the end that the newer one says', async () => {
    await stoppedWithSealed();
    unsealNewest();
    await starts();
  });

  it('row 20: the older of two open segments is refused when it ends earlier', async () => {
    await stoppedWithSealed();
    const older = unsealNewest();
    data.flip(older, data.batchesOf(older).at(-1)! + 4);
    expect((await refused('KV_CORRUPTION')).path).to.include(older);
  });

  it('row 21: bad bytes in a scanned sealed segment are refused with their offset', async () => {
    await stoppedWithSealed();
    for (const name of [...data.names('.hint'), IMAGE_NAME]) rmSync(data.pathOf(name));
    const [first = ''] = data.names('.seg');
    const [, second = 0] = data.batchesOf(first);
    data.flip(first, second + BATCH_HEADER_BYTES + 40);
    const failure = await refused('KV_CORRUPTION');
    expect(failure.path).to.include(first);
    expect(failure.offset).to.equal(second);
  });

  it('row 22: a bad hint is not used, and is written again', async () => {
    await stoppedWithSealed();
    const [hint = ''] = data.names('.hint');
    const good = readFileSync(data.pathOf(hint));
    data.flip(hint, 80);
    rmSync(data.pathOf(IMAGE_NAME));
    const store = await open();
    expect(await valueOf(store, 'key0')).to.equal('a'.repeat(8192));
    while (!readFileSync(data.pathOf(hint)).equals(good)) await turn();
    await store.close();
  });

  it('row 23: the file of a large value that no record refers to is removed', async () => {
    await stopped();
    writeFileSync(data.pathOf('000000000000007.val'), 'CAIRNVAL\x01\0\0\0 and more');
    // One half upload is from a release that used the final name at once, and one is from this release.
    const half = Buffer.concat([Buffer.alloc(32), Buffer.from('half an upload')]);
    writeFileSync(data.pathOf('000000000000008.val'), Buffer.concat([half, Buffer.alloc(32)]));
    writeFileSync(data.pathOf(temporaryName('000000000000009.val', '1')), half);
    writeFileSync(data.pathOf('000000000000010.val'), "a stranger's");
    await starts();
    expect(data.names()).to.not.include(temporaryName('000000000000009.val', '1'));
    expect(data.names('.val')).to.deep.equal(['000000000000010.val']);
  });

  it('row 25: a start without room for the tail rewrite is refused, and succeeds later', async () => {
    await killedAfter((store) => put(store, 'last', 'value'));
    const full: Env = { ...env, fs: { ...env.fs, open: openOnFullDisk } };
    const failure = await open(data.path, full).catch((error: unknown) => error);
    expect(isKvError(failure, 'KV_NO_SPACE')).to.equal(true);
    await starts();
  });

  it('row 26: an image that is damaged, or of another state of the log, is not used and is removed', async () => {
    await stopped();
    data.flip(IMAGE_NAME, data.read(IMAGE_NAME).length - 1);
    expect((await starts()).get('kv_recovery_image')).to.equal(0);
    expect((await starts()).get('kv_recovery_image')).to.equal(1);
    const old = data.read(IMAGE_NAME);
    const store = await open();
    while (data.names(IMAGE_NAME).length > 0) await turn();
    await put(store, 'last', 'value');
    await store.close();
    data.write(IMAGE_NAME, old);
    expect((await starts()).get('kv_recovery_image')).to.equal(0);
  });

  it('has a test for every row but row 24, whose test is in test/sim', () => {
    const text = readFileSync(join(PROJECT_DIR, 'docs', 'recovery.md'), 'utf8');
    const rows = [...text.matchAll(/^\| (\d+) +\|/gm)].map(([, number]) => Number(number));
    const source = ['recovery-table', 'recovery-copies']
      .map((name) =>
        readFileSync(join(PROJECT_DIR, `test/unit/log/recovery/${name}.test.ts`), 'utf8'),
      )
      .join('');
    const tests = [...source.matchAll(/it\('row (\d+):/g)].map(([, number]) => Number(number));
    expect([...tests, 24].toSorted((a, b) => a - b)).to.deep.equal(rows);
  });
});

/** Makes the manifest of a process that died between the newest segment's first batch and the next manifest. */
function unsealNewest(): string {
  const { storeId, segments } = data.manifest();
  const at = segments.length - 2;
  const older = segments[at]!;
  const changed = segments.map((entry, i) => (i === at ? { ...entry, bytes: null } : entry));
  data.writeManifest({ storeId, segments: changed });
  return data.names('.seg').find((name) => name.startsWith(String(older.last).padStart(10, '0')))!;
}

const openOnFullDisk: Env['fs']['open'] = async (path, mode) => {
  const file = await env.fs.open(path, mode);
  if (!path.endsWith('.tmp')) return file;
  const methods = ['read', 'sync', 'truncate', 'size', 'close'] as const;
  const bound = Object.fromEntries(methods.map((name) => [name, file[name].bind(file)]));
  // Node reports a full disk with a smaller count and no error.
  return { ...bound, path, write: () => Promise.resolve(10) } as unknown as typeof file;
};
