// The pace of the feeds: all of them together take a bounded time of each turn of the event loop, however many there are
// and however much they have to read.

import type { Clock } from '../../env/env.js';

/** Of each turn. Looked at between two batches, or a few records. */
const SLICE_MS = 2;

export class FeedPace {
  readonly #clock: Clock;
  #beganMs = 0;
  /** Resolves in the next turn; undefined: nothing was done in this one. */
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time of this turn is used up; the first to ask begins it. */
  get isOver(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#turn !== undefined) return nowMs - this.#beganMs >= SLICE_MS;
    this.#beganMs = nowMs;
    this.#turn = new Promise((resolve) =>
      this.#clock.defer(() => {
        this.#turn = undefined;
        resolve();
      }),
    );
    return false;
  }

  async nextTurn(): Promise<void> {
    await this.#turn;
  }
}
