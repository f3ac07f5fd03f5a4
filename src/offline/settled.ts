// Looks at a directory that somebody else may change meanwhile: a running server compacts segments away, a backup
// removes what is too old.
//
// Invariant: a failure that a second look does not confirm was the other one at work, not damage.

import { isKvError, systemCode } from '../errors.js';

/** The directory is changed only so often; after this many looks it is damage. */
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
