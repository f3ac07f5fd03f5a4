// The order of a hint's entries: by the hash of the key, rotated so that the keydir's shard comes first and then
// the place in the shard. Loading then goes through the keydir's index from its beginning to its end and does not
// wait for memory; in log order each key would be at a random place.
//
// Invariant: entries of one key stay in log order, because equal hashes do.

import { assert } from '../../assert.js';
import { KEY_BYTES_LIMIT } from '../../limits.js';
import { returnedBuffer, returnedMemory } from './returned-memory.js';
import {
  firstWord,
  hashAt,
  keyBytesAt,
  keyWord,
  nextWord,
  setHashAt,
  valueBytesAt,
  wordsOf,
} from './entry-list.js';
import type { EntryList } from './entry-list.js';
import { hashWords } from './key-hash.js';
import type { HashSeed } from './key-hash.js';

const WORD_BYTES = 4;
/** Number of low bits of a hash that are the keydir's shard; the others are the place in the shard. */
const SHARD_BITS = 10;
const SHARDS = 1 << SHARD_BITS;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
const scratch = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);

/** Sets each entry's hash, computed from its key with `seed`. */
export function hashEntries(list: EntryList, seed: HashSeed): void {
  const words = wordsOf(list);
  let at = firstWord(list);
  for (let n = 0; n < list.count; n += 1) {
    setHashAt(words, at, hashEntry(words, at, seed));
    at = nextWord(words, at);
  }
}

/** Returns the list in hash order, after `start` free bytes. Requires: its entries have their hashes. */
export function inHashOrder(list: EntryList, start: number): EntryList {
  const { count } = list;
  const words = wordsOf(list);
  const keys = newKeys(count);
  const places = newPlaces(count);
  let at = firstWord(list);
  for (let n = 0; n < count; n += 1) {
    const hash = hashAt(words, at);
    keys[n] = (hash << (32 - SHARD_BITS)) | (hash >>> SHARD_BITS);
    places[n] = at;
    at = nextWord(words, at);
  }
  const bytes = returnedBuffer(start + at * WORD_BYTES - list.start);
  const sorted = { bytes, start, count };
  const target = wordsOf(sorted);
  let to = firstWord(sorted);
  for (const place of sortedBy(keys, places)) {
    const end = nextWord(words, place);
    for (let word = place; word < end; word += 1, to += 1) target[to] = words[word]!;
  }
  return sorted;
}

/** Returns the words at which the entries of a list in hash order begin, in log order. */
export function wordsInLogOrder(list: EntryList): Int32Array {
  const words = wordsOf(list);
  const keys = newKeys(list.count);
  const places = newPlaces(list.count);
  let at = firstWord(list);
  for (let n = 0; n < list.count; n += 1) {
    // An entry's first word has the frame's offset in the segment.
    keys[n] = words[at]!;
    places[n] = at;
    at = nextWord(words, at);
  }
  return sortedBy(keys, places);
}

/**
 * Returns the words at which the entries of a list in log order begin, sorted by the keydir's shard. A shard fits
 * the processor's first-level cache, so the full hash order, and a copy in it, would cost more than they save.
 * Requires: the entries have their hashes.
 */
export function wordsByShard(list: EntryList): Int32Array {
  const words = wordsOf(list);
  const ends = new Uint32Array(SHARDS + 1);
  let at = firstWord(list);
  for (let n = 0; n < list.count; n += 1) {
    ends[(hashAt(words, at) & (SHARDS - 1)) + 1]! += 1;
    at = nextWord(words, at);
  }
  // From here on, ends[shard] is where the shard begins; the loop below advances it to the shard's end.
  for (let shard = 0; shard < SHARDS; shard += 1) ends[shard + 1]! += ends[shard]!;
  const places = newPlaces(list.count);
  at = firstWord(list);
  for (let n = 0; n < list.count; n += 1) {
    const shard = hashAt(words, at) & (SHARDS - 1);
    places[ends[shard]!] = at;
    ends[shard]! += 1;
    at = nextWord(words, at);
  }
  return places;
}

function hashEntry(words: Uint32Array, at: number, seed: HashSeed): number {
  const keyBytes = keyBytesAt(words, at);
  const start = keyWord(at);
  if (valueBytesAt(words, at) === 0) return hashWords(words, start, keyBytes, seed);
  // A value follows the key in its last word.
  const last = keyBytes >>> 2;
  for (let word = 0; word < last; word += 1) scratch[word] = words[start + word]!;
  if ((keyBytes & 3) !== 0)
    scratch[last] = words[start + last]! & ((1 << ((keyBytes & 3) * 8)) - 1);
  return hashWords(scratch, 0, keyBytes, seed);
}

function newKeys(count: number): Uint32Array {
  return new Uint32Array(returnedMemory(count * WORD_BYTES), 0, count);
}

function newPlaces(count: number): Int32Array {
  return new Int32Array(returnedMemory(count * WORD_BYTES), 0, count);
}

/** Returns the values sorted by their keys; values of equal keys stay in order. Overwrites both arrays. */
function sortedBy(keys: Uint32Array, values: Int32Array): Int32Array {
  assert(keys.length === values.length, 'Each value has a key');
  const counts = new Uint32Array(DIGITS);
  let fromKeys: Uint32Array = keys;
  let fromValues: Int32Array = values;
  let toKeys: Uint32Array = newKeys(keys.length);
  let toValues: Int32Array = newPlaces(keys.length);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    counts.fill(0);
    for (let n = 0; n < fromKeys.length; n += 1)
      counts[(fromKeys[n]! >>> shift) & (DIGITS - 1)]! += 1;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const count = counts[digit]!;
      counts[digit] = sum;
      sum += count;
    }
    for (let n = 0; n < fromKeys.length; n += 1) {
      const key = fromKeys[n]!;
      const digit = (key >>> shift) & (DIGITS - 1);
      const to = counts[digit]!;
      counts[digit] = to + 1;
      toKeys[to] = key;
      toValues[to] = fromValues[n]!;
    }
    [fromKeys, toKeys] = [toKeys, fromKeys];
    [fromValues, toValues] = [toValues, fromValues];
  }
  return fromValues;
}
