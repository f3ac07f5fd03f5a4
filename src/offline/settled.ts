// Settled looks: reads a directory that another process may change meanwhile. A running server removes compacted
// segments; a backup removes files that are too old.
//
// Invariant: a failure that a second look does not confirm was a change by that process, not damage.

import { isKvError, systemCode } from '../errors.js';

/** Another process changes the directory only rarely, so a failure at this many looks is damage. */
const LOOKS_MAX = 10;

/** Repeats a look at the directory until it succeeds or fails twice in the same way. */
export async function settled<T>(look: () => Promise<T>): Promise<T> {
  let before = '';
  for (let looks = 1; ; looks += 1) {
    try {
      return await look();
    } catch (error: unknown) {
      const isChange = isKvError(error, 'KV_CORRUPTION') || systemCode(error) === 'ENOENT';
      const again = String(error);
      if (!isChange || again === before || looks === LOOKS_MAX) throw error;
      before = again;
    }
  }
}
