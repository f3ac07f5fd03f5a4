import { expect } from 'chai';

import { segmentName } from '../../src/log/bytes/file-names.js';
import { parseManifest } from '../../src/log/bytes/manifest.js';
import { judgeFlip, recordSealed, sealAt, type Verdict } from './bit-flips.js';
import { DIR } from './engine.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';

const ENGINE = { segmentBytesMax: 4096, cacheBytesMax: 0 };

describe('A flipped bit', () => {
  it('in any acknowledged byte of the active segment makes the start refuse and name the file', async function () {
    this.timeout(120_000);
    const { disk, content } = await recordSealed(ENGINE, [9, 0, 30], true);
    const [path, end] = sealAt(disk);
    const seen: Record<Verdict, number> = { refused: 0, answered: 0, harmless: 0 };
    for (let position = 0; position < end; position++) {
      for (let bit = 0; bit < 8; bit++) {
        seen[await judgeFlip(disk, { path, position, bit }, content, ENGINE)]++;
      }
    }
    console.log(`      ${end * 8} flips: ${JSON.stringify(seen)}`);
    expect(seen).to.deep.equal({ refused: end * 8, answered: 0, harmless: 0 });
  });

  it('in a sealed segment is refused or answered as damage, with hints and without @long', async function () {
    this.timeout(120_000);
    const seed = 21;
    const random = new SeededRandom(seed);
    const { disk, content } = await recordSealed(ENGINE, [900, 700, 800, 600, 900, 800, 700], true);
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
    const { disk, content } = await recordSealed(ENGINE, [10], true);
    const path = `${DIR}/MANIFEST`;
    const bytes = disk.find(path)?.size ?? 0;
    expect(bytes).to.be.above(100);
    const accepted: number[] = [];
    for (let position = 0; position < bytes; position++) {
      const flip = { path, position, bit: position % 8 };
      if ((await judgeFlip(disk, flip, content, ENGINE)) !== 'refused') accepted.push(position);
    }
    expect(accepted).to.deep.equal([]);
  });
});
