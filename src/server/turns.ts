// Connections that have more requests than one turn of the loop runs of them, in the order in which they gave up
// their turn. However many they are, each turn takes a bounded time for them; the rest waits for the next.

import type { Clock } from '../env/env.js';

/** After this time the rest waits. */
const TURN_MS = 5;
/** With so many waiting, a connection that comes beside them runs but one request at once. */
const CROWD = 32;

export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** More are waiting than one turn may hold. */
  get isCrowded(): boolean {
    return this.#waiting.length >= CROWD;
  }

  /** Calls `goOn` in a later turn. */
  yield(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const endMs = this.#clock.monotonicMs() + TURN_MS;
    const due = this.#waiting;
    this.#waiting = [];
    let at = 0;
    while (at < due.length) {
      due[at]!();
      at += 1;
      if (this.#clock.monotonicMs() >= endMs) break;
    }
    if (at < due.length) this.#waiting = [...due.slice(at), ...this.#waiting];
    if (this.#waiting.length > 0) this.#schedule();
  }
}
