// The clock of a store over a cluster: the machine's wall clock, since an expiry is read by every server; it never goes
// back while the process runs. The servers' clocks must agree (NTP): an item expires by the clock of whoever reads it.

import type { Clock } from '../env/env.js';

export class WallTime {
  readonly #clock: Clock;
  #lastMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Unix time in ms. */
  nowMs(): number {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.wallMs());
    return this.#lastMs;
  }
}
