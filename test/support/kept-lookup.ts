// A Lookup and an Outcome are valid until the next call of the store; a test that waits, or compares several, keeps its own.

import { ownLookup } from '../../src/store/own-lookup.js';
import { ownOutcome } from '../../src/store/operations/outcomes.js';
import type * as S from '../../src/store/store.js';

/** What the store said, to be kept while it is asked for more. */
export async function kept(found: S.Maybe<S.Lookup>): Promise<S.Lookup> {
  return found instanceof Promise ? found : ownLookup(found);
}

/** What a change came to, to be kept likewise. */
export async function keptOutcome<O extends S.Outcome>(outcome: S.Maybe<O>): Promise<O> {
  return outcome instanceof Promise ? outcome : ownOutcome(outcome);
}
