// Calls once when nothing has happened for a while. What happens often only notes the time: a timer that is set and
// cancelled for each commit costs more than the rest of its bookkeeping.

import type { Clock, Timer } from '../../env/env.js';

export class IdleTimer {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #call: () => void;
  #timer: Timer | undefined;
  #dueMs = 0;

  constructor(clock: Clock, idleMs: number, call: () => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#call = call;
  }

  /** Idleness begins at `nowMs`, monotonic. */
  restart(nowMs: number): void {
    this.#dueMs = nowMs + this.#idleMs;
    if (this.#timer === undefined) this.#arm(this.#idleMs);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      const leftMs = this.#dueMs - this.#clock.monotonicMs();
      // Whole ms: a rest of rounding would set it anew for no time at all, again and again.
      if (leftMs > 0) this.#arm(Math.ceil(leftMs));
      else this.#call();
    });
  }
}
