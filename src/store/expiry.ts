// memcached's rule for an exptime, the only place that knows it: 0 never, negative at once, up to 30
// days counted from now, above an absolute Unix time (docs/protocol.md, "Expiry").
// Pure functions: the clock is the caller's (Store.nowMs), so that tests need none.

import { EXPTIME_RELATIVE_SECONDS_MAX } from '../limits.js';
import type { Store } from './store.js';

/** Asked only for an absolute time: it reads the wall clock. */
export type Clocks = Pick<Store, 'clockAheadMs'>;

/** An expiry that has always passed, for a negative exptime: 0 already means never. */
const LONG_AGO_MS = 1;

/**
 * When an item stored at `nowMs` with `exptime` (seconds, 32 bits, signed) expires, both in ms on the store's
 * clock, which may be ahead of the wall clock that clients go by; 0: never. An absolute time may lie in the past: the item
 * is then expired from the start.
 */
export function expiresAtOf(exptime: number, nowMs: number, clocks: Clocks): number {
  if (exptime === 0) return 0;
  if (exptime < 0) return LONG_AGO_MS;
  if (exptime <= EXPTIME_RELATIVE_SECONDS_MAX) return nowMs + exptime * 1000;
  return exptime * 1000 + clocks.clockAheadMs;
}

/** When `flush_all <exptime>` takes effect; 0: now, which negative and past times mean too. */
export function flushAtOf(exptime: number, nowMs: number, clocks: Clocks): number {
  const atMs = exptime <= 0 ? 0 : expiresAtOf(exptime, nowMs, clocks);
  return atMs <= nowMs ? 0 : atMs;
}

/** An expiry on the store's clock by the wall clock, for clients and exports; 0: never. */
export function wallExpiryOf(expiresAt: number, clocks: Clocks): number {
  return expiresAt === 0 ? 0 : expiresAt - clocks.clockAheadMs;
}

/** The other way round. */
export function storeExpiryOf(wallMs: number, clocks: Clocks): number {
  return wallMs === 0 ? 0 : wallMs + clocks.clockAheadMs;
}

/** Whole seconds that are left, rounded up, so that a fresh item shows its full TTL; -1: never expires. */
export function ttlSecondsOf(expiresAt: number, nowMs: number): number {
  if (expiresAt === 0) return -1;
  return Math.max(0, Math.ceil((expiresAt - nowMs) / 1000));
}
