// How fast the zeros of a successor are written: slowly, so that they do not queue in front of commits, but not later
// than the log needs them (docs/decisions/0070-zeros-out-of-the-way.md).
//
// Invariants:
// - While the active segment fills, the zeros keep ahead of it: they are done before it is full.
// - Whoever needs the successor at once takes it as it is: zeros spare work, and grow with the log later.

import type { Clock, Timer } from '../../env/env.js';

/** Between two lots of zeros that nobody needs yet: a successor of 64 MiB takes a minute. */
const PAUSE_MS = 250;

/** How far the zeros have to be, as shares of all of them. */
export interface ZerosDue {
  /** So much of them is written in any case. */
  readonly leastShare: number;
  /** So much of them the log's progress asks for. */
  readonly share: number;
  /** The successor is waited for. */
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

  /** Waits for the turn of the next lot, when `doneShare` of the zeros is written. False: what is there is enough. */
  async next(doneShare: number): Promise<boolean> {
    const { leastShare, share, isAwaited } = this.#due();
    if (doneShare < leastShare) return true;
    if (!isAwaited && doneShare >= share) await this.#pause();
    return !this.#due().isAwaited;
  }

  /** What is due has changed: the pause ends. */
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
