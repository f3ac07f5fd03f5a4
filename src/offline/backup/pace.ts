// The pace of a backup beside a server: it rests as long as it works, so that half of a processor and of the disk is
// always left for whoever serves. A store that nobody serves is copied as fast as it can be.

import type { Clock } from '../../env/env.js';

/** What a system that was busy with others held up is not counted as work. */
const REST_MS_MAX = 50;

export class Pace {
  readonly #clock: Clock;
  /** Undefined: nobody is to be spared. */
  #sinceMs: number | undefined;

  constructor(clock: Clock, isServed: boolean) {
    this.#clock = clock;
    this.#sinceMs = isServed ? clock.monotonicMs() : undefined;
  }

  /** Called after each piece of some hundred KiB. */
  async rest(): Promise<void> {
    if (this.#sinceMs === undefined) return;
    const workedMs = Math.min(REST_MS_MAX, this.#clock.monotonicMs() - this.#sinceMs);
    if (workedMs >= 1) {
      await new Promise<void>((resolve) => void this.#clock.setTimer(workedMs, resolve));
    }
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
