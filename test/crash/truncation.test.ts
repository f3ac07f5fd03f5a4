// The log of a real disk, cut at every byte, with zeros behind, as a crash leaves it: the server always starts, with a
// prefix of the records and never half a record. (A file that became shorter was copied badly:
// test/regression/cut-after-crash.test.ts.)

import { cpSync, mkdtempSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../src/env/node-env.js';
import { isKvError } from '../../src/errors.js';
import { SEGMENT_HEADER_BYTES } from '../../src/log/bytes/format.js';
import { openStore } from '../../src/store/open-store.js';
import type { DurableStore } from '../../src/store/durable-store.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { removeFolder } from '../support/remove-folder.js';

const OPTIONS = { segmentBytesMax: 4096, cacheBytesMax: 0 };
const VALUES = ['first', '', 'last'];

/** Opens the real disk without its lock: hundreds of starts would otherwise run flock(1) hundreds of times. */
function open(dir: string): Promise<DurableStore> {
  const env = nodeEnv(new QuietLogger());
  const lock = { release: () => Promise.resolve() };
  return openStore({ ...env, fs: { ...env.fs, lock: () => Promise.resolve(lock) } }, dir, OPTIONS);
}

/** Records the values of k0, k1…, one batch each; leaves the directory as a kill does. */
async function record(dir: string, image: string): Promise<void> {
  const store = await open(dir);
  for (const [at, value] of VALUES.entries()) {
    await store.put({
      mode: 'set',
      key: Buffer.from(`k${at}`),
      value: Buffer.from(value),
      flags: at,
      expiresAt: 0,
    });
    await new Promise<void>((resolve) => {
      store.durability.onDurable(() => {
        if (store.durability.watermark >= store.durability.lastSeq) resolve();
      });
    });
  }
  cpSync(dir, image, { recursive: true });
  await store.close();
}

/** Returns how many values are there, in order, without a gap. */
async function prefixOf(store: DurableStore): Promise<number> {
  const { entries } = store.list(0, 100);
  for (let at = 0; at < entries.length; at++) {
    const lookup = await store.get(Buffer.from(`k${at}`));
    expect(lookup).to.have.nested.property('item.flags', at);
    const value = lookup.kind === 'hit' ? lookup.item.value : undefined;
    expect(Buffer.isBuffer(value) && value.toString()).to.equal(VALUES[at]);
  }
  return entries.length;
}

describe('A real log cut at every byte @long', () => {
  it('starts with a prefix of the records, and never with half of one', async function () {
    this.timeout(120_000);
    const root = mkdtempSync(join(tmpdir(), 'cairn-truncation-'));
    try {
      const image = join(root, 'image');
      await record(join(root, 'recorded'), image);
      const segment = readdirSync(image).find((name) => name.endsWith('.seg')) ?? '';
      const found: number[] = [];
      let cut = SEGMENT_HEADER_BYTES;
      for (; found.at(-1) !== VALUES.length; cut++) {
        const dir = join(root, 'cut');
        cpSync(image, dir, { recursive: true });
        const path = join(dir, segment);
        const { size } = statSync(path);
        truncateSync(path, cut);
        truncateSync(path, size);
        const store = await open(dir);
        found.push(await prefixOf(store));
        await store.close();
        removeFolder(dir);
      }
      expect(found).to.deep.equal(found.toSorted((a, b) => a - b));
      expect([...new Set(found)]).to.deep.equal([0, 1, 2, 3]);
      console.log(`      ${found.length} cuts, ${found.length} starts`);
    } finally {
      removeFolder(root);
    }
  });

  it('a log that is cut inside its header is refused by name', async () => {
    const root = mkdtempSync(join(tmpdir(), 'cairn-truncation-'));
    try {
      await record(join(root, 'recorded'), join(root, 'image'));
      const segment = readdirSync(join(root, 'image')).find((name) => name.endsWith('.seg')) ?? '';
      const path = join(root, 'image', segment);
      truncateSync(path, SEGMENT_HEADER_BYTES - 1);
      const failure: unknown = await open(join(root, 'image')).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isKvError(failure, 'KV_CORRUPTION') && failure.path).to.equal(path);
    } finally {
      removeFolder(root);
    }
  });
});
