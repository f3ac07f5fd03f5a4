import { expect } from 'chai';
import * as fc from 'fast-check';
import { bucketOf, LatencyHistogram } from '../../../benchmarks/load/histogram.js';

describe('benchmarks/load/histogram', () => {
  it('bucketOf() grows by at most one from one number of ticks to the next', () => {
    for (let ticks = 0; ticks < 100_000; ticks++) {
      expect(bucketOf(ticks + 1) - bucketOf(ticks)).to.be.within(0, 1);
    }
    expect(bucketOf(2 ** 32 - 1)).to.equal(1727);
  });

  it('quantileMs() is within 1.6 % of the exact quantile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 50_000, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (latencies, quantile) => {
          const histogram = new LatencyHistogram();
          for (const latency of latencies) histogram.record(latency);
          const rank = Math.max(1, Math.ceil(quantile * latencies.length));
          const exact = latencies.toSorted((a, b) => a - b)[rank - 1]!;
          expect(histogram.quantileMs(quantile)).to.be.closeTo(exact, exact * 0.016 + 0.0001);
        },
      ),
    );
  });

  it('summary() has the exact smallest, largest and mean latency', () => {
    const histogram = new LatencyHistogram();
    histogram.record(1, 3);
    histogram.record(5);
    const { minMs, maxMs, avgMs, p50Ms } = histogram.summary();
    expect({ minMs, maxMs, avgMs }).to.deep.equal({ minMs: 1, maxMs: 5, avgMs: 2 });
    expect(p50Ms).to.be.closeTo(1, 0.01);
    expect(histogram.count).to.equal(4);
  });

  it('reset() forgets what the warm-up recorded', () => {
    const histogram = new LatencyHistogram();
    histogram.record(900);
    histogram.reset();
    expect(histogram.summary()).to.deep.equal(new LatencyHistogram().summary());
    histogram.record(2);
    expect(histogram.summary().maxMs).to.equal(2);
  });

  it('record() takes a clock that stepped back as 0', () => {
    const histogram = new LatencyHistogram();
    histogram.record(-3);
    expect(histogram.summary().minMs).to.equal(0);
  });
});
