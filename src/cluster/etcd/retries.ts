// Attempts within a deadline: how long each may take, and the growing pause between them.

import type { Clock } from '../../env/env.js';
import type { EtcdCalls } from './client.js';

/** A node that is silent for so long is given up for another one; an election takes about as long. */
const ATTEMPT_MS = 1500;
/** An answer that was lost is looked for a while beyond the deadline. */
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

  /** Of the next attempt. */
  get limitMs(): number {
    return Math.min(this.leftMs, ATTEMPT_MS);
  }

  /** Once: something was sent, and its fate is to be found out. */
  extend(): void {
    if (!this.#isExtended) this.#deadlineMs += EXTENSION_MS;
    this.#isExtended = true;
  }

  async pause(): Promise<void> {
    await this.#client.pause(Math.min(this.#pauseMs, Math.max(1, this.leftMs)));
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }
}
