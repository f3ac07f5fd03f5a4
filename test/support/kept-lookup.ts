// A Lookup is valid until the next call of the store; a test that waits, or compares several, keeps its own.

import { ownLookup } from '../../src/store/found-item.js';
import type * as S from '../../src/store/store.js';

/** What the store said, to be kept while it is asked for more. */
export async function kept(found: S.Maybe<S.Lookup>): Promise<S.Lookup> {
  return found instanceof Promise ? found : ownLookup(found);
}
