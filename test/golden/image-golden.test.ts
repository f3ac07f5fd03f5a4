// The bytes of an image against test/golden/log/image.txt. A difference needs another IMAGE_VERSION: a release must not take
// another release's words of the keydir for its own.

import { expect } from 'chai';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { nodeEnv } from '../../src/env/node-env.js';
import { IMAGE_NAME } from '../../src/log/bytes/file-names.js';
import { ImageFile, writeImage } from '../../src/log/segments/image-file.js';
import type { ImagedLog } from '../../src/log/segments/image-file.js';
import { Flushes } from '../../src/store/flushes/flushes.js';
import type { FlushesState } from '../../src/store/flushes/flushes.js';
import { Keydir } from '../../src/store/keydir/keydir.js';
import type { KeydirState } from '../../src/store/keydir/state.js';
import { SALT, STORE_ID, TIME_MS } from '../support/example-log.js';
import { golden } from '../support/golden-file.js';
import { hexDump, parseHexDump } from '../support/hex-dump.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { removeFolder } from '../support/remove-folder.js';

const HASH_SEED = { k0: 0x5eed, k1: -2 };

/** Returns a keydir with two keys and the free record of a third between them. */
function exampleKeydir(): Keydir {
  const keydir = new Keydir({ seed: HASH_SEED, recency: true });
  for (const [at, key] of ['greeting', 'gone', 'n'].entries()) {
    const ref = keydir.insert(Buffer.from(key));
    keydir.setLocation(ref, 0, 112 + at * 64, 64);
    keydir.setSeq(ref, at + 1);
    keydir.setExpiresAt(ref, at * TIME_MS);
    keydir.setLastUsedSeconds(ref, TIME_MS / 1000 + at);
  }
  keydir.remove(keydir.find(Buffer.from('gone')));
  return keydir;
}

const place = { first: 1, last: 1, generation: 0, salt: SALT, bytes: null };
const LOG: ImagedLog = {
  storeId: STORE_ID.toString('hex'),
  segments: [
    {
      ...place,
      slot: 0,
      liveBytes: 128,
      overheadBytes: 112,
      keptBytes: 0,
      keptFlushBytes: 48,
      keptFlushes: { from: 5, to: 7 },
      flushNeed: { from: 0, to: 0 },
    },
  ],
  end: { last: 1, offset: 352 },
  lastSeq: 4,
  timeMs: TIME_MS,
  hashSeed: HASH_SEED,
};

describe('golden image', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-image-'));
  });
  afterEach(() => removeFolder(dir));

  it('writeImage() writes and ImageFile reads log/image.txt', async () => {
    const { fs } = nodeEnv(new QuietLogger());
    const keydir = exampleKeydir();
    const items = { liveBytes: 128, expiringCount: 1, restingMarks: 0, large: [] };
    const flushes = new Flushes(HASH_SEED);
    flushes.add(5, Buffer.from('gr'), 0);
    flushes.promises.add({ seq: 6, atMs: TIME_MS + 1000, slot: 0 });
    const state = { keydir: keydir.state, items, flushes: flushes.state };
    await writeImage(fs, dir, LOG, { state, words: [...keydir.words, ...flushes.words] });
    const dump = hexDump(readFileSync(join(dir, IMAGE_NAME)));
    const expected = golden('log/image.txt', dump);
    expect(dump).to.equal(expected);

    writeFileSync(join(dir, IMAGE_NAME), parseHexDump(expected));
    const image = await ImageFile.open(fs, dir);
    if (!(image instanceof ImageFile)) throw new Error(`The image is not used: ${image}`);
    expect([image.log, image.state]).to.deep.equal([LOG, state]);
    const copy = new Keydir({ seed: { k0: 0, k1: 0 }, recency: true });
    const read = image.state as { readonly keydir: KeydirState; readonly flushes: FlushesState };
    expect(copy.restore(read.keydir, image.log.hashSeed)).to.equal(true);
    const flushesCopy = new Flushes({ k0: 0, k1: 0 });
    flushesCopy.restore(read.flushes);
    expect(await image.fill(copy.words.concat(flushesCopy.words))).to.equal(true);
    await image.close();
    expect(copy.find(Buffer.from('greeting'))).to.equal(copy.oldest);
    expect(copy.find(Buffer.from('gone'))).to.equal(0);
    expect(copy.seq(copy.find(Buffer.from('n')))).to.equal(3);
    expect(flushesCopy.killerOf(copy, copy.find(Buffer.from('greeting')), 9)).to.equal(5);
    expect(flushesCopy.killerOf(copy, copy.find(Buffer.from('n')), 9)).to.equal(0);
    expect(flushesCopy.promises.nextMs).to.equal(TIME_MS + 1000);
  });
});
