// The outcome of a change that was made: one object that the next one fills again, so that a write makes neither an
// object nor the BigInt of a token that its reply may not show.
//
// Invariant: it is right until the next call of the store. Who waits longer takes `ownOutcome` first.

import type { Outcome, PutOutcome, Status } from '../store.js';

export class StoredOutcome implements PutOutcome {
  readonly status: Status;
  after = 0;
  valueBytes = 0;
  #chosenCas: bigint | undefined;

  constructor(status: Status) {
    this.status = status;
  }

  /** The token: the record's seq, or the one that a client chose. */
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

/** The same, to be kept. */
export function ownOutcome<O extends Outcome>(outcome: O): O {
  return { ...outcome, cas: outcome.cas };
}
