// The store's clock: Unix time in ms that never goes back, within a run (it follows the monotonic clock)
// and across restarts (it starts no earlier than the newest time in the log). What has expired stays
// expired, whatever happens to the machine's clock (docs/recovery.md, "Time").

import type { Clock } from '../env/env.js';

export class StoreClock {
  readonly #clock: Clock;
  #baseMs: number;
  #startedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#baseMs = clock.wallMs();
  }

  nowMs(): number {
    return Math.floor(this.#baseMs + this.#clock.monotonicMs() - this.#startedMs);
  }

  /** The log was written at `ms`: it is no earlier now. Returns by how many ms the wall clock is behind. */
  catchUp(ms: number): number {
    const behindMs = ms - this.nowMs();
    if (behindMs <= 0) return 0;
    this.#startedMs = this.#clock.monotonicMs();
    this.#baseMs = ms;
    return behindMs;
  }
}
