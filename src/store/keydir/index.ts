// The keydir's index: hash of a key → ref. It has 1,024 small open-addressing tables ("shards"). A full shard grows
// by a quarter, so that the longest pause is the rehash of a thousandth of the keys.
//
// A shard is a row of buckets (buckets.ts). A key goes to its home bucket or, when that is full, to the next with
// room, and every full bucket on the way counts the key. So a search ends at the first bucket that no key has
// passed, and a deletion only decrements the counts: there are no empty markers, and no key is moved.
// A search compares twelve tags in three steps, and so reads the record of a wrong key in one of 20 searches.
// The hash itself is not stored; growth computes it again from the keys in the records.
//
// A search needs the size and the blocks of a shard. Both are in typed arrays and not in an object per shard: a
// thousand objects would not stay in the processor's nearest cache, and each access would be a wait.
//
// Invariants:
// - Every bucket from a key's home up to its own bucket has counted the key.
// - Block b of shard s is #blocks[s * #stride + b].

import { assert } from '../../assert.js';
import { type HashSeed, hashWords } from '../../log/bytes/key-hash.js';
import {
  ALIGN_WORDS,
  BLOCKS_BITS,
  BLOCK_BITS,
  BUCKETS_PER_BLOCK,
  BUCKET_BITS,
  KeydirBuckets,
  REFS_PER_BUCKET,
  pageOf,
  wordOf,
} from './buckets.js';
import type { KeydirEntries } from './entries.js';
import type { IndexState, ShardState } from './state.js';

const SHARD_BITS = 10;
const BLOCK_MASK = (1 << BLOCKS_BITS) - 1;
const SHARDS = 1 << SHARD_BITS;
const LOAD_MAX = 0.93;
const LOAD_MIN = 0.3;
const GROWTH = 1.25;
const OVERFLOW = 3;
const REFS = 4;
const ONES = 0x01010101;
const TOPS = 0x80808080 | 0;
/** A reserved shard has room for the mean of keys and this many standard deviations more. */
const RESERVE_DEVIATIONS = 2.5;
/** The table of blocks begins with room for so many blocks per shard. */
const STRIDE_MIN = 4;

/** The fields of a shard that only changes need. */
interface Shard {
  readonly number: number;
  /** The number of keys. */
  count: number;
  /** At this count, the shard grows before the next key. */
  countMax: number;
  /** Below this count, it shrinks. */
  countMin: number;
  /** The size in blocks before rounding: it starts different in each shard. */
  size: number;
  readonly sizeMin: number;
}

export class KeydirIndex {
  readonly #entries: KeydirEntries;
  #seed: HashSeed;
  readonly #buckets = new KeydirBuckets();
  #shards = noShards();
  /** The number of buckets of each shard. */
  #bucketCounts = new Uint32Array(SHARDS);
  #blocks = new Uint32Array(SHARDS * STRIDE_MIN);
  #stride = STRIDE_MIN;
  /** The number of blocks of a new shard, before staggering. */
  #blocksMin = 1;
  /** Scratch arrays: the refs of a shard and their hashes while it is resized. */
  #refs = new Uint32Array(0);
  #hashes = new Int32Array(0);

  constructor(entries: KeydirEntries, seed: HashSeed) {
    this.#entries = entries;
    this.#seed = seed;
  }

  get memoryBytes(): number {
    const table = this.#blocks.byteLength + this.#bucketCounts.byteLength;
    return this.#buckets.memoryBytes + this.#refs.byteLength * 2 + table;
  }

