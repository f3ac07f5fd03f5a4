import { expect } from 'chai';

import { FlushPromises } from '../../../../src/store/flushes/promises.js';

const ALL = Infinity;

describe('FlushPromises', () => {
  it('due() gives them by time, each until it is carried out', () => {
    const promises = new FlushPromises();
    const times = [500, 100, 900, 300, 700, 200, 800, 400, 600];
    for (const [at, atMs] of times.entries()) promises.add({ seq: at + 1, atMs });
    const seen: number[] = [];
    for (let due = promises.due(650); due !== undefined; due = promises.due(650)) {
      seen.push(due.atMs);
      promises.carryOut(due.seq, 100 + seen.length, ALL);
    }
    expect(seen).to.deep.equal([100, 200, 300, 400, 500, 600]);
    expect(promises.nextMs).to.equal(700);
    expect(promises.all.map(({ seq }) => seq)).to.deep.equal([3, 5, 7]);
  });

  it('isPromise() holds until it is durably carried out', () => {
    const promises = new FlushPromises();
    promises.add({ seq: 10, atMs: 5000 });
    const undo = promises.carryOut(10, 20, 15);
    expect(promises.nextMs).to.equal(ALL);
    expect(promises.isPromise(10, 19)).to.equal(true);
    expect(promises.isPromise(10, 20)).to.equal(false);
    undo();
    expect(promises.nextMs).to.equal(5000);
    expect(promises.isPromise(10, 99)).to.equal(true);
    expect(promises.isPromise(11, 99)).to.equal(false);
  });

  it('add() is undone', () => {
    const promises = new FlushPromises();
    promises.add({ seq: 10, atMs: 5000 });
    const undo = promises.add({ seq: 11, atMs: 4000 });
    expect(promises.nextMs).to.equal(4000);
    undo();
    expect(promises.nextMs).to.equal(5000);
    expect(promises.seqAt(4000)).to.equal(0);
  });

  it('seqAt() names an open one for that very time', () => {
    const promises = new FlushPromises();
    promises.add({ seq: 10, atMs: 5000 });
    expect(promises.seqAt(5000)).to.equal(10);
    expect(promises.seqAt(5001)).to.equal(0);
    promises.carryOut(10, 20, ALL);
    expect(promises.seqAt(5000)).to.equal(0);
  });
});
