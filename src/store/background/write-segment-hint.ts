// The task 'hint': scans a sealed segment and writes its hint, so that the next start need not scan the segment.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { segmentName } from '../../log/bytes/file-names.js';
import { makeHint } from '../../log/segments/make-hint.js';
import type { HintTask, Line } from './messages.js';

export async function writeSegmentHint(
  fs: Fs,
  dir: string,
  { segment, hashSeed }: HintTask,
  line: Line,
): Promise<void> {
  const file = await fs.open(join(dir, segmentName(segment.last, segment.generation)), 'read');
  try {
    await makeHint(fs, dir, { ...segment, file }, hashSeed);
  } finally {
    await file.close();
  }
  line.post({ done: 'hint' });
}
