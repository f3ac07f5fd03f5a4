// The task 'hint': scans a sealed segment and writes the hint that spares the next start that scan.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { segmentName } from '../../log/files.js';
import { HintBuilder, writeHint } from '../../log/hint.js';
import { SegmentScanner } from '../../log/segment-scanner.js';
import type { HintTask } from './messages.js';
import type { Line } from './worker.js';

export async function writeSegmentHint(
  fs: Fs,
  dir: string,
  { segment, hashSeed }: HintTask,
  line: Line,
): Promise<void> {
  const path = join(dir, segmentName(segment.last, segment.generation));
  const file = await fs.open(path, 'read');
  const builder = new HintBuilder();
  let lastSeq = 0;
  let timeMs = 0;
  try {
    const scanner = new SegmentScanner(file, segment.salt, segment.committedBytes);
    const take = (source: Buffer, at: number, offset: number): void => {
      builder.addFrame(source, at, offset);
    };
    for (let header = await scanner.nextInto(take); header !== undefined;) {
      lastSeq = Math.max(lastSeq, header.firstSeq);
      timeMs = Math.max(timeMs, header.timeMs);
      header = await scanner.nextInto(take);
    }
    if (scanner.defect !== undefined) {
      const { defect, offset } = scanner.defect;
      throw new KvError('KV_CORRUPTION', `A sealed segment is damaged (${defect})`, {
        path,
        offset,
      });
    }
  } finally {
    await file.close();
  }
  lastSeq = Math.max(lastSeq, builder.lastSeq);
  await writeHint(fs, dir, segment, builder.finish(segment, { lastSeq, timeMs }, hashSeed));
  line.post({ done: 'hint' });
}
