import { expect } from 'chai';
import { alternate, compare, median, medianSample, rowsOf } from '../../../benchmarks/rounds.js';

describe('benchmarks/rounds', () => {
  it('alternate() goes round by round through all contenders', async () => {
    const order: string[] = [];
    const contender = (server: string) => ({
      server,
      measure: async (round: number) => {
        order.push(`${server}${round}`);
        return { rps: round };
      },
    });
    const contenders = [contender('a'), contender('b')];
    const rounds = await alternate(contenders, 3);
    expect(order).to.deep.equal(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect(rowsOf('test', contenders, rounds)).to.deep.equal([
      { test: 'test', server: 'a', sample: { rps: 1 } },
      { test: 'test', server: 'b', sample: { rps: 1 } },
    ]);
  });

  it('median() is the middle, or the mean of the two in the middle', () => {
    expect([median([9, 1, 5]), median([4, 1, 2, 9])]).to.deep.equal([5, 3]);
    expect(Number.isNaN(median([]))).to.equal(true);
  });

  it('medianSample() sums up misses and errors', () => {
    const samples = [
      { rps: 1, errors: 0, misses: 0 },
      { rps: 3, errors: 2, misses: 1 },
      { rps: 9, errors: 0, misses: 0 },
    ];
    expect(medianSample(samples)).to.deep.equal({ rps: 3, errors: 2, misses: 1 });
  });

  it('compare() takes the ratios within each round, against the sum of several contenders', () => {
    const rounds = new Map([
      ['cairn', [{ p50Ms: 3 }, { p50Ms: 8 }, { p50Ms: 4 }]],
      ['disk', [{ p50Ms: 1 }, { p50Ms: 3 }, { p50Ms: 1 }]],
      ['loopback', [{ p50Ms: 1 }, { p50Ms: 1 }, { p50Ms: 1 }]],
    ]);
    const spec = { metric: 'p50Ms', server: 'cairn', against: ['disk', 'loopback'] } as const;
    const { ratios, median, met } = compare('test', { ...spec, atMost: 2 }, rounds);
    expect(ratios).to.deep.equal([1.5, 2, 2]);
    expect({ median, met }).to.deep.equal({ median: 2, met: true });
    expect(compare('test', { ...spec, atMost: 1.9 }, rounds).met).to.equal(false);
    expect(compare('test', { ...spec, atLeast: 2.1 }, rounds).met).to.equal(false);
    expect(compare('test', spec, rounds).met).to.equal(undefined);
  });

  it('compare() gives no verdict when a side was not measured', () => {
    const rounds = new Map([['cairn', [{ rps: 3 }]]]);
    const spec = { metric: 'rps', server: 'cairn', against: 'redis', atLeast: 1 } as const;
    const { ratios, met } = compare('test', spec, rounds);
    expect({ ratios, met }).to.deep.equal({ ratios: [], met: undefined });
  });
});
