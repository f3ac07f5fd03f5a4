// Sums up many durations in a few figures.

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Returns median, 99th percentile and largest, to three decimals; zeros when there are no samples. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1000,
    ) / 1000;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
