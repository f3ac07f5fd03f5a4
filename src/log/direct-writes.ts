// Whether a commit may hold up the thread that serves clients. A write through libuv's pool costs two wakings, which
// is half of what a lone client waits for; a write by the thread itself costs none, but nothing else is done
// meanwhile. So it writes itself while all that it is asked for has to wait for the disk anyway, and the disk
// is quick (docs/decisions.md, "Commits without readers").
//
// Invariant: after a read, and after a write that took long, the next writes go through the pool.

import type { Clock } from '../env/env.js';

/** A longer batch takes long by itself. */
const BYTES_MAX = 128 * 1024;
/** Since the last read: clients that read are not kept waiting. */
const READ_PAUSE_MS = 100;
/** A write that takes longer shows a disk that is busy or failing. */
const SLOW_MS = 20;
const SLOW_PAUSE_MS = 1000;

export class DirectWrites {
  readonly #clock: Clock;
  readonly #reads: (() => number) | undefined;
  #readsSeen = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  /** `reads`: how many were served so far; undefined: the thread is never held up. */
  constructor(clock: Clock, reads: (() => number) | undefined) {
    this.#clock = clock;
    this.#reads = reads;
  }

  /** A batch of so many bytes may be written by the thread itself. */
  allows(bytes: number): boolean {
    if (this.#reads === undefined) return false;
    const reads = this.#reads();
    if (reads !== this.#readsSeen) {
      this.#readsSeen = reads;
      this.#pauseFor(READ_PAUSE_MS);
    }
    return bytes <= BYTES_MAX && this.#clock.monotonicMs() >= this.#pausedUntilMs;
  }

  /** A write, direct or not, took so long. */
  took(ms: number): void {
    if (ms > SLOW_MS) this.#pauseFor(SLOW_PAUSE_MS);
  }

  #pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + ms);
  }
}
