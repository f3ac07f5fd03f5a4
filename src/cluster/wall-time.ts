// Clock of a store over a cluster: the machine's wall clock, because every server reads the expiries. It never goes back
// while the process runs. The clocks of the servers must agree (NTP): an item expires by the clock of the server that reads it.

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
