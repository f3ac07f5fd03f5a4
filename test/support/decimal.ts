// memcached's 64-bit counters as text, for the MemoryStore.

const U64 = 2n ** 64n;

/** The number in a value (spaces around it allowed, at most 64 bits), or undefined. */
export function parseNumber(value: Buffer): bigint | undefined {
  const text = value.toString('latin1');
  if (!/^ *\d{1,20} *$/.test(text)) return undefined;
  const number = BigInt(text.trim());
  return number < U64 ? number : undefined;
}

/** Wraps at 2^64, stops at 0. */
export function addDelta(number: bigint, delta: bigint, direction: 'incr' | 'decr'): bigint {
  if (direction === 'incr') return (number + delta) % U64;
  return delta > number ? 0n : number - delta;
}
