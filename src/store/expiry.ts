// Expiry: memcached's rule for an exptime, which no other file knows. 0 means never, and a negative exptime at once.
// Up to 30 days it counts from now; above, it is an absolute Unix time (docs/protocol.md, "Expiry").
// Pure functions: the caller passes the time (Store.nowMs), so that tests need no clock.

import { EXPTIME_RELATIVE_SECONDS_MAX } from '../limits.js';
import type { Store } from './store.js';

/** Read only for an absolute time, because it reads the wall clock. */
export type Clocks = Pick<Store, 'clockAheadMs'>;

/** An expiry that has always passed, for a negative exptime: 0 already means never. */
const LONG_AGO_MS = 1;

/**
 * Returns the expiry of an item that is stored at `nowMs` with `exptime` (seconds, 32 bits, signed); 0: never. Both times
 * are in ms on the store's clock, which may be ahead of the clients' wall clock. An absolute time may lie in the past:
 * the item is then expired from the start.
 */
export function expiresAtOf(exptime: number, nowMs: number, clocks: Clocks): number {
  if (exptime === 0) return 0;
  if (exptime < 0) return LONG_AGO_MS;
  if (exptime <= EXPTIME_RELATIVE_SECONDS_MAX) return nowMs + exptime * 1000;
  return exptime * 1000 + clocks.clockAheadMs;
}

/** Returns the time at which `flush_all <exptime>` takes effect; 0: now, as for negative and past times. */
export function flushAtOf(exptime: number, nowMs: number, clocks: Clocks): number {
  const atMs = exptime <= 0 ? 0 : expiresAtOf(exptime, nowMs, clocks);
  return atMs <= nowMs ? 0 : atMs;
}

/** Converts an expiry from the store's clock to the wall clock, for clients and exports; 0: never. */
export function wallExpiryOf(expiresAt: number, clocks: Clocks): number {
  return expiresAt === 0 ? 0 : expiresAt - clocks.clockAheadMs;
}

/** Converts an expiry from the wall clock to the store's clock; 0: never. */
export function storeExpiryOf(wallMs: number, clocks: Clocks): number {
  return wallMs === 0 ? 0 : wallMs + clocks.clockAheadMs;
}

/** Returns the seconds that are left, rounded up, so that a fresh item shows its full TTL; -1: never expires. */
export function ttlSecondsOf(expiresAt: number, nowMs: number): number {
  if (expiresAt === 0) return -1;
  return Math.max(0, Math.ceil((expiresAt - nowMs) / 1000));
}
