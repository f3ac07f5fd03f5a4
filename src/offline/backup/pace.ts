// The pace of a backup beside a server: the backup rests as long as it works, so that half of a processor and of the
// disk is always left for the server. Without a server the store is copied as fast as possible.

import type { Clock } from '../../env/env.js';

/** Longest rest: time that the backup waited for a busy system does not count as its work. */
const REST_MS_MAX = 50;

export class Pace {
  readonly #clock: Clock;
  /** When the current work began; undefined when there is no server. */
  #sinceMs: number | undefined;

  constructor(clock: Clock, isServed: boolean) {
    this.#clock = clock;
    this.#sinceMs = isServed ? clock.monotonicMs() : undefined;
  }

  /** Rests as long as the work since the last rest took. Call it after each piece of some hundred KiB. */
  async rest(): Promise<void> {
    if (this.#sinceMs === undefined) return;
    const workedMs = Math.min(REST_MS_MAX, this.#clock.monotonicMs() - this.#sinceMs);
    if (workedMs >= 1) {
      await new Promise<void>((resolve) => void this.#clock.setTimer(workedMs, resolve));
    }
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
