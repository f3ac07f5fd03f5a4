// quantileOf() and Meter: the growth of counters between two samples, and the latency of requests.

import { expect } from 'chai';

import { nodeClock } from '../../../../src/env/node-env.js';
import { Meter, quantileOf } from '../../../../src/http/page/meter.js';
import { Metrics } from '../../../../src/http/metrics.js';
import { COMMANDS } from '../../../../src/server/latencies.js';

const bounds = [1, 2, 4];
const buckets = (...counts: number[]) => ({
  bounds,
  counts: Float64Array.from(counts),
  count: counts.reduce((sum, each) => sum + each, 0),
});

describe('quantileOf()', () => {
  it('lies within its bucket, at the share of the requests in it', () => {
    expect(quantileOf(buckets(10, 0, 0, 0), 0.5)).to.equal(0.5);
    expect(quantileOf(buckets(0, 10, 0, 0), 0.5)).to.equal(1.5);
    expect(quantileOf(buckets(50, 0, 50, 0), 0.99)).to.be.closeTo(3.96, 1e-9);
    expect(quantileOf(buckets(1, 0, 0, 0), 0.999)).to.be.closeTo(0.999, 1e-9);
  });

  it('is the last bound for requests above all bounds', () => {
    expect(quantileOf(buckets(0, 0, 0, 5), 0.5)).to.equal(4);
  });
});

describe('Meter.take()', () => {
  const metrics = new Metrics(nodeClock, () => true);
  const set = COMMANDS.indexOf('set');

  it('gives the rates of the counters that grew, and of the commands that came', () => {
    metrics.latencies.observe(set, 3, 1000);
    const meter = new Meter(metrics, new Map([['kv_batches', 10]]), 5000);
    metrics.latencies.observe(set, 3, 8);
    const sample = meter.take(new Map([['kv_batches', 30]]), 9000, 77);
    expect(sample).to.include({ at: 77, commits: 5, hitShare: undefined, commitP99: undefined });
    expect(sample.commands.map(({ command, perSecond }) => [command, perSecond])).to.deep.equal([
      ['all', 2],
      ['set', 2],
    ]);
    expect(sample.commands[0]?.p50).to.be.within(2.5, 5);
    const next = meter.take(new Map([['kv_batches', 30]]), 10_000, 78);
    expect(next).to.deep.include({ commits: 0, commands: [] });
  });

  it('gives no negative rate when the counters begin again', () => {
    const meter = new Meter(metrics, new Map([['kv_batches', 10]]), 0);
    expect(meter.take(new Map([['kv_batches', 2]]), 1000, 0).commits).to.equal(0);
  });
});
