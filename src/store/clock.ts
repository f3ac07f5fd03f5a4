// The store's clock: Unix time in ms that never goes back. Within a run it follows the monotonic clock; after a
// restart it starts no earlier than the newest time in the log. What has expired stays expired, whatever happens
// to the machine's clock (docs/recovery.md, "Time").
// Absolute times of clients are on the wall clock. store/expiry.ts moves them by `aheadMs` on their way in and
// out, so that they are right although this clock is ahead.

import type { Clock } from '../env/env.js';
import { KvError } from '../errors.js';

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A wall clock that is further behind the log than this is a mistake, now or when the log was written. */
export const BEHIND_MS_MAX = DAY_MS;
/** The last time that a Date can show. */
const DATE_MS_MAX = 8_640_000_000_000_000;

export class StoreClock {
  readonly #clock: Clock;
  #baseMs: number;
  #startedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#baseMs = clock.wallMs();
  }

  nowMs(): number {
    return Math.floor(this.#baseMs + this.#clock.monotonicMs() - this.#startedMs);
  }

  /** Returns nowMs() as it was, or will be, when the monotonic clock shows `monotonicMs`. */
  timeMsAt(monotonicMs: number): number {
    return Math.floor(this.#baseMs + monotonicMs - this.#startedMs);
  }

  /** Returns the time in whole seconds. */
  nowSeconds(): number {
    return Math.floor((this.#baseMs + this.#clock.monotonicMs() - this.#startedMs) / 1000);
  }

  /**
   * The ms that the store's clock is ahead of the wall clock now, rounded to seconds; negative when it is behind. Less
   * than a second counts as 0, because the two clocks are read one after the other.
   */
  get aheadMs(): number {
    const aheadMs = this.nowMs() - this.#clock.wallMs();
    return Math.abs(aheadMs) < SECOND_MS ? 0 : Math.round(aheadMs / SECOND_MS) * SECOND_MS;
  }

  /** Moves the clock up to `ms`, the time of the newest record. Returns how many ms the clock was behind it. */
  catchUp(ms: number): number {
    const behindMs = ms - this.nowMs();
    if (behindMs <= 0) return 0;
    this.#startedMs = this.#clock.monotonicMs();
    this.#baseMs = ms;
    return behindMs;
  }

  /** Throws KV_CLOCK when the wall clock is too far behind a log that was written at `ms`. Changes nothing. */
  requireNear(ms: number, dir: string): void {
    const nowMs = this.nowMs();
    if (ms - nowMs <= BEHIND_MS_MAX) return;
    const message =
      `The clock is behind the log by ${spanText(ms - nowMs)}: it says ${timeText(nowMs)}, the newest record ` +
      `is of ${timeText(ms)}; set the clock, or start with --accept-clock (acceptClock) if it is right`;
    throw new KvError('KV_CLOCK', message, { path: dir });
  }
}

function spanText(ms: number): string {
  return `${Math.floor(ms / DAY_MS)} days ${Math.floor((ms % DAY_MS) / HOUR_MS)} hours`;
}

function timeText(ms: number): string {
  return new Date(Math.min(ms, DATE_MS_MAX)).toISOString();
}
