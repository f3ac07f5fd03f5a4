// How fast a compaction may go: as fast as it can while nobody is served, else at a pace that leaves the disk
// and the processors to the clients (docs/decisions/0047-compaction-pace.md).
//
// Invariants:
// - A disk that is short of room is never made to wait.
// - The pace is a multiple of what clients write: a compaction does not fall behind them.

import type { StoreParts } from '../items/parts.js';

/** Bytes of segments read a second beside clients. */
const BYTES_PER_SECOND = 128 * 1024 * 1024;
/** Of what clients write: with half of a run dead, and more, this frees faster than they fill. */
const WRITTEN_FACTOR = 4;
/** Served within so long: there are clients. */
const SERVED_MS = 100;
/** So much of a delay is made up for. */
const LATE_MS_MAX = 100;

export class CompactionPace {
  readonly #parts: StoreParts;
  #served = 0;
  #servedMs = Number.NEGATIVE_INFINITY;
  #written = 0;
  /** When the next bytes may be read. */
  #dueMs = 0;
  #lastMs: number;
  #writtenPerSecond = 0;

  /** Of a compaction that begins now. */
  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#lastMs = this.#nowMs();
    this.#dueMs = this.#lastMs;
    this.#served = servedBy(parts);
    this.#written = parts.log.counters.bytes;
  }

  /** Ms to wait now that so many bytes more have been read. */
  delayMs(bytes: number): number {
    const nowMs = this.#nowMs();
    this.#look(nowMs);
    if (this.#parts.log.short || nowMs - this.#servedMs > SERVED_MS) {
      this.#dueMs = nowMs;
      return 0;
    }
    const rate = Math.max(BYTES_PER_SECOND, WRITTEN_FACTOR * this.#writtenPerSecond);
    this.#dueMs = Math.max(this.#dueMs, nowMs - LATE_MS_MAX) + (bytes / rate) * 1000;
    return Math.max(0, this.#dueMs - nowMs);
  }

  /** What clients did since the last look. */
  #look(nowMs: number): void {
    const served = servedBy(this.#parts);
    if (served !== this.#served) this.#servedMs = nowMs;
    this.#served = served;
    const { bytes } = this.#parts.log.counters;
    const seconds = Math.max(1, nowMs - this.#lastMs) / 1000;
    // Over about a second.
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

/** Grows with whatever clients ask that may have to wait. */
function servedBy({ cache, log }: StoreParts): number {
  const { hits, misses } = cache.stats;
  return hits + misses + log.counters.records;
}
