import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { Fs } from '../../../../src/env/env.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import type { Placed } from '../../../../src/log/commit/group-commit.js';
import { readManifest } from '../../../../src/log/segments/manifest-file.js';
import { verifyLog, type Finding } from '../../../../src/log/damage/verification.js';
import { openStore } from '../../../../src/store/open-store.js';
import { DIR } from '../../../sim/engine.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { SimLog } from '../../../support/sim-log.js';
import { removeFolder } from '../../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());

async function verify(dir: string, fs: Fs = env.fs): Promise<readonly Finding[]> {
  const manifest = await readManifest(fs, dir);
  if (manifest === undefined) throw new Error('There is a manifest');
  return (await verifyLog(fs, dir, manifest, () => {})).findings;
}

/** Changes one byte of a file. */
function damage(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset]! ^= 0x10;
  writeFileSync(path, bytes);
}

function segments(dir: string): string[] {
  const names = readdirSync(dir).filter((name) => name.endsWith('.seg'));
  return names.sort().map((name) => join(dir, name));
}

const isDamage = (found: readonly Finding[]): boolean[] => found.map((each) => each.isDamage);

describe('verifyLog()', () => {
  let root = '';
  let stopped = '';

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'verify-'));
    stopped = join(root, 'stopped');
    const options = { segmentBytesMax: 16 * 1024, snapshot: 'never', compactRatio: 0.9 } as const;
    const store = await openStore(env, stopped, options);
    for (let i = 0; i < 60; i += 1) {
      const value = Buffer.alloc(i === 5 ? 2_000_000 : 900, `value ${i};`);
      await store.put({ mode: 'set', key: Buffer.from(`k${i}`), value, flags: 0, expiresAt: 0 });
      while (store.durability.watermark < store.durability.lastSeq) await new Promise(setImmediate);
    }
    await store.close();
  });
  after(() => removeFolder(root));

  /** Returns a copy that the test may damage. */
  function copyOf(dir: string): string {
    const copy = mkdtempSync(join(root, 'copy-'));
    cpSync(dir, copy, { recursive: true });
    return copy;
  }

  it('finds nothing in a stopped store', async () => {
    expect(await verify(stopped)).to.deep.equal([]);
  });

  it('names every damaged frame of a sealed segment by its own offset', async () => {
    const dir = copyOf(stopped);
    const [path = ''] = segments(dir);
    const bytes = readFileSync(path);
    const places = ['value 2;', 'value 4;'].map((text) => bytes.indexOf(text));
    for (const at of places) damage(path, at);
    const found = await verify(dir);
    expect(found.map((finding) => finding.path)).to.deep.equal([path, path]);
    // The value of a frame stands behind a header of 32 bytes and the key.
    expect(found.map(({ offset }) => offset)).to.deep.equal(places.map((at) => at - 32 - 2));
    expect(found.every(({ isDamage, what }) => isDamage && /frame: checksum/.test(what))).to.equal(
      true,
    );
  });

  it('tells apart damage before a durable batch of the open segment, a torn tail and a mere crash', async () => {
    const sim = await SimLog.open();
    const placed: Placed[] = [];
    for (let i = 0; i < 5; i += 1) {
      placed.push(sim.append(`k${i}`, 900)!);
      await sim.wait(sim.log.drained());
    }
    sim.world.kill();
    const verifySim = (): Promise<readonly Finding[]> => sim.wait(verify(DIR, sim.world.boot().fs));
    const spoil = ({ segment, offset }: Placed): void =>
      sim.world.disk.find(segment.file.path)!.corrupt(offset + 100, 0x10);
    expect(isDamage(await verifySim())).not.to.include(true);
    spoil(placed[4]!);
    const torn = await verifySim();
    expect(isDamage(torn)).to.deep.equal([false]);
    expect(torn[0]?.what).to.contain('torn tail');
    spoil(placed[1]!);
    expect(isDamage(await verifySim()).filter(Boolean)).to.have.length(1);
  });

  it('names the chunk of a large value, a missing segment and a foreign one', async () => {
    const dir = copyOf(stopped);
    const large = readdirSync(dir).find((name) => name.endsWith('.val'))!;
    damage(join(dir, large), 700_000);
    const [first = '', second = '', third = ''] = segments(dir);
    rmSync(first);
    writeFileSync(second, readFileSync(third));
    const found = await verify(dir);
    const places = found.map(({ path, offset }) => [path, offset]);
    expect(places).to.deep.include([first, 0]);
    expect(places).to.deep.include([second, 0]);
    expect(found.every(({ isDamage }) => isDamage)).to.equal(true);
    const again = copyOf(stopped);
    damage(join(again, large), 700_000);
    const [finding, ...others] = await verify(again);
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ path: join(again, large), isDamage: true });
    // Chunks of 256 KiB, each behind 8 bytes, follow a header of 32 bytes; the third holds the byte.
    expect(finding?.offset).to.equal(32 + 2 * (8 + 256 * 1024));
  });
});
