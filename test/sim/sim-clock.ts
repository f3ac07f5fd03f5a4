// The clock of a simulated process: monotonic time is the scheduler's, and wall time can be made to jump.

import type { Clock, Timer } from '../../src/env/env.js';
import type { SimThread } from './sim-thread.js';

/** The start of wall time: some day in 2023. */
const FIRST_WALL_MS = 1_700_000_000_000;

export class SimClock implements Clock {
  readonly #process: SimThread;
  readonly #startedMs: number;

  constructor(process: SimThread) {
    this.#process = process;
    this.#startedMs = process.world.scheduler.nowMs;
  }

  wallMs(): number {
    const { scheduler, wallOffsetMs } = this.#process.world;
    return Math.floor(FIRST_WALL_MS + scheduler.nowMs + wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#process.world.scheduler.nowMs - this.#startedMs + 1;
  }

  setTimer(delayMs: number, call: () => void): Timer {
    return this.#process.later(delayMs, call);
  }

  defer(call: () => void): void {
    this.#process.later(0, call);
  }
}
