// memcached's 64-bit counters as text, for the MemoryStore.

const U64 = 2n ** 64n;

/** Returns the number that a value begins with, up to a space or NUL, as strtoull reads it; or undefined. */
export function parseNumber(value: Buffer): bigint | undefined {
  const [first = ''] = value
    .toString('latin1')
    .trimStart()
    .split(/[\s\0]/);
  if (value.length > 64 || !/^\+?0*\d{1,20}$/.test(first)) return undefined;
  const number = BigInt(first.replace('+', ''));
  return number < U64 ? number : undefined;
}

/** Adds or subtracts a delta: an increment wraps at 2^64, a decrement stops at 0. */
export function addDelta(number: bigint, delta: bigint, direction: 'incr' | 'decr'): bigint {
  if (direction === 'incr') return (number + delta) % U64;
  return delta > number ? 0n : number - delta;
}
