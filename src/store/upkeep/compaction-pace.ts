// Compaction pace: a compaction runs as fast as it can while no client is served. Otherwise it keeps a pace that
// leaves the disk and the processors to the clients (docs/decisions/0047-compaction-pace.md).
//
// Invariants:
// - While the disk is short of room, a compaction never waits.
// - The pace is at least a multiple of what clients write, so a compaction does not fall behind them.

import type { StoreParts } from '../items/parts.js';

/** Bytes of segments to read per second while clients are served. */
const BYTES_PER_SECOND = 128 * 1024 * 1024;
/** Multiple of what clients write: if half of a run or more is dead, compaction then frees faster than they fill. */
const WRITTEN_FACTOR = 4;
/** Clients are served if the last request was not longer ago than this. */
const SERVED_MS = 100;
/** The compaction makes up for a delay of up to this. */
const LATE_MS_MAX = 100;

export class CompactionPace {
  readonly #parts: StoreParts;
  #served = 0;
  #servedMs = Number.NEGATIVE_INFINITY;
  #written = 0;
  /** The time from which the next bytes may be read. */
  #dueMs = 0;
  #lastMs: number;
  #writtenPerSecond = 0;

  /** Begins the pace of a compaction. */
  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#lastMs = this.#nowMs();
    this.#dueMs = this.#lastMs;
    this.#served = servedBy(parts);
    this.#written = parts.log.counters.bytes;
  }

  /** Returns the ms to wait after so many more bytes were read. */
  delayMs(bytes: number): number {
    const nowMs = this.#nowMs();
    this.#observeClients(nowMs);
    if (this.#parts.log.short || nowMs - this.#servedMs > SERVED_MS) {
      this.#dueMs = nowMs;
      return 0;
    }
    const rate = Math.max(BYTES_PER_SECOND, WRITTEN_FACTOR * this.#writtenPerSecond);
    this.#dueMs = Math.max(this.#dueMs, nowMs - LATE_MS_MAX) + (bytes / rate) * 1000;
    return Math.max(0, this.#dueMs - nowMs);
  }

  /** Notes what clients did since the last call. */
  #observeClients(nowMs: number): void {
    const served = servedBy(this.#parts);
    if (served !== this.#served) this.#servedMs = nowMs;
    this.#served = served;
    const { bytes } = this.#parts.log.counters;
    const seconds = Math.max(1, nowMs - this.#lastMs) / 1000;
    // An average over about a second.
    const share = Math.min(1, seconds);
    const perSecond = (bytes - this.#written) / seconds;
    this.#writtenPerSecond += share * (perSecond - this.#writtenPerSecond);
    this.#written = bytes;
    this.#lastMs = nowMs;
  }

  #nowMs(): number {
    return this.#parts.env.clock.monotonicMs();
  }
}

/** Returns a count that grows with every request that may have to wait. */
function servedBy({ cache, log }: StoreParts): number {
  const { hits, misses } = cache.stats;
  return hits + misses + log.counters.records;
}
