import { expect } from 'chai';
import * as fc from 'fast-check';

import { FlushPromises } from '../../../../src/store/flushes/promises.js';
import { FlushNeed } from '../../../../src/log/segments/flush-need.js';
import { seeded } from '../../../support/seed.js';

const ALL = Infinity;
const SLOT = 3;

function withTimes(times: readonly number[]): FlushPromises {
  const promises = new FlushPromises();
  for (const [at, atMs] of times.entries()) promises.add({ seq: at + 1, atMs, slot: SLOT });
  return promises;
}

describe('FlushPromises', () => {
  it('due() gives the last due promise, and carryOut() carries out that one and all before it', () => {
    const promises = withTimes([500, 100, 900, 300, 700, 200, 800, 400, 600]);
    expect(promises.due(99)).to.equal(undefined);
    expect(promises.due(650)).to.deep.equal({ seq: 9, atMs: 600, slot: SLOT });
    promises.carryOut(600, 100, ALL);
    expect(promises.due(650)).to.equal(undefined);
    expect(promises.nextMs).to.equal(700);
    expect(promises.all.map(({ seq }) => seq)).to.deep.equal([3, 5, 7]);
  });

  it('isOpen() and isDoneAbove() tell whether a promise is durably carried out', () => {
    const promises = withTimes([5000]);
    expect(promises.isOpen(1, 5000)).to.equal(true);
    expect(promises.isOpen(2, 5000)).to.equal(false);
    const undo = promises.carryOut(5000, 20, 15);
    expect(promises.nextMs).to.equal(ALL);
    expect(promises.isOpen(1, 5000)).to.equal(false);
    expect(promises.isDoneAbove(19, 1, 5000)).to.equal(true);
    expect(promises.isDoneAbove(20, 1, 5000)).to.equal(false);
    undo();
    expect(promises.nextMs).to.equal(5000);
    expect(promises.isOpen(1, 5000)).to.equal(true);
    expect(promises.isDoneAbove(19, 1, 5000)).to.equal(false);
  });

  it('add() can be undone', () => {
    const promises = withTimes([5000]);
    const undo = promises.add({ seq: 11, atMs: 4000, slot: SLOT });
    expect(promises.nextMs).to.equal(4000);
    undo();
    expect(promises.nextMs).to.equal(5000);
    expect(promises.seqAt(4000)).to.equal(0);
  });

  it('seqAt() gives the open promise for exactly that time, and timeOf() its time', () => {
    const promises = withTimes([5000]);
    expect(promises.seqAt(5000)).to.equal(1);
    expect(promises.seqAt(5001)).to.equal(0);
    expect(promises.timeOf(1)).to.equal(5000);
    expect(promises.timeOf(2)).to.equal(0);
    promises.carryOut(5000, 20, ALL);
    expect(promises.seqAt(5000)).to.equal(0);
  });

  it('noteNeeds() notes at each segment, once, the seq that carried out its promises, also moved ones', () => {
    const promises = new FlushPromises();
    for (const [seq, slot] of [1, 2, 3, 9].entries()) promises.add({ seq, atMs: 10 + seq, slot });
    promises.move(new Set([1, 2]), 7);
    promises.carryOut(12, 50, ALL);
    const needs = new Map<number, FlushNeed>();
    const note = (slot: number): { flushNeed: FlushNeed } => {
      const flushNeed = needs.get(slot) ?? new FlushNeed();
      needs.set(slot, flushNeed);
      return { flushNeed };
    };
    promises.noteNeeds(note);
    expect([...needs.keys()].toSorted((a, b) => a - b)).to.deep.equal([3, 7]);
    for (const need of needs.values()) expect(need.state).to.deep.equal({ from: 50, to: 50 });
    needs.clear();
    promises.noteNeeds(note);
    expect(needs.size).to.equal(0);
  });

  it('move() also moves a promise that was carried out and is open again', () => {
    const promises = withTimes([100]);
    const undo = promises.carryOut(100, 50, 0);
    promises.move(new Set([SLOT]), 7);
    undo();
    expect(promises.all).to.deep.equal([{ seq: 1, atMs: 100, slot: 7 }]);
  });

  it('gives the same answers as a plain list, for any number of promises, through failed commits', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ add: fc.integer({ min: 1, max: 5000 }) }),
        fc.record({ upTo: fc.integer({ min: 1, max: 5000 }) }),
        fc.constant({ undo: true }),
      ),
      { minLength: 1, maxLength: 1500 },
    );
    fc.assert(fc.property(steps, checkAgainstList), seeded('FlushPromises', 60));
  });
});

type Step = { readonly add: number } | { readonly upTo: number } | { readonly undo: boolean };

function checkAgainstList(steps: readonly Step[]): void {
  const promises = new FlushPromises();
  let open: { seq: number; atMs: number; slot: number }[] = [];
  const undos: (() => void)[] = [];
  for (const [at, step] of steps.entries()) {
    const before = open;
    if ('add' in step) {
      const promise = { seq: at + 1, atMs: step.add, slot: SLOT };
      const undo = promises.add(promise);
      open = [...open, promise];
      undos.push(() => {
        undo();
        open = before;
      });
    } else if ('upTo' in step) {
      const undo = promises.carryOut(step.upTo, at + 1, 0);
      open = open.filter(({ atMs }) => atMs > step.upTo);
      undos.push(() => {
        undo();
        open = before;
      });
    } else undos.pop()?.();
    expect(promises.nextMs).to.equal(Math.min(ALL, ...open.map(({ atMs }) => atMs)));
  }
  expect(promises.all).to.deep.equal(open);
  for (const { seq, atMs } of open) {
    expect(promises.isOpen(seq, atMs)).to.equal(true);
    expect(promises.due(atMs)?.atMs).to.equal(atMs);
    expect(promises.seqAt(atMs)).to.not.equal(0);
  }
}
