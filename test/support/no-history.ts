// A history that keeps nothing, for tests of the code above it.

import type { Env } from '../../src/env/env.js';
import { History } from '../../src/log/history.js';

export function noHistory(env: Env, dir: string): History {
  return new History(env, dir, { keepMs: 0, bytesMax: 0 }, { nowMs: () => 0, lastSeq: 0 });
}
