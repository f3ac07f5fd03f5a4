// The meter of the live page: returns what happened between two looks at the counters and histograms, which the
// server keeps anyway.

import type { Histogram } from '../../histogram.js';
import { COMMANDS } from '../../server/latencies.js';
import type { Metrics } from '../metrics.js';
import type { CommandSample, Sample } from './wire.js';

type Counters = ReadonlyMap<string, string | number>;

/** Reports the part of a histogram that is new. */
class Growth {
  readonly #histogram: Histogram;
  #before: Float64Array;
  #countBefore: number;

  constructor(histogram: Histogram) {
    this.#histogram = histogram;
    this.#before = histogram.counts.slice();
    this.#countBefore = histogram.count;
  }

  /** Returns the counts of the buckets since the last call. */
  take(): Buckets {
    const { counts, count, bounds } = this.#histogram;
    const grown = counts.map((each, at) => each - this.#before[at]!);
    const total = count - this.#countBefore;
    this.#before = counts.slice();
    this.#countBefore = count;
    return { bounds, counts: grown, count: total };
  }
}

interface Buckets {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  readonly count: number;
}

/**
 * Returns a quantile in the unit of the bounds, as if the values of a bucket were spread evenly over it. Requires at
 * least one value.
 */
export function quantileOf({ bounds, counts, count }: Buckets, share: number): number {
  const rank = share * count;
  let below = 0;
  for (const [at, bound] of bounds.entries()) {
    const inside = counts[at]!;
    if (inside > 0 && below + inside >= rank) {
      const from = bounds[at - 1] ?? 0;
      return from + ((bound - from) * (rank - below)) / inside;
    }
    below += inside;
  }
  return bounds.at(-1) ?? 0;
}

export class Meter {
  readonly #commands: readonly Growth[];
  readonly #commits: Growth;
  readonly #loopDelay: Growth;
  #before: Counters;
  #beforeMs: number;

  /** `nowMs` is monotonic; `counters` are the counters of `stats`. */
  constructor({ latencies, measures, loopDelay }: Metrics, counters: Counters, nowMs: number) {
    this.#commands = latencies.ofCommand.map((histogram) => new Growth(histogram));
    this.#commits = new Growth(measures.commitSeconds);
    this.#loopDelay = new Growth(loopDelay);
    this.#before = counters;
    this.#beforeMs = nowMs;
  }

  /** Returns a sample of the time since the last call. `at` is Unix ms. */
  take(counters: Counters, nowMs: number, at: number): Omit<Sample, 'troubles'> {
    const before = this.#before;
    const seconds = Math.max(0.001, (nowMs - this.#beforeMs) / 1000);
    this.#before = counters;
    this.#beforeMs = nowMs;
    const gauge = (name: string): number => Number(counters.get(name) ?? 0);
    // `stats reset` sets the counters to 0.
    const grown = (name: string): number =>
      Math.max(0, gauge(name) - Number(before.get(name) ?? 0));
    const rate = (name: string): number => grown(name) / seconds;
    const [hits, misses] = [grown('get_hits'), grown('get_misses')];
    const { rss, heapUsed } = process.memoryUsage();
    return {
      at,
      commands: this.#takeCommands(seconds),
      hitShare: hits + misses === 0 ? undefined : hits / (hits + misses),
      commits: rate('kv_batches'),
      records: rate('kv_records'),
      commitP99: p99Of(this.#commits.take()),
      received: rate('bytes_read'),
      sent: rate('bytes_written'),
      loopDelay: p99Of(this.#loopDelay.take()),
      items: gauge('curr_items'),
      connections: gauge('curr_connections'),
      memory: {
        resident: rss,
        heap: heapUsed,
        cache: gauge('kv_cache_bytes'),
        keydir: gauge('kv_keydir_bytes'),
      },
      disk: {
        segments: gauge('kv_segment_bytes'),
        live: gauge('kv_live_bytes'),
        dead: gauge('kv_dead_bytes'),
        large: gauge('kv_large_bytes'),
        history: gauge('kv_history_bytes'),
      },
    };
  }

  #takeCommands(seconds: number): CommandSample[] {
    const grown = this.#commands.map((growth) => growth.take());
    const all = grown.reduce(sumOf);
    const named = grown.map((buckets, at) => ({ command: COMMANDS[at]!, buckets }));
    return [{ command: 'all', buckets: all }, ...named]
      .filter(({ buckets }) => buckets.count > 0)
      .map(({ command, buckets }) => {
        const ms = (share: number): number => quantileOf(buckets, share) * 1000;
        const perSecond = buckets.count / seconds;
        return { command, perSecond, p50: ms(0.5), p99: ms(0.99), p999: ms(0.999) };
      });
  }
}

/** Returns ms; undefined when nothing was measured. */
function p99Of(buckets: Buckets): number | undefined {
  return buckets.count === 0 ? undefined : quantileOf(buckets, 0.99) * 1000;
}

function sumOf(one: Buckets, other: Buckets): Buckets {
  const counts = one.counts.map((count, at) => count + other.counts[at]!);
  return { bounds: one.bounds, counts, count: one.count + other.count };
}
