// When a commit may hold up the serving thread, by a clock that the test moves.

import { expect } from 'chai';

import type { Clock } from '../../../src/env/env.js';
import { DirectWrites } from '../../../src/log/direct-writes.js';

describe('DirectWrites', () => {
  let nowMs = 0;
  let reads = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;

  beforeEach(() => {
    nowMs = 0;
    reads = 0;
  });

  it('allows() short writes while nobody reads', () => {
    const direct = new DirectWrites(clock, () => reads);
    expect(direct.allows(4096)).to.equal(true);
    expect(direct.allows(128 * 1024)).to.equal(true);
    expect(direct.allows(128 * 1024 + 1), 'a long one takes long by itself').to.equal(false);
  });

  it('allows() none for 100 ms after a read', () => {
    const direct = new DirectWrites(clock, () => reads);
    reads = 1;
    expect(direct.allows(100)).to.equal(false);
    nowMs = 99;
    expect(direct.allows(100)).to.equal(false);
    nowMs = 100;
    expect(direct.allows(100)).to.equal(true);
    reads = 2;
    expect(direct.allows(100)).to.equal(false);
  });

  it('took() keeps it from the next writes of a second when a write was slow', () => {
    const direct = new DirectWrites(clock, () => reads);
    direct.took(20);
    expect(direct.allows(100)).to.equal(true);
    direct.took(21);
    nowMs = 999;
    expect(direct.allows(100)).to.equal(false);
    reads = 1;
    expect(direct.allows(100), 'the later of the two pauses counts').to.equal(false);
    nowMs = 1098;
    expect(direct.allows(100)).to.equal(false);
    nowMs = 1099;
    expect(direct.allows(100)).to.equal(true);
  });

  it('allows() nothing when the thread is not the store’s own', () => {
    expect(new DirectWrites(clock, undefined).allows(1)).to.equal(false);
  });
});
