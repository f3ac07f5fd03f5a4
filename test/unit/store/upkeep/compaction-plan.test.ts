// The compaction policy as a table of sizes and the planned run. A segment is written as [bytes, live, kept].

import { expect } from 'chai';
import * as fc from 'fast-check';

import { planAll, planRun } from '../../../../src/store/upkeep/compaction-plan.js';
import type { SegmentSizes } from '../../../../src/store/upkeep/compaction-plan.js';
import { seeded } from '../../../support/seed.js';

type Sizes = readonly [bytes: number, live: number, kept?: number];

const OPTIONS = { segmentBytesMax: 1000, ratio: 0.5, minBytes: 300 };

function of(sizes: readonly Sizes[]): SegmentSizes[] {
  return sizes.map(([bytes, liveBytes, keptBytes = 0]) => ({ bytes, liveBytes, keptBytes }));
}

const TABLE: readonly (readonly [string, readonly Sizes[], [number, number] | undefined])[] = [
  ['no segments', [], undefined],
  [
    'live segments',
    [
      [1000, 1000],
      [1000, 1000],
    ],
    undefined,
  ],
  [
    'fewer dead bytes than the ratio',
    [
      [1000, 600],
      [1000, 600],
    ],
    undefined,
  ],
  ['fewer dead bytes than the minimum', [[500, 250]], undefined],
  ['one dead segment', [[1000, 0]], [0, 1]],
  ['dead bytes of exactly the ratio', [[1000, 500]], [0, 1]],
  [
    'a dead segment between two live ones',
    [
      [1000, 1000],
      [1000, 100],
      [1000, 1000],
    ],
    [1, 2],
  ],
  [
    'neighbours that free more together',
    [
      [1000, 400],
      [1000, 100],
      [1000, 300],
    ],
    [0, 3],
  ],
  [
    'as many neighbours as fit one segment',
    [
      [1000, 500],
      [1000, 400],
      [1000, 400],
    ],
    [1, 3],
  ],
  [
    'a live segment between that is not worth it',
    [
      [1000, 0],
      [1000, 900],
      [1000, 300],
    ],
    [0, 2],
  ],
  [
    'kept bytes that are needed in the middle',
    [
      [1000, 900],
      [1000, 100, 800],
    ],
    undefined,
  ],
  [
    'kept bytes that may go from the oldest segment',
    [
      [1000, 100, 800],
      [1000, 400],
    ],
    [0, 2],
  ],
  ['a single segment larger than one may be', [[9000, 4000]], [0, 1]],
];

const sizes = fc
  .record({ bytes: fc.nat(1200), live: fc.nat(100), kept: fc.nat(100) })
  .map(({ bytes, live, kept }) => {
    const liveBytes = Math.floor((bytes * live) / 100);
    return { bytes, liveBytes, keptBytes: Math.floor(((bytes - liveBytes) * kept) / 100) };
  });

function many(count: number): Sizes[] {
  return Array.from({ length: count }, () => [100, 100]);
}

function deadBytes({ bytes, liveBytes, keptBytes }: SegmentSizes, isOldest: boolean): number {
  return bytes - liveBytes - (isOldest ? 0 : keptBytes);
}

describe('store/upkeep/compaction-plan', () => {
  for (const [name, segments, expected] of TABLE) {
    it(`planRun() gives ${expected?.join(' to ') ?? 'no run'} for ${name}`, () => {
      const run = planRun(of(segments), OPTIONS);
      const found = run === undefined ? undefined : [run.from, run.to];
      expect(found).to.deep.equal(expected);
    });
  }

  it('planRun() gathers eight small neighbours although nothing is dead', () => {
    const run = (segments: readonly Sizes[]): unknown => planRun(of(segments), OPTIONS);
    expect(run(many(7))).to.equal(undefined);
    expect(run(many(8))).to.deep.equal({ from: 0, to: 8 });
    expect(run([[1000, 1000], ...many(9)])).to.deep.equal({ from: 1, to: 9 });
    const apart = [...many(5), [1000, 1000] as Sizes, ...many(5)];
    expect(run(apart)).to.equal(undefined);
  });

  it('planRun() and planAll() choose contiguous runs that fit one segment', () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 30 }), (segments) => {
        for (const run of [planRun(segments, OPTIONS), planAll(segments, 1000, 0)]) {
          if (run === undefined) continue;
          expect(run.from).to.be.within(0, run.to - 1);
          expect(run.to).to.be.at.most(segments.length);
          if (run.to - run.from === 1) continue;
          const needed = segments
            .slice(run.from, run.to)
            .reduce((sum, each) => sum + each.liveBytes + (run.from === 0 ? 0 : each.keptBytes), 0);
          expect(needed).to.be.at.most(1000);
        }
      }),
      seeded('planRun()', 300),
    );
  });

  it('planAll() leaves no dead bytes when it goes on after each run', () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 30 }), (given) => {
        const segments = [...given];
        let start = 0;
        for (;;) {
          const run = planAll(segments, 1000, start);
          if (run === undefined) break;
          expect(run.from).to.be.at.least(start);
          const parts = segments.slice(run.from, run.to);
          const liveBytes = parts.reduce((sum, each) => sum + each.liveBytes, 0);
          const kept = parts.reduce((sum, each) => sum + each.keptBytes, 0);
          const keptBytes = run.from === 0 ? 0 : kept;
          const output = { bytes: liveBytes + keptBytes, liveBytes, keptBytes };
          segments.splice(run.from, run.to - run.from, output);
          start = run.from + 1;
        }
        expect(segments.every((each, at) => deadBytes(each, at === 0) === 0)).to.equal(true);
      }),
      seeded('planAll()', 300),
    );
  });
});
