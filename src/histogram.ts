// A histogram of plain numbers: cheap enough for every request, read when metrics are served (docs/metrics.md).
//
// Invariant: `counts` has one element for each bound and one for the values above all bounds. They are not cumulative.

export class Histogram {
  /** Upper bounds, inclusive, in ascending order. */
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts `times` observations of one value. */
  observe(value: number, times = 1): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at += 1;
    this.counts[at]! += times;
    this.count += times;
    this.sum += value * times;
  }
}

/** From 50 µs to 10 s. */
export const SECONDS_BOUNDS: readonly number[] = [
  0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  2.5, 10,
];
