// The rules of memcached as the simulated client expects them: what commands make of items, and what they answer.

import type * as S from '../../src/store/store.js';
import { parseNumber as parseDecimal } from '../support/decimal.js';
import type { Entry, Known } from './history.js';
import type { GetCommand } from './workload.js';

/** Answers that a fault of the world excuses. */
export const EXCUSED: ReadonlySet<S.Status> = new Set([
  'no-space',
  'no-descriptors',
  'no-memory',
  'closed',
  'damaged',
]);
/** Answers that say that nothing was changed. */
export const UNCHANGED: ReadonlySet<S.Status> = new Set([
  'not-stored',
  'not-found',
  'exists',
  'not-a-number',
]);

/** Returns what incr and decr make of a number: 64 bits that wrap, and nothing below zero. */
export function changed(number: bigint, delta: bigint, direction: 'incr' | 'decr'): bigint {
  if (direction === 'incr') return (number + delta) % 2n ** 64n;
  return delta > number ? 0n : number - delta;
}

/** Parses a number; values are Latin-1 text here. */
export function parseNumber(value: string): bigint | undefined {
  return parseDecimal(Buffer.from(value, 'latin1'));
}

/** Returns the status that incr and decr answer. */
export function arithmeticStatus({ entry }: Known): S.Status {
  return entry !== undefined && parseNumber(entry.value) === undefined ? 'not-a-number' : 'stored';
}

/** Returns the item after a read; undefined when the read changes nothing. */
export function touchedBy(
  command: GetCommand,
  entry: Entry | undefined,
  expiresAt: number | undefined,
): Entry | undefined {
  if (entry === undefined) return undefined;
  const wins = command.do === 'win' && entry.stale && !entry.won;
  if (!wins && expiresAt === undefined) return undefined;
  return { ...entry, won: entry.won || wins, expiresAt: expiresAt ?? entry.expiresAt };
}