  get state(): IndexState {
    const shards = this.#shards.flatMap((shard, number): ShardState[] => {
      if (shard === undefined) return [];
      const first = number * this.#stride;
      const blocks = this.#blocks.subarray(first, first + this.#blockCount(number));
      return [[number, shard.count, shard.size, shard.sizeMin, ...blocks]];
    });
    return { blocksMin: this.#blocksMin, buckets: this.#buckets.state, shards };
  }

  /** The memory of the buckets itself, not a copy. */
  get words(): Uint32Array[] {
    return this.#buckets.words;
  }

  /** Restores `state`, with `words` of zeros that the caller fills. Requires: the index is empty. */
  restore({ blocksMin, buckets, shards }: IndexState): void {
    this.#blocksMin = blocksMin;
    this.#buckets.restore(buckets);
    for (const [number, count, size, sizeMin, ...blocks] of shards) {
      const shard = { number, count, countMax: 0, countMin: 0, size, sizeMin };
      this.#shards[number] = shard;
      this.#makeRoom(blocks.length);
      this.#blocks.set(blocks, number * this.#stride);
      this.#setBounds(shard, blocks.length);
    }
  }

  /** Returns the ref of the key that is packed in `words` from `start` on, or 0. `hash` is its hash. */
  find(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    const number = hash & (SHARDS - 1);
    const buckets = this.#bucketCounts[number]!;
    if (buckets === 0) return 0;
    const first = number * this.#stride;
    const { pages } = this.#buckets;
    // Four tags are compared at a time. homeOf, pageOf and wordOf are written out, because every request makes this search.
    // `hits` has bit 7 of each byte of `other` that is 0, and perhaps of a byte of 1 above such a byte, never below.
    const tags = Math.imul((hash >>> SHARD_BITS) & 0xff || 1, ONES);
    let bucket = (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
    for (let seen = 0; seen < buckets; seen += 1) {
      const block = this.#blocks[first + (bucket >>> 3)]!;
      const page = pages[block >>> BLOCKS_BITS]!;
      const at =
        ALIGN_WORDS +
        ((block & BLOCK_MASK) << BLOCK_BITS) +
        ((bucket & (BUCKETS_PER_BLOCK - 1)) << BUCKET_BITS);
      for (let word = 0; word < 3; word += 1) {
        const other = page[at + word]! ^ tags;
        for (let hits = (other - ONES) & ~other & TOPS; hits !== 0; hits &= hits - 1) {
          const byte = (31 - Math.clz32(hits & -hits)) >>> 3;
          const ref = page[at + REFS + word * 4 + byte]!;
          if (ref !== 0 && this.#entries.matches(ref, words, start, keyLength)) return ref;
        }
      }
      if (page[at + OVERFLOW] === 0) return 0;
      bucket += 1;
      if (bucket === buckets) bucket = 0;
    }
    return 0;
  }

  /** Hashes with another seed from now on. Requires: the index is empty. */
  reseed(seed: HashSeed): void {
    this.#seed = seed;
  }

  /** Makes new shards as large as `keys` keys will need. */
  reserve(keys: number): void {
    // Hashes spread unevenly. With this size, most shards that get more than the mean need not grow either.
    const mean = keys / SHARDS;
    const most = mean + RESERVE_DEVIATIONS * Math.sqrt(mean);
    this.#blocksMin = Math.max(1, most / (BUCKETS_PER_BLOCK * REFS_PER_BUCKET * LOAD_MAX));
  }

  /** Requires: no record of that key is in the index. */
  add(hash: number, ref: number): void {
    const number = hash & (SHARDS - 1);
    let shard = this.#shards[number];
    if (shard === undefined) {
      // The sizes are staggered, because shards fill alike and would all grow at the same time.
      const sizeMin = this.#blocksMin * GROWTH ** (number / SHARDS);
      shard = { number, count: 0, countMax: 0, countMin: 0, size: sizeMin, sizeMin };
      this.#shards[number] = shard;
      this.#resize(shard, sizeMin);
    } else if (shard.count >= shard.countMax) {
      this.#grow(shard);
    }
    this.#place(number, hash, ref);
    shard.count += 1;
  }

  /** Removes the ref. Requires: it is in the index, and `hash` is the hash of its key. */
  delete(hash: number, ref: number): void {
    const number = hash & (SHARDS - 1);
    const shard = this.#shards[number];
    assert(shard !== undefined, 'A removed key has a shard');
    const buckets = this.#bucketCounts[number]!;
    const first = number * this.#stride;
    let bucket = homeOf(hash, buckets);
    for (let seen = 0; ; seen += 1) {
      assert(seen < buckets, 'A removed key is in the index');
      const block = this.#blocks[first + (bucket >>> 3)]!;
      const page = this.#buckets.pages[pageOf(block)]!;
      const at = wordOf(block, bucket);
      const slot = page.subarray(at + REFS, at + REFS + REFS_PER_BUCKET).indexOf(ref);
      if (slot >= 0) {
        page[at + REFS + slot] = 0;
        page[at + (slot >>> 2)]! &= ~(0xff << ((slot & 3) << 3));
        break;
      }
      page[at + OVERFLOW]! -= 1;
      bucket += 1;
      if (bucket === buckets) bucket = 0;
    }
    shard.count -= 1;
    if (shard.count < shard.countMin) this.#resize(shard, Math.max(shard.sizeMin, shard.size / 2));
  }

  clear(): void {
    this.#shards = noShards();
    this.#bucketCounts.fill(0);
    this.#blocks = new Uint32Array(SHARDS * STRIDE_MIN);
    this.#stride = STRIDE_MIN;
    this.#blocksMin = 1;
    this.#buckets.clear();
  }

  hashOf(ref: number): number {
    const entries = this.#entries;
    return hashWords(entries.page(ref), entries.keyStart(ref), entries.keyLength(ref), this.#seed);
  }

  #place(number: number, hash: number, ref: number): void {
    const buckets = this.#bucketCounts[number]!;
    const first = number * this.#stride;
    const { pages } = this.#buckets;
    // homeOf, pageOf and wordOf are written out, as in find().
    const tag = (hash >>> SHARD_BITS) & 0xff || 1;
    let bucket = (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
    for (;;) {
      const block = this.#blocks[first + (bucket >>> 3)]!;
      const page = pages[block >>> BLOCKS_BITS]!;
      const at =
        ALIGN_WORDS +
        ((block & BLOCK_MASK) << BLOCK_BITS) +
        ((bucket & (BUCKETS_PER_BLOCK - 1)) << BUCKET_BITS);
      for (let word = 0; word < 3; word += 1) {
        const tags = page[at + word]!;
        const empty = (tags - ONES) & ~tags & TOPS;
        if (empty === 0) continue;
        const byte = (31 - Math.clz32(empty & -empty)) >>> 3;
        page[at + word]! |= tag << (byte << 3);
        page[at + REFS + word * 4 + byte] = ref;
        return;
      }
      page[at + OVERFLOW]! += 1;
      bucket += 1;
      if (bucket === buckets) bucket = 0;
    }
  }

  #grow(shard: Shard): void {
    let size = shard.size;
    do size *= GROWTH;
    while (Math.ceil(size) <= this.#blockCount(shard.number));
    this.#resize(shard, size);
  }

  #resize(shard: Shard, size: number): void {
    const count = this.#takeOut(shard);
    const { number } = shard;
    const wanted = Math.ceil(size);
    this.#makeRoom(wanted);
    const first = number * this.#stride;
    let blocks = this.#blockCount(number);
    for (; blocks > wanted; blocks -= 1) this.#buckets.release(this.#blocks[first + blocks - 1]!);
    for (; blocks < wanted; blocks += 1) this.#blocks[first + blocks] = this.#buckets.allocate();
    shard.size = size;
    this.#setBounds(shard, blocks);
    for (let n = 0; n < count; n += 1) this.#place(number, this.#hashes[n]!, this.#refs[n]!);
  }

  #blockCount(number: number): number {
    return this.#bucketCounts[number]! / BUCKETS_PER_BLOCK;
  }

  /** Makes room for so many blocks per shard in the table of blocks: 4 bytes for 90 keys, so it is copied at once. */
  #makeRoom(blocks: number): void {
    if (blocks <= this.#stride) return;
    const stride = Math.max(blocks, Math.ceil(this.#stride * 1.5));
    const wider = new Uint32Array(SHARDS * stride);
    for (let number = 0; number < SHARDS; number += 1) {
      const first = number * this.#stride;
      const count = this.#blockCount(number);
      wider.set(this.#blocks.subarray(first, first + count), number * stride);
    }
    this.#blocks = wider;
    this.#stride = stride;
  }

  /** Computes the bounds of a shard from its size and its blocks. */
  #setBounds(shard: Shard, blocks: number): void {
    const buckets = blocks * BUCKETS_PER_BLOCK;
    const refs = buckets * REFS_PER_BUCKET;
    this.#bucketCounts[shard.number] = buckets;
    shard.countMax = Math.floor(refs * LOAD_MAX);
    shard.countMin = shard.size > shard.sizeMin ? Math.floor(refs * LOAD_MIN) : 0;
  }

  /** Empties a shard into the scratch arrays and returns the count. */
  #takeOut(shard: Shard): number {
    if (this.#refs.length < shard.count) {
      this.#refs = new Uint32Array(shard.count * 2);
      this.#hashes = new Int32Array(shard.count * 2);
    }
    const refs = this.#refs;
    let count = 0;
    const first = shard.number * this.#stride;
    const end = first + this.#blockCount(shard.number);
    for (let at = first; at < end; at += 1) {
      const block = this.#blocks[at]!;
      const page = this.#buckets.pages[pageOf(block)]!;
      for (let bucket = 0; bucket < BUCKETS_PER_BLOCK; bucket += 1) {
        const from = wordOf(block, bucket) + REFS;
        for (let slot = from; slot < from + REFS_PER_BUCKET; slot += 1) {
          if (page[slot] !== 0) refs[count++] = page[slot]!;
        }
      }
      this.#buckets.empty(block);
    }
    // Records are scattered in memory. A first pass reads one word of each and does nothing between the reads,
    // so that the processor fetches many at a time.
    let read = 0;
    for (let n = 0; n < count; n += 1) read ^= this.#entries.keyLength(refs[n]!);
    assert(read <= 0xffff, 'Lengths have 16 bits');
    for (let n = 0; n < count; n += 1) this.#hashes[n] = this.hashOf(refs[n]!);
    return count;
  }
}

function noShards(): (Shard | undefined)[] {
  return Array.from({ length: SHARDS });
}

// Bits of a hash: 0..9 are the shard, 10..17 the tag, the upper ones the place in the shard.

function homeOf(hash: number, buckets: number): number {
  return (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
}
