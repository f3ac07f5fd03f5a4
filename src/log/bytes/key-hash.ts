// The hash of keys: HalfSipHash-1-3, the keyed 32-bit hash that the Linux kernel uses for its hash tables
// (https://github.com/veorq/SipHash). murmur3 and xxh32 are a little faster, but neither is made against an
// attacker, and murmur3 has sets of keys that collide under every seed. With them a client could choose keys
// that all collide.
//
// Invariant: keys are hashed as little-endian u32 words, the last one padded with zeros, as the keydir
// holds them. Only the first `byteCount` bytes change the hash.

import { KEY_BYTES_LIMIT } from '../../limits.js';

/** The secret of one store's hash: two random words. */
export interface HashSeed {
  readonly k0: number;
  readonly k1: number;
}

export const SEED_BYTES = 8;

/** Returns a seed made from SEED_BYTES random bytes. */
export function hashSeed(random: Buffer): HashSeed {
  return { k0: random.readInt32LE(0), k1: random.readInt32LE(4) };
}

/**
 * Writes the key `source[start..end)` to `words` from index 0, the last word padded with zeros. Requires: `words` has
 * room. Returns the number of words.
 */
export function packKey(
  source: Uint8Array,
  words: Uint32Array,
  start = 0,
  end = source.length,
): number {
  const whole = (end - start) >>> 2;
  let at = start;
  for (let word = 0; word < whole; word += 1, at += 4) {
    words[word] =
      source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24);
  }
  if (at === end) return whole;
  let tail = 0;
  for (let shift = 0; at < end; at += 1, shift += 8) tail |= source[at]! << shift;
  words[whole] = tail;
  return whole + 1;
}

const scratch = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);
const NO_WORDS = new Uint32Array(0);

/** Returns the hash of a key, as hashWords does. */
export function hashKey(key: Uint8Array, seed: HashSeed): number {
  packKey(key, scratch);
  return hashWords(scratch, 0, key.length, seed);
}

/** Returns the hash of `byteCount` bytes packed into words from `start`. It is signed, since V8 boxes numbers ≥ 2^31. */
export function hashWords(
  words: Uint32Array,
  start: number,
  byteCount: number,
  seed: HashSeed,
): number {
  let v0 = seed.k0;
  let v1 = seed.k1;
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const end = start + (byteCount >>> 2);
  const tail = (byteCount & 3) === 0 ? 0 : words[end]!;
  // One round per word, one for the tail and the length, three to finish. The loop has the only copy of the
  // round, so V8 compiles it inline and keeps it in registers.
  for (let at = start; at < end + 4; at += 1) {
    const word = at < end ? words[at]! | 0 : at === end ? tail | (byteCount << 24) : 0;
    if (at === end + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}

/**
 * Computes the hashes of a packed key's prefixes, equal to those of hashWords. Asked for in growing lengths, all
 * of them together cost little more than the longest.
 */
export class PrefixHash {
  readonly #seed: HashSeed;
  #words: Uint32Array = NO_WORDS;
  /** Number of words that the state includes. */
  #done = 0;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  /** Begins with the key packed in `words` from index 0. */
  begin(words: Uint32Array): void {
    const { k0, k1 } = this.#seed;
    this.#words = words;
    this.#done = 0;
    this.#v0 = k0;
    this.#v1 = k1;
    this.#v2 = 0x6c796765 ^ k0;
    this.#v3 = 0x74656462 ^ k1;
  }

  /** Returns the hash of the first `byteCount` bytes. Requires: no fewer than in the call before. */
  hashOf(byteCount: number): number {
    const whole = byteCount >>> 2;
    for (; this.#done < whole; this.#done += 1) this.#round(this.#words[this.#done]! | 0);
    const v0 = this.#v0;
    const v1 = this.#v1;
    const v2 = this.#v2;
    const v3 = this.#v3;
    const rest = byteCount & 3;
    const tail = rest === 0 ? 0 : this.#words[whole]! & ((1 << (rest << 3)) - 1);
    this.#round(tail | (byteCount << 24));
    this.#v2 ^= 0xff;
    for (let round = 0; round < 3; round += 1) this.#round(0);
    const hash = this.#v1 ^ this.#v3;
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
    return hash;
  }

  /** The round of hashWords. */
  #round(word: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3 ^ word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0 ^ word;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
