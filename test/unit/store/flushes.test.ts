import { expect } from 'chai';

import { Flushes } from '../../../src/store/flushes.js';
import type { Flush } from '../../../src/store/flushes.js';

const ALL = Infinity;

function flush(seq: number, atMs = 0, prefix = ''): Flush {
  return { seq, atMs, prefix: Buffer.from(prefix) };
}

function of(...flushes: Flush[]): Flushes {
  const all = new Flushes();
  for (const each of flushes) all.add(each);
  return all;
}

function killer(flushes: Flushes, seq: number, key: string, nowMs = 1000, seqMax = ALL): number {
  return flushes.killerOf(seq, () => Buffer.from(key), nowMs, seqMax);
}

describe('Flushes', () => {
  it('killerOf() is for items with a smaller seq, and for no later one', () => {
    const flushes = of(flush(10));
    expect(killer(flushes, 9, 'k')).to.equal(10);
    expect(killer(flushes, 10, 'k')).to.equal(0);
    expect(killer(flushes, 11, 'k')).to.equal(0);
  });

  it('killerOf() waits for the time of a later flush', () => {
    const flushes = of(flush(10, 5000));
    expect(killer(flushes, 9, 'k', 4999)).to.equal(0);
    expect(killer(flushes, 9, 'k', 5000)).to.equal(10);
  });

  it('killerOf() of a later flush is for all that is there at its time, until it is carried out', () => {
    const flushes = of(flush(10, 5000));
    expect(flushes.nextMs).to.equal(5000);
    expect(flushes.due(4999)).to.equal(undefined);
    expect(flushes.due(5000)?.seq).to.equal(10);
    expect(killer(flushes, 15, 'k', 4999)).to.equal(0);
    expect(killer(flushes, 15, 'k', 5000)).to.equal(10);
    expect(flushes.isPromise(10, ALL)).to.equal(true);
    flushes.add({ ...flush(20), carriesOut: 10 });
    expect(flushes.nextMs).to.equal(ALL);
    expect(killer(flushes, 15, 'k', 5000)).to.equal(20);
    expect(killer(flushes, 21, 'k', 5000)).to.equal(0);
    expect(flushes.isPromise(10, 19), 'not durably').to.equal(true);
    expect(flushes.isPromise(10, 20)).to.equal(false);
    flushes.add(flush(10, 5000));
    expect(flushes.nextMs, 'told in the other order').to.equal(ALL);
  });

  it('killerOf() of a prefix is for keys that begin so', () => {
    const flushes = of(flush(10, 0, 'ab'));
    expect(killer(flushes, 1, 'abc')).to.equal(10);
    expect(killer(flushes, 1, 'ab')).to.equal(10);
    for (const key of ['a', 'b', 'xab', 'aB']) expect(killer(flushes, 1, key), key).to.equal(0);
  });

  it('killerOf() is the oldest that counts, and none above seqMax', () => {
    const flushes = of(flush(10, 9000), flush(20), flush(30));
    expect(killer(flushes, 5, 'k')).to.equal(20);
    expect(killer(flushes, 25, 'k')).to.equal(30);
    expect(killer(flushes, 5, 'k', 1000, 19)).to.equal(0);
    expect(killer(flushes, 5, 'k', 9000, 19)).to.equal(10);
  });

  it('newestDue() is the highest seq that is due', () => {
    expect(of().newestDue(1000)).to.equal(0);
    expect(of(flush(10), flush(20, 9000)).newestDue(1000)).to.equal(10);
    expect(of(flush(10), flush(20, 9000)).newestDue(9000)).to.equal(20);
  });

  it('takeBack() undoes that flush alone', () => {
    const [first, second] = [flush(10), flush(20)];
    const flushes = of(first, second);
    flushes.takeBack(second);
    expect(killer(flushes, 15, 'k')).to.equal(0);
    expect(killer(flushes, 5, 'k')).to.equal(10);
    flushes.takeBack(first);
    expect(flushes.any).to.equal(false);
  });

  it('settle() forgets what is due and up to that seq, and keeps what is still to come', () => {
    const flushes = of(flush(10), flush(20, 9000), flush(30));
    flushes.settle(20);
    expect(killer(flushes, 5, 'k')).to.equal(30);
    flushes.settle(30);
    expect(killer(flushes, 5, 'k')).to.equal(0);
    expect(flushes.any).to.equal(true);
    expect(killer(flushes, 5, 'k', 9000)).to.equal(20);
  });
});
