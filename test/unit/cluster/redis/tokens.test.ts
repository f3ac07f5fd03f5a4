import { expect } from 'chai';

import { SERVER_NUMBERS, TOKEN_STEP, Tokens } from '../../../../src/cluster/redis/tokens.js';

describe('Tokens', () => {
  it('next() grows within a millisecond and when the clock goes back', () => {
    const tokens = new Tokens(3);
    let last = 0;
    for (const wallMs of [1000, 1000, 1000.5, 900, 0, 1001]) {
      const token = tokens.next(wallMs);
      expect(token).to.be.greaterThan(last);
      last = token;
    }
  });

  it('next() is about the time in units of half a µs, and even', () => {
    const wallMs = 1_790_000_000_000;
    const token = new Tokens(5).next(wallMs);
    expect(token).to.be.within(wallMs * 2000 - TOKEN_STEP, wallMs * 2000 + TOKEN_STEP);
    expect(token % 2).to.equal(0);
  });

  it('servers with other numbers never give the same token', () => {
    const seen = new Set<number>();
    for (let number = 0; number < SERVER_NUMBERS; number += 1) {
      const tokens = new Tokens(number);
      for (let at = 0; at < 100; at += 1) seen.add(tokens.next(1_790_000_000_000 + at / 100));
    }
    expect(seen.size).to.equal(SERVER_NUMBERS * 100);
  });

  it('observe() makes later tokens larger than the observed one, except after one that a client chose', () => {
    const tokens = new Tokens(3);
    const ahead = BigInt(tokens.next(1000)) + 1_000_005n;
    tokens.observe(ahead);
    const next = tokens.next(1000);
    expect(BigInt(next) > ahead).to.equal(true);
    expect(next % TOKEN_STEP).to.equal(2 * 3);
    tokens.observe(2n ** 64n - 1n);
    expect(tokens.next(1000)).to.equal(next + TOKEN_STEP);
  });
});
