// Idle timer: calls a function once when nothing has happened for a while. Each event only notes the time, because
// setting and cancelling a timer for each commit costs more than the rest of a commit's bookkeeping.

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

  /** Lets idleness begin at `nowMs`, monotonic. */
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
      // Whole ms: rounding could leave a rest below 1 ms, and setTimeout would then fire again at once.
      if (leftMs > 0) this.#arm(Math.ceil(leftMs));
      else this.#call();
    });
  }
}
