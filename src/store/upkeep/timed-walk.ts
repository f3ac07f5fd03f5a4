// One slice of a walk over the keydir: so many keys, and no longer than so many ms, whatever a look at each costs
// (under many delete_prefix of all lengths it is a hundred times the usual).

import type { Clock } from '../../env/env.js';
import type { KeydirView } from '../keydir/keydir.js';

/** The clock is asked each few keys. */
const PIECE_KEYS = 8;

/**
 * As Keydir.walk, for `sliceMs` at most. What is left when they are over is passed over, and the cursor goes back to
 * it: that is quicker than many short walks, which each look for their place again.
 */
export function walkFor(
  clock: Clock,
  sliceMs: number,
  keydir: KeydirView,
  cursor: number,
  keysMax: number,
  visit: (ref: number) => void,
): number {
  const endMs = clock.monotonicMs() + sliceMs;
  let visited = 0;
  let stoppedAt = 0;
  const next = keydir.walk(cursor, keysMax, (ref) => {
    if (stoppedAt !== 0) return;
    if (visited > 0 && visited % PIECE_KEYS === 0 && clock.monotonicMs() >= endMs) {
      stoppedAt = ref;
      return;
    }
    visited += 1;
    visit(ref);
  });
  return stoppedAt === 0 ? next : stoppedAt;
}
