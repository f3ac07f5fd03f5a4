// memcached's unsigned 64-bit decimal numbers as values: what incr and decr read and write.

// As strtoull reads it: white space and zeros before; it ends where the digits do, if white space or a NUL follows.
const NUMBER = /^\s*\+?0*(\d{1,20})(?:[\s\0]|$)/;
const TWO_POW_64 = 1n << 64n;
/** Longer values hold no number; also spares making strings of large ones. */
const TEXT_BYTES_MAX = 64;

/** The number that a value holds, read as memcached reads it; undefined: not a number. */
export function parseDecimal(value: Buffer): bigint | undefined {
  if (value.length > TEXT_BYTES_MAX) return undefined;
  const digits = NUMBER.exec(value.toString('latin1'))?.[1];
  if (digits === undefined) return undefined;
  const number = BigInt(digits);
  return number < TWO_POW_64 ? number : undefined;
}

/** incr wraps at 2^64, decr stops at 0. */
export function addDelta(number: bigint, delta: bigint, direction: 'incr' | 'decr'): bigint {
  if (direction === 'incr') return (number + delta) % TWO_POW_64;
  return delta > number ? 0n : number - delta;
}

/** The text of a number; padded with spaces to the old length, as memcached keeps it. */
export function composeDecimal(number: bigint, oldBytes: number): Buffer {
  return Buffer.from(number.toString().padEnd(oldBytes), 'latin1');
}
