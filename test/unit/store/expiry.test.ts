import { expect } from 'chai';
import { assert, integer, nat, property } from 'fast-check';

import {
  expiresAtOf,
  flushAtOf,
  storeExpiryOf,
  ttlSecondsOf,
  wallExpiryOf,
} from '../../../src/store/expiry.js';

const NOW = 1_800_000_000_000;
const EVEN = { clockAheadMs: 0 };
const DAYS_30 = 2_592_000;

describe('store/expiry', () => {
  it('expiresAtOf() gives 0 (never) for 0, and a past time for a negative one', () => {
    expect(expiresAtOf(0, NOW, EVEN)).to.equal(0);
    expect(expiresAtOf(-1, NOW, EVEN)).to.be.within(1, NOW);
    expect(expiresAtOf(-2_147_483_648, NOW, EVEN)).to.be.within(1, NOW);
  });

  it('expiresAtOf() takes up to 30 days as relative, and more as absolute', () => {
    expect(expiresAtOf(1, NOW, EVEN)).to.equal(NOW + 1000);
    expect(expiresAtOf(DAYS_30, NOW, EVEN)).to.equal(NOW + DAYS_30 * 1000);
    expect(expiresAtOf(DAYS_30 + 1, NOW, EVEN)).to.equal((DAYS_30 + 1) * 1000);
    expect(expiresAtOf(1_800_000_060, NOW, EVEN)).to.equal(NOW + 60_000);
  });

  it('expiresAtOf() never gives an early time for a relative one', () => {
    assert(
      property(integer({ min: 1, max: DAYS_30 }), nat(2 ** 42), (exptime, nowMs) => {
        expect(expiresAtOf(exptime, nowMs, { clockAheadMs: 1000 }) - nowMs).to.equal(
          exptime * 1000,
        );
      }),
    );
  });

  it('an absolute time is shifted by how far the store is ahead, on the way in and out', () => {
    const clocks = { clockAheadMs: 7_000 };
    const wallSeconds = NOW / 1000;
    const inMs = expiresAtOf(wallSeconds + 60, NOW + 7_000, clocks);
    expect(inMs).to.equal(NOW + 7_000 + 60_000);
    expect(wallExpiryOf(inMs, clocks)).to.equal(NOW + 60_000);
    expect(storeExpiryOf(NOW + 60_000, clocks)).to.equal(inMs);
    expect(flushAtOf(wallSeconds + 60, NOW + 7_000, clocks)).to.equal(inMs);
    expect([wallExpiryOf(0, clocks), storeExpiryOf(0, clocks)]).to.deep.equal([0, 0]);
  });

  it('flushAtOf() gives 0 (now) for no time, and for negative and past times', () => {
    expect(flushAtOf(0, NOW, EVEN)).to.equal(0);
    expect(flushAtOf(-1, NOW, EVEN)).to.equal(0);
    expect(flushAtOf(DAYS_30 + 1, NOW, EVEN)).to.equal(0);
    expect(flushAtOf(5, NOW, EVEN)).to.equal(NOW + 5000);
    expect(flushAtOf(1_800_000_060, NOW, EVEN)).to.equal(NOW + 60_000);
  });

  it('ttlSecondsOf() rounds up, gives -1 for never and 0 for an expired item', () => {
    expect(ttlSecondsOf(0, NOW)).to.equal(-1);
    expect(ttlSecondsOf(NOW + 30_000, NOW)).to.equal(30);
    expect(ttlSecondsOf(NOW + 29_001, NOW)).to.equal(30);
    expect(ttlSecondsOf(NOW - 1, NOW)).to.equal(0);
  });
});
