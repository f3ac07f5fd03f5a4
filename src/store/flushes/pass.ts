// Flush pass: decides when a walk over the keydir retires flushes. The walk retires all flushes that were open before
// it, once it has seen every item that they have killed.
//
// A failed commit may put an old item back, which the walk could miss. So the walk begins only when its flushes are
// durable, and then every record that was appended until they were. A change that is appended later sees that the
// flushes are durable, and its undo puts back no item that they have killed.

import type { Log } from '../../log/log.js';
import type { Flushes } from './flushes.js';

export class FlushPass {
  readonly #flushes: Flushes;
  readonly #log: Pick<Log, 'lastSeq' | 'watermark'>;
  /** The number of closed sets that the pass will retire; 0: there is no pass. */
  #sets = 0;
  /** The seq that must be durable for the next step. */
  #awaitedSeq = 0;
  #step: 'flushes' | 'others' | 'ready' | 'walking' = 'flushes';

  constructor(flushes: Flushes, log: Pick<Log, 'lastSeq' | 'watermark'>) {
    this.#flushes = flushes;
    this.#log = log;
  }

  /** Called now and then: takes the next step. Returns true when the next walk over all keys will retire flushes. */
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

  /** Called when a walk over all keys begins. */
  begin(): void {
    if (this.#step === 'ready') this.#step = 'walking';
  }

  /** Called when the walk is over. */
  end(): void {
    if (this.#step !== 'walking') return;
    this.#flushes.retire(this.#sets);
    this.#sets = 0;
    this.#step = 'flushes';
  }
}
