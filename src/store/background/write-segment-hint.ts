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
  { segment }: HintTask,
  line: Line,
): Promise<void> {
  const path = join(dir, segmentName(segment.last, segment.generation));
  const file = await fs.open(path, 'read');
  const builder = new HintBuilder();
  let lastSeq = 0;
  let timeMs = 0;
  try {
    const scanner = new SegmentScanner(file, segment.salt, segment.committedBytes);
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      for (const frame of batch.frames) builder.add(frame);
      lastSeq = Math.max(lastSeq, batch.frames.at(-1)?.record.seq ?? batch.header.firstSeq);
      timeMs = Math.max(timeMs, batch.header.timeMs);
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
  await writeHint(fs, dir, segment, builder.finish(segment, { lastSeq, timeMs }));
  line.post({ done: 'hint' });
}
