// A history that is not kept, for tests of what stands above it.

import type { Fs } from '../../src/env/env.js';
import { History } from '../../src/log/history.js';

export function noHistory(fs: Fs, dir: string): History {
  return new History(fs, dir, { keepMs: 0, bytesMax: 0 }, { nowMs: () => 0, lastSeq: 0 });
}
