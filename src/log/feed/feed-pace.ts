// The pace of the feeds: all feeds together take a bounded time of each turn of the event loop, however many there are
// and however much they have to read.

import type { Clock } from '../../env/env.js';

/** Time for all feeds per turn of the event loop. A feed checks it between batches, or every few records. */
const SLICE_MS = 2;

export class FeedPace {
  readonly #clock: Clock;
  #beganMs = 0;
  /** Resolves in the next turn; undefined when no feed has done work in this turn. */
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the time of this turn is used up. The first call in a turn starts the time. */
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
