// Successor pace: decides how fast the zeros of a successor are written. They are written slowly, so that commits do
// not queue behind them, but before the log needs them
// (docs/decisions/0070-zeros-out-of-the-way.md).
//
// Invariants:
// - While the active segment fills, the zeros keep ahead of it: they are done before it is full.
// - A successor that is needed at once is used with the zeros it has: zeros only save work, and more follow later.

import type { Clock, Timer } from '../../env/env.js';

/** Pause between two lots of zeros that are not needed yet: a successor of 64 MiB takes a minute. */
const PAUSE_MS = 250;

/** The zeros that are due, as shares of all of them. */
export interface ZerosDue {
  /** The share that is written without a pause. */
  readonly leastShare: number;
  /** The share that is due by how full the active segment is. */
  readonly share: number;
  /** True when the log waits for the successor. */
  readonly isAwaited: boolean;
}

export class SuccessorPace {
  readonly #clock: Clock;
  readonly #due: () => ZerosDue;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, due: () => ZerosDue) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Waits until the next lot is due; `doneShare` is written. Returns false when the successor is used as it is. */
  async next(doneShare: number): Promise<boolean> {
    const { leastShare, share, isAwaited } = this.#due();
    if (doneShare < leastShare) return true;
    if (!isAwaited && doneShare >= share) await this.#pause();
    return !this.#due().isAwaited;
  }

  /** Ends the pause, because what is due has changed. */
  hurry(): void {
    this.#timer?.cancel();
    this.#wake?.();
  }

  async #pause(): Promise<void> {
    await new Promise<void>((wake) => {
      this.#wake = wake;
      this.#timer = this.#clock.setTimer(PAUSE_MS, wake);
    });
  }
}
