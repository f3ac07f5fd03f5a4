import { expect } from 'chai';

import { segmentName } from '../../src/log/files.js';
import { BATCH_HEADER_BYTES } from '../../src/log/format.js';
import { parseManifest } from '../../src/log/manifest.js';
import { judgeFlip, type Verdict } from './bit-flips.js';
import { DIR, openEngine, readAll } from './engine.js';
import type { Entry } from './history.js';
import { unwrap } from './recovery-check.js';
import { SeededRandom } from './seeded-random.js';
import type { SimDisk } from './sim-disk.js';
import { SimWorld } from './sim-world.js';

const ENGINE = { segmentBytesMax: 4096, cacheBytesMax: 0 };

interface Recorded {
  readonly disk: SimDisk;
  readonly content: ReadonlyMap<string, Entry>;
}

/** A store with these values, sealed by idleness and killed. */
async function record(values: readonly number[], durableEach: boolean): Promise<Recorded> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  const store = unwrap(await world.scheduler.settle(openEngine(world.boot(), ENGINE)), 'start');
  for (const [at, bytes] of values.entries()) {
    const key = Buffer.from(`k${at % 5}`);
    const value = Buffer.alloc(bytes, 97 + at);
    void store.put({ mode: 'set', key, value, flags: at, expiresAt: 0 });
    if (durableEach) await world.scheduler.advance(200);
  }
  await world.scheduler.advance(3000);
  const content = unwrap(await world.scheduler.settle(readAll(store)), 'read');
  world.losePower({ kind: 'lost' });
  return { disk: world.disk, content };
}

/** Segment files in log order, with the end of what is not zero. */
function segments(disk: SimDisk): [string, number][] {
  const found: [string, number][] = [];
  for (const [path, inode] of disk.files()) {
    if (!path.endsWith('.seg')) continue;
    const bytes = inode.cached();
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    found.push([path, end]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('A flipped bit', () => {
  it('in any acknowledged byte of the active segment makes the start refuse, by file', async function () {
    this.timeout(120_000);
    const { disk, content } = await record([9, 0, 30], true);
    const [path, end] = segments(disk).at(-1) ?? ['', 0];
    // The last batch is the seal: it proves the ones before, and may itself be lost.
    const sealAt = Math.floor((end - BATCH_HEADER_BYTES) / 8) * 8;
    const seen: Record<Verdict, number> = { refused: 0, answered: 0, harmless: 0 };
    for (let position = 0; position < sealAt; position++) {
      for (let bit = 0; bit < 8; bit++) {
        seen[await judgeFlip(disk, { path, position, bit }, content, ENGINE)]++;
      }
    }
    console.log(`      ${sealAt * 8} flips: ${JSON.stringify(seen)}`);
    expect(seen).to.deep.equal({ refused: sealAt * 8, answered: 0, harmless: 0 });
  });

  it('in a sealed segment is refused or answered as damage, with hints and without', async function () {
    this.timeout(120_000);
    const seed = 21;
    const random = new SeededRandom(seed);
    const { disk, content } = await record([900, 700, 800, 600, 900, 800, 700], true);
    const manifest = Buffer.from(disk.find(`${DIR}/MANIFEST`)?.cached() ?? []).toString();
    const sealed = parseManifest(manifest, 'MANIFEST').segments.flatMap((entry) => {
      const path = `${DIR}/${segmentName(entry.last, entry.generation)}`;
      return entry.bytes === null ? [] : [[path, entry.bytes] as const];
    });
    expect(sealed.length).to.be.greaterThan(0);
    for (const useHints of [false, true]) {
      const seen: Record<Verdict, number> = { refused: 0, answered: 0, harmless: 0 };
      for (let at = 0; at < 600; at++) {
        const [path, end] = random.pick(sealed);
        const flip = { path, position: random.below(end), bit: random.below(8) };
        seen[await judgeFlip(disk, flip, content, { ...ENGINE, useHints })]++;
      }
      console.log(
        `      seed ${seed}, ${useHints ? 'with' : 'without'} hints: ${JSON.stringify(seen)}`,
      );
      if (!useHints) expect(seen.refused).to.equal(600);
    }
  });

  it('in the manifest makes the start refuse', async function () {
    this.timeout(60_000);
    const { disk, content } = await record([10], true);
    const path = `${DIR}/MANIFEST`;
    const bytes = disk.find(path)?.size ?? 0;
    for (let position = 0; position < bytes; position++) {
      const flip = { path, position, bit: position % 8 };
      // The line end that closes the file says nothing.
      if ((await judgeFlip(disk, flip, content, ENGINE)) !== 'refused') {
        expect(position).to.equal(bytes - 1);
      }
    }
  });
});
