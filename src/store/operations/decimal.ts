// Decimal numbers as values, unsigned and of 64 bits, as memcached's incr and decr read and write them.

// As strtoull reads a number: white space and zeros may come before, and white space, a NUL or the end must follow.
const NUMBER = /^\s*\+?0*(\d{1,20})(?:[\s\0]|$)/;
const TWO_POW_64 = 1n << 64n;
/** A longer value holds no number; the bound also avoids long strings. */
const TEXT_BYTES_MAX = 64;

/** Returns the number that a value holds, read as memcached reads it; undefined: not a number. */
export function parseDecimal(value: Buffer): bigint | undefined {
  if (value.length > TEXT_BYTES_MAX) return undefined;
  const digits = NUMBER.exec(value.toString('latin1'))?.[1];
  if (digits === undefined) return undefined;
  const number = BigInt(digits);
  return number < TWO_POW_64 ? number : undefined;
}

/** Returns the new number: incr wraps at 2^64, decr stops at 0. */
export function addDelta(number: bigint, delta: bigint, direction: 'incr' | 'decr'): bigint {
  if (direction === 'incr') return (number + delta) % TWO_POW_64;
  return delta > number ? 0n : number - delta;
}

/** Returns the text of a number, padded with spaces to the old length, as memcached does it. */
export function composeDecimal(number: bigint, oldBytes: number): Buffer {
  return Buffer.from(number.toString().padEnd(oldBytes), 'latin1');
}
