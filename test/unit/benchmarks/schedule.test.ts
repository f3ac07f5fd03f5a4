import { expect } from 'chai';
import * as fc from 'fast-check';
import { pausedRounds, wasLate } from '../../../benchmarks/cases/open-loop.js';
import { Schedule } from '../../../benchmarks/load/schedule.js';
import type { LoadResult } from '../../../benchmarks/load/spec.js';

function result(lateMs: number, latestMs: number): LoadResult {
  return { lateMs, latestMs } as LoadResult;
}

function longest(...figures: number[]): { maxMs: number }[] {
  return figures.map((maxMs) => ({ maxMs }));
}

describe('benchmarks/load/schedule', () => {
  it('dueMs() gives even intervals and takes the connections in turn', () => {
    const schedule = new Schedule(100, 1000, 3);
    const due = [0, 1].flatMap((index) => [0, 1, 2].map((one) => schedule.dueMs(one, index)));
    expect(due).to.deep.equal([100, 101, 102, 103, 104, 105]);
  });

  it('dueCount() counts nothing before the first request is due', () => {
    const schedule = new Schedule(100, 1000, 3);
    expect(schedule.dueCount(0, 99.9)).to.equal(0);
    expect(schedule.dueCount(0, 100)).to.equal(1);
    expect(schedule.dueCount(2, 101.9)).to.equal(0);
    expect(schedule.dueCount(2, 102)).to.equal(1);
  });

  it('dueCount() counts a request exactly from its dueMs() on', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 1, max: 200 }),
        fc.nat(199),
        fc.nat(100_000),
        (startMs, rate, connections, some, index) => {
          const connection = some % connections;
          const schedule = new Schedule(startMs, rate, connections);
          const dueMs = schedule.dueMs(connection, index);
          expect(schedule.dueCount(connection, dueMs)).to.equal(index + 1);
          expect(schedule.dueCount(connection, dueMs - 500 / rate)).to.equal(index);
        },
      ),
    );
  });

  it('dueCount() over all connections is the rate times the time', () => {
    const schedule = new Schedule(0, 20_000, 50);
    const counts = Array.from({ length: 50 }, (_, one) => schedule.dueCount(one, 999.99));
    expect(counts.reduce((sum, count) => sum + count)).to.equal(20_000);
  });
});

describe('benchmarks/cases/open-loop', () => {
  it('wasLate() recognizes a round that the generator itself spoiled', () => {
    expect(wasLate(result(0.1, 5))).to.equal(false);
    expect(wasLate(result(0.6, 5))).to.equal(true);
    expect(wasLate(result(0.1, 21))).to.equal(true);
  });

  it('pausedRounds() counts pauses that Redis did not have in the same round', () => {
    const rounds = new Map([
      ['cairn', longest(60, 60, 40, 51)],
      ['redis always', longest(10, 70, 70, 50)],
    ]);
    expect(pausedRounds(rounds)).to.equal(2);
  });
});
