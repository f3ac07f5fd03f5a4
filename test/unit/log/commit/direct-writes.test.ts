// DirectWrites: the conditions under which a commit may hold up the serving thread, by a clock that the test moves.

import { expect } from 'chai';

import { DirectWrites } from '../../../../src/log/commit/direct-writes.js';

describe('DirectWrites', () => {
  let nowMs = 0;
  const reads = { count: 0 };

  beforeEach(() => {
    nowMs = 0;
    reads.count = 0;
  });

  /** Returns the DirectWrites of a disk that has proved to be quick. */
  function trusted(): DirectWrites {
    const direct = new DirectWrites(reads);
    for (let write = 0; write < 64; write++) direct.took(1, nowMs);
    return direct;
  }

  it('allows() short writes while there are no reads', () => {
    const direct = trusted();
    expect(direct.allows(4096, nowMs)).to.equal(true);
    expect(direct.allows(128 * 1024, nowMs)).to.equal(true);
    expect(direct.allows(128 * 1024 + 1, nowMs), 'a long one takes long by itself').to.equal(false);
  });

  it('allows() no write for ten seconds after a read', () => {
    const direct = trusted();
    reads.count = 1;
    expect(direct.allows(100, nowMs)).to.equal(false);
    direct.took(1, nowMs);
    nowMs = 9999;
    expect(direct.allows(100, nowMs)).to.equal(false);
    nowMs = 10_000;
    expect(direct.allows(100, nowMs)).to.equal(true);
    reads.count = 2;
    expect(direct.allows(100, nowMs)).to.equal(false);
  });

  it('allows() no more writes on a disk that was stuck once', () => {
    const direct = trusted();
    direct.took(101, nowMs);
    for (let write = 0; write < 10_000; write++) direct.took(1, nowMs);
    expect(direct.allows(100, nowMs)).to.equal(false);
  });

  it('allows() no write before 64 quick writes in a row, at first and after a slow write', () => {
    const direct = new DirectWrites(reads);
    for (let round = 0; round < 2; round++) {
      for (let write = 0; write < 64; write++) {
        expect(direct.allows(100, nowMs), `write ${write}`).to.equal(false);
        direct.took(20, nowMs);
      }
      expect(direct.allows(100, nowMs)).to.equal(true);
      direct.took(21, nowMs);
    }
    expect(direct.allows(100, nowMs)).to.equal(false);
  });

  it('allows() no write when the store does not own the thread', () => {
    const direct = new DirectWrites(undefined);
    for (let write = 0; write < 64; write++) direct.took(1, nowMs);
    expect(direct.allows(1, nowMs)).to.equal(false);
  });
});
