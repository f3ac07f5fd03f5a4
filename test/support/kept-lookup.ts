// Copies of a Lookup and an Outcome, which are valid until the next call of the store, for tests that wait or compare several.

import { ownLookup } from '../../src/store/own-lookup.js';
import { ownOutcome } from '../../src/store/operations/outcomes.js';
import type * as S from '../../src/store/store.js';

/** Returns a copy of what the store found, which stays valid while the store is asked for more. */
export async function kept(found: S.Maybe<S.Lookup>): Promise<S.Lookup> {
  return found instanceof Promise ? found : ownLookup(found);
}

/** Returns a copy of the outcome of a change, likewise. */
export async function keptOutcome<O extends S.Outcome>(outcome: S.Maybe<O>): Promise<O> {
  return outcome instanceof Promise ? outcome : ownOutcome(outcome);
}
