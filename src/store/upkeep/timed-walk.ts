// Timed walk: one slice of a walk over the keydir, with a bound of keys and of ms. A visit may cost a hundred times
// the usual, for instance under many delete_prefix of all lengths.

import type { Clock } from '../../env/env.js';
import type { KeydirView } from '../keydir/keydir.js';

/** The clock is read once per so many keys. */
const PIECE_KEYS = 8;

/**
 * Does what Keydir.walk does, for `sliceMs` at most. When the time is over, the remaining keys are skipped and the
 * cursor is set back to them. This is quicker than many short walks, each of which has to find its place again.
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
