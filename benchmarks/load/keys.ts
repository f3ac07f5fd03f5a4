// Picks the next key: uniform, zipfian (hot keys spread over the key space) or each one once.
// Invariant: the same seed gives the same keys, so that every server gets the same requests.

/** Returns repeatable numbers in [0, 1): mulberry32. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns numbers of keys, 0 to keyCount - 1. */
export type KeyPicker = () => number;

export function uniformKeys(keyCount: number, random: Random): KeyPicker {
  return () => Math.floor(random() * keyCount);
}

/** The exponent that YCSB uses: the hottest 1 % of 100,000 keys gets about 60 % of the requests. */
export const ZIPF_EXPONENT = 0.99;

/**
 * Returns ranks 0, 1, 2… with probability proportional to 1 / (rank + 1) ^ exponent, by the approximation of Gray et
 * al., "Quickly generating billion-record synthetic databases": constant time per number, and one pass over the ranks
 * to start.
 */
export function zipfianRanks(
  keyCount: number,
  random: Random,
  exponent = ZIPF_EXPONENT,
): KeyPicker {
  let zeta = 0;
  for (let rank = 1; rank <= keyCount; rank++) zeta += rank ** -exponent;
  const zetaTwo = 1 + 2 ** -exponent;
  const alpha = 1 / (1 - exponent);
  const eta = (1 - (2 / keyCount) ** (1 - exponent)) / (1 - zetaTwo / zeta);
  return () => {
    const uniform = random();
    const scaled = uniform * zeta;
    if (scaled < 1) return 0;
    if (scaled < zetaTwo) return Math.min(1, keyCount - 1);
    return Math.min(keyCount - 1, Math.floor(keyCount * (eta * uniform - eta + 1) ** alpha));
  };
}

/** Returns zipfian keys whose ranks a hash scatters: keys that are equally hot are not neighbours on disk. */
export function zipfianKeys(keyCount: number, random: Random): KeyPicker {
  const nextRank = zipfianRanks(keyCount, random);
  return () => {
    let hash = Math.imul(nextRank() + 1, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return ((hash ^ (hash >>> 13)) >>> 0) % keyCount;
  };
}

/** Returns 0, step, 2 × step…, to fill a store. */
export function sequentialKeys(step = 1): KeyPicker {
  let next = -step;
  return () => (next += step);
}
