// Rounds that alternate between contenders (A B C A B C…), so that other work of the machine hits all of them. Also
// the comparisons made of the rounds: medians, and ratios round by round.

import type { LoadResult } from './load/spec.js';

/** The figures of one measurement. A column has redis-benchmark's name where there is one. */
export const COLUMNS = {
  rps: 'rps',
  avgMs: 'avg_latency_ms',
  minMs: 'min_latency_ms',
  p50Ms: 'p50_latency_ms',
  p95Ms: 'p95_latency_ms',
  p99Ms: 'p99_latency_ms',
  maxMs: 'max_latency_ms',
  p999Ms: 'p99.9_latency_ms',
  cpuUs: 'server_cpu_us_per_request',
  userUs: 'server_user_us_per_request',
  generatorBusy: 'generator_busy',
  lateMs: 'p99_generator_late_ms',
  latestMs: 'max_generator_late_ms',
  misses: 'misses',
  errors: 'errors',
  value: 'value',
} as const;
export type Metric = keyof typeof COLUMNS;
export const METRICS = Object.keys(COLUMNS) as Metric[];

export type Sample = Readonly<Partial<Record<Metric, number>>>;

export interface Contender {
  readonly server: string;
  /** The unit of `value`. */
  readonly unit?: string;
  measure(round: number): Promise<Sample>;
}

/** One row of the table: medians over the rounds. */
export interface Row {
  readonly test: string;
  readonly server: string;
  readonly sample: Sample;
  readonly unit?: string;
  readonly note?: string;
}

export interface ComparisonSpec {
  readonly metric: Metric;
  readonly server: string;
  /** With several names the limit is their sum, made of parts. */
  readonly against: string | readonly string[];
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Comparison extends ComparisonSpec {
  readonly test: string;
  readonly ratios: readonly number[];
  /** NaN when a side is missing. */
  readonly median: number;
  /** Undefined when there is no target or a side is missing. */
  readonly met: boolean | undefined;
}

/** Every contender's samples, round by round. */
export type Rounds = ReadonlyMap<string, readonly Sample[]>;

export function sampleOf(result: LoadResult): Sample {
  return {
    rps: result.rps,
    avgMs: result.avgMs,
    minMs: result.minMs,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    p99Ms: result.p99Ms,
    maxMs: result.maxMs,
    p999Ms: result.p999Ms,
    cpuUs: result.serverCpuUsPerRequest,
    userUs: result.serverUserUsPerRequest,
    generatorBusy: result.generatorBusy,
    ...(result.lateMs === undefined ? {} : { lateMs: result.lateMs }),
    ...(result.latestMs === undefined ? {} : { latestMs: result.latestMs }),
    misses: result.misses,
    errors: result.errors,
  };
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  progress: (done: string) => void = () => {},
): Promise<Rounds> {
  const samples = new Map<string, Sample[]>(contenders.map(({ server }) => [server, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      progress(`round ${round + 1}/${rounds}: ${contender.server}`);
      samples.get(contender.server)!.push(await contender.measure(round));
    }
  }
  return samples;
}

function valuesOf(samples: readonly Sample[], metric: Metric): number[] {
  return samples.flatMap((sample) => sample[metric] ?? []);
}

/** Returns the median of each metric. Misses and errors are summed up, because none may be hidden. */
export function medianSample(samples: readonly Sample[]): Sample {
  const medians: Partial<Record<Metric, number>> = {};
  for (const metric of METRICS) {
    const values = valuesOf(samples, metric);
    if (values.length === 0) continue;
    const isSum = metric === 'misses' || metric === 'errors';
    medians[metric] = isSum ? values.reduce((sum, value) => sum + value, 0) : median(values);
  }
  return medians;
}

export function rowsOf(
  test: string,
  contenders: readonly Contender[],
  rounds: Rounds,
): readonly Row[] {
  return contenders.map(({ server, unit }) => ({
    test,
    server,
    sample: medianSample(rounds.get(server) ?? []),
    ...(unit === undefined ? {} : { unit }),
  }));
}

export function compare(test: string, spec: ComparisonSpec, rounds: Rounds): Comparison {
  const against = typeof spec.against === 'string' ? [spec.against] : spec.against;
  const own = valuesOf(rounds.get(spec.server) ?? [], spec.metric);
  const others = against.map((server) => valuesOf(rounds.get(server) ?? [], spec.metric));
  const ratios = own.flatMap((value, round) => {
    const parts = others.map((values) => values[round] ?? NaN);
    const ratio = value / parts.reduce((sum, part) => sum + part, 0);
    return Number.isFinite(ratio) ? [ratio] : [];
  });
  const middle = median(ratios);
  const { atLeast, atMost } = spec;
  const hasTarget = atLeast !== undefined || atMost !== undefined;
  const met = middle >= (atLeast ?? -Infinity) && middle <= (atMost ?? Infinity);
  return {
    ...spec,
    test,
    ratios,
    median: middle,
    met: hasTarget && ratios.length > 0 ? met : undefined,
  };
}

export interface CaseReport {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly comparisons: readonly Comparison[];
  /** The reason why the case could not be measured. */
  readonly failure?: string;
}
