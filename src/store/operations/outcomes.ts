// Outcomes of changes that were made: one object that the next change reuses. A write makes no object and no BigInt of
// the token, which the reply may not show.
//
// Invariant: an outcome is valid until the next call of the store. Code that keeps it longer calls `ownOutcome` first.

import type { Outcome, PutOutcome, Status } from '../store.js';

export class StoredOutcome implements PutOutcome {
  readonly status: Status;
  after = 0;
  valueBytes = 0;
  #chosenCas: bigint | undefined;

  constructor(status: Status) {
    this.status = status;
  }

  /** The CAS token: the record's seq, or the token that a client chose. */
  get cas(): bigint {
    return this.#chosenCas ?? BigInt(this.after);
  }

  fill(seq: number, chosenCas: bigint | undefined, valueBytes: number): this {
    this.after = seq;
    this.valueBytes = valueBytes;
    this.#chosenCas = chosenCas;
    return this;
  }
}

/** Returns a copy of the outcome, to be kept. */
export function ownOutcome<O extends Outcome>(outcome: O): O {
  return { ...outcome, cas: outcome.cas };
}
