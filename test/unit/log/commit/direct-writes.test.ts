// When a commit may hold up the serving thread, by a clock that the test moves.

import { expect } from 'chai';

import type { Clock } from '../../../../src/env/env.js';
import { DirectWrites } from '../../../../src/log/commit/direct-writes.js';

describe('DirectWrites', () => {
  let nowMs = 0;
  let reads = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;

  beforeEach(() => {
    nowMs = 0;
    reads = 0;
  });

  /** On a disk that has shown to be quick. */
  function trusted(): DirectWrites {
    const direct = new DirectWrites(clock, () => reads);
    for (let write = 0; write < 64; write++) direct.took(1);
    return direct;
  }

  it('allows() short writes while nobody reads', () => {
    const direct = trusted();
    expect(direct.allows(4096)).to.equal(true);
    expect(direct.allows(128 * 1024)).to.equal(true);
    expect(direct.allows(128 * 1024 + 1), 'a long one takes long by itself').to.equal(false);
  });

  it('allows() none for ten seconds after a read', () => {
    const direct = trusted();
    reads = 1;
    expect(direct.allows(100)).to.equal(false);
    direct.took(1);
    nowMs = 9999;
    expect(direct.allows(100)).to.equal(false);
    nowMs = 10_000;
    expect(direct.allows(100)).to.equal(true);
    reads = 2;
    expect(direct.allows(100)).to.equal(false);
  });

  it('allows() none any more on a disk that was stuck once', () => {
    const direct = trusted();
    direct.took(101);
    for (let write = 0; write < 10_000; write++) direct.took(1);
    expect(direct.allows(100)).to.equal(false);
  });

  it('allows() none before 64 quick writes in a row, at first and after a slow one', () => {
    const direct = new DirectWrites(clock, () => reads);
    for (let round = 0; round < 2; round++) {
      for (let write = 0; write < 64; write++) {
        expect(direct.allows(100), `write ${write}`).to.equal(false);
        direct.took(20);
      }
      expect(direct.allows(100)).to.equal(true);
      direct.took(21);
    }
    expect(direct.allows(100)).to.equal(false);
  });

  it('allows() nothing when the thread is not the store’s own', () => {
    const direct = new DirectWrites(clock, undefined);
    for (let write = 0; write < 64; write++) direct.took(1);
    expect(direct.allows(1)).to.equal(false);
  });
});
