// A clock that moves only when the test says so.

import type { Clock, Timer } from '../../src/env/env.js';

export class StoppedClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly call: () => void }[] = [];

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, call: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, call };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  defer(call: () => void): void {
    setImmediate(call);
  }

  /** Moves the clock on and calls everything that is due until then. */
  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { call } of due) call();
  }
}
