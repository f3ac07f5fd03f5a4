// A latency histogram in one typed array. It is log-linear with 64 steps per octave: any quantile is within 1.6 %,
// while recording costs a few nanoseconds and no garbage.
// Invariant: ticks are 100 ns, from 0 to 2^32 - 1 (7 minutes); longer ones count as the longest.

const TICKS_PER_MS = 10_000;
const STEP_BITS = 6;
const STEPS = 1 << STEP_BITS;
const TICKS_MAX = 2 ** 32 - 1;

/** Returns the bucket of a number of ticks. Below 128 each tick has a bucket of its own. */
export function bucketOf(ticks: number): number {
  if (ticks < 2 * STEPS) return ticks;
  const shift = 31 - Math.clz32(ticks) - STEP_BITS;
  return shift * STEPS + (ticks >>> shift);
}

/** Returns the middle of a bucket, in ticks. */
function middleOf(bucket: number): number {
  const shift = Math.max(0, (bucket >> STEP_BITS) - 1);
  const width = 2 ** shift;
  return (bucket - shift * STEPS) * width + (width - 1) / 2;
}

/** The columns of redis-benchmark's `--csv`, in ms. */
export interface LatencySummary {
  readonly avgMs: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** redis-benchmark has no such column. */
  readonly p999Ms: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketOf(TICKS_MAX) + 1);
  #count = 0;
  #sumMs = 0;
  #minMs = Infinity;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  /** Counts `times` requests of that latency. A clock that stepped back counts as 0. */
  record(latencyMs: number, times = 1): void {
    const ms = Math.max(0, latencyMs);
    this.#counts[bucketOf(Math.min(TICKS_MAX, Math.round(ms * TICKS_PER_MS)))]! += times;
    this.#count += times;
    this.#sumMs += ms * times;
    if (ms < this.#minMs) this.#minMs = ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Returns the latency in ms that a share `quantile` (0..1) of the requests did not exceed; 0 when empty. */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) {
        return Math.min(this.#maxMs, Math.max(this.#minMs, middleOf(bucket) / TICKS_PER_MS));
      }
    }
    return 0;
  }

  summary(): LatencySummary {
    const empty = this.#count === 0;
    return {
      avgMs: empty ? 0 : this.#sumMs / this.#count,
      minMs: empty ? 0 : this.#minMs,
      p50Ms: this.quantileMs(0.5),
      p95Ms: this.quantileMs(0.95),
      p99Ms: this.quantileMs(0.99),
      maxMs: this.#maxMs,
      p999Ms: this.quantileMs(0.999),
    };
  }

  /** Forgets everything, at the end of the warm-up. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
    this.#minMs = Infinity;
    this.#maxMs = 0;
  }
}
