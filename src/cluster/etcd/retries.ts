// Retries: attempts within a deadline, the time that each may take, and the growing pause between them.

import type { Clock } from '../../env/env.js';
import type { EtcdCalls } from './client.js';

/** A node that is silent for this long is given up for another one. An election takes about as long. */
const ATTEMPT_MS = 1500;
/** Time beyond the deadline in which the fate of a lost answer is asked for. */
const EXTENSION_MS = 1000;
const PAUSE_MS_MIN = 10;
const PAUSE_MS_MAX = 160;

export class Retries {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  #deadlineMs: number;
  #isExtended = false;
  #pauseMs = PAUSE_MS_MIN;

  /** `deadlineMs`: on the monotonic clock. */
  constructor(client: EtcdCalls, clock: Clock, deadlineMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  get leftMs(): number {
    return this.#deadlineMs - this.#clock.monotonicMs();
  }

  /** Time limit of the next attempt. */
  get limitMs(): number {
    return Math.min(this.leftMs, ATTEMPT_MS);
  }

  /** Extends the deadline once, when something was sent and its fate has to be found out. */
  extend(): void {
    if (!this.#isExtended) this.#deadlineMs += EXTENSION_MS;
    this.#isExtended = true;
  }

  async pause(): Promise<void> {
    await this.#client.pause(Math.min(this.#pauseMs, Math.max(1, this.leftMs)));
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }
}
