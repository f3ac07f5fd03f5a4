// When a walk over the keydir retires flushes: all that were open before, once it has seen every item that they
// have killed.
//
// A failed commit may put an old item back, which the walk would not see. So it begins only when the flushes that it
// is for are durable, and after that all that was appended before they were: who has appended since knows that
// what the flushes have killed is dead for good, and puts nothing of that back.

import type { Log } from '../../log/log.js';
import type { Flushes } from './flushes.js';

export class FlushPass {
  readonly #flushes: Flushes;
  readonly #log: Pick<Log, 'lastSeq' | 'watermark'>;
  /** Closed sets that the pass is for; 0: there is none. */
  #sets = 0;
  /** What must be durable for the next step. */
  #awaitedSeq = 0;
  #step: 'flushes' | 'others' | 'ready' | 'walking' = 'flushes';

  constructor(flushes: Flushes, log: Pick<Log, 'lastSeq' | 'watermark'>) {
    this.#flushes = flushes;
    this.#log = log;
  }

  /** Takes the next step, now and then: true when the next walk over all keys will retire flushes. */
  prepare(): boolean {
    const { lastSeq, watermark } = this.#log;
    if (this.#sets === 0) {
      if (!this.#flushes.isOpen) return false;
      this.#sets = this.#flushes.close();
      this.#awaitedSeq = lastSeq;
      this.#step = 'flushes';
    }
    if (this.#step === 'flushes' && watermark >= this.#awaitedSeq) {
      this.#awaitedSeq = lastSeq;
      this.#step = 'others';
    }
    if (this.#step === 'others' && watermark >= this.#awaitedSeq) this.#step = 'ready';
    return this.#step === 'ready';
  }

  /** A walk over all keys begins. */
  begin(): void {
    if (this.#step === 'ready') this.#step = 'walking';
  }

  /** It is over. */
  end(): void {
    if (this.#step !== 'walking') return;
    this.#flushes.retire(this.#sets);
    this.#sets = 0;
    this.#step = 'flushes';
  }
}
