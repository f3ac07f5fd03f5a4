// Making a hint: reads a sealed segment and writes its hint.

import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { HintBuilder } from '../bytes/hint.js';
import { writeHint } from './hint-file.js';
import type { HashSeed } from '../bytes/key-hash.js';
import type { Segment } from './segment.js';
import { SegmentScanner } from './segment-scanner.js';

type HintSource = Pick<
  Segment,
  'first' | 'last' | 'generation' | 'salt' | 'committedBytes' | 'file'
>;

/** Scans the segment up to its end and writes its hint. Throws KV_CORRUPTION when a batch is damaged. */
export async function makeHint(
  fs: Fs,
  dir: string,
  segment: HintSource,
  seed: HashSeed,
): Promise<void> {
  const { file, salt, committedBytes } = segment;
  const builder = new HintBuilder();
  const scanner = new SegmentScanner(file, salt, committedBytes);
  scanner.reusesWindow = true;
  const take = (source: Buffer, at: number, offset: number): void => {
    builder.addFrame(source, at, offset);
  };
  let lastSeq = 0;
  let timeMs = 0;
  for (let header = await scanner.nextInto(take); header !== undefined;) {
    lastSeq = Math.max(lastSeq, header.firstSeq);
    timeMs = Math.max(timeMs, header.timeMs);
    header = await scanner.nextInto(take);
  }
  if (scanner.defect !== undefined) {
    const { defect, offset } = scanner.defect;
    throw new KvError('KV_CORRUPTION', `A batch is damaged (${defect})`, {
      path: file.path,
      offset,
    });
  }
  lastSeq = Math.max(lastSeq, builder.lastSeq);
  await writeHint(fs, dir, segment, builder.finish(segment, { lastSeq, timeMs }, seed));
}
