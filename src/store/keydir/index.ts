// The keydir's index: hash of a key → ref. 1,024 small open-addressing tables ("shards"), each grown by
// a quarter when it is full, so that the longest pause is the rehash of a thousandth of the keys.
//
// A shard is a row of buckets (buckets.ts). A key goes to its home bucket or, when that is full, to
// the next with room; every full bucket on the way counts it, so that a search ends at the first bucket
// nobody was put past, and a deletion only takes the counts back: no tombstones, nothing is moved.
// A search compares twelve tags in three steps and so looks at the record of a wrong key once in 20 times.
// The hash itself is not stored; growth makes it anew from the keys in the records.
//
// What a search needs of a shard, its size and its blocks, is in two typed arrays and not in an object each: a
// thousand objects are out of the processor's nearest cache when they are wanted, and each hop is a wait.
//
// Invariants:
// - From a key's home to its bucket every bucket has counted it.
// - Block b of shard s is #blocks[s * #stride + b].

import { assert } from '../../assert.js';
import { type HashSeed, hashWords } from '../../log/bytes/key-hash.js';
import {
  ALIGN_WORDS,
  BLOCKS_BITS,
  BLOCK_BITS,
  BUCKETS_A_BLOCK,
  BUCKET_BITS,
  KeydirBuckets,
  REFS_A_BUCKET,
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
/** So many standard deviations above the mean a reserved shard holds. */
const RESERVE_DEVIATIONS = 2.5;
/** Blocks of a shard that there is room for at first. */
const STRIDE_MIN = 4;

/** What of a shard only changes need. */
interface Shard {
  readonly number: number;
  /** Keys held. */
  count: number;
  /** Grow above, shrink below. */
  countMax: number;
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
  /** Buckets in use of each shard: all of its blocks'. */
  #bucketCounts = new Uint32Array(SHARDS);
  #blocks = new Uint32Array(SHARDS * STRIDE_MIN);
  #stride = STRIDE_MIN;
  /** Blocks that a new shard begins with, before staggering. */
  #blocksMin = 1;
  /** The refs of a shard and their hashes while it is resized. */
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

  /** The memory of the buckets itself. */
  get words(): Uint32Array[] {
    return this.#buckets.words;
  }

  /** Becomes what `state` was of; `words`, all zeros then, are for the caller to fill. Requires: it is empty. */
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

  /** The ref of the key packed in `words` from `start` on, or 0. `hash` is its hash. */
  find(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    const number = hash & (SHARDS - 1);
    const buckets = this.#bucketCounts[number]!;
    if (buckets === 0) return 0;
    const first = number * this.#stride;
    const { pages } = this.#buckets;
    // Four tags at a time, as homeOf, pageOf and wordOf have their places, written out: every request makes this search.
    // `hits`: bit 7 of each byte that is 0, and perhaps of a 1 above it, never below.
    const tags = Math.imul((hash >>> SHARD_BITS) & 0xff || 1, ONES);
    let bucket = (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
    for (let seen = 0; seen < buckets; seen += 1) {
      const block = this.#blocks[first + (bucket >>> 3)]!;
      const page = pages[block >>> BLOCKS_BITS]!;
      const at =
        ALIGN_WORDS +
        ((block & BLOCK_MASK) << BLOCK_BITS) +
        ((bucket & (BUCKETS_A_BLOCK - 1)) << BUCKET_BITS);
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

  /** Requires: it is empty. */
  reseed(seed: HashSeed): void {
    this.#seed = seed;
  }

  /** Makes new shards as large as `keys` keys will need. */
  reserve(keys: number): void {
    // Hashes spread unevenly: most of the shards that get more than the mean need not grow either.
    const mean = keys / SHARDS;
    const most = mean + RESERVE_DEVIATIONS * Math.sqrt(mean);
    this.#blocksMin = Math.max(1, most / (BUCKETS_A_BLOCK * REFS_A_BUCKET * LOAD_MAX));
  }

  /** Requires: no record of that key is in the index. */
  add(hash: number, ref: number): void {
    const number = hash & (SHARDS - 1);
    let shard = this.#shards[number];
    if (shard === undefined) {
      // The sizes are staggered, so that shards, which fill alike, do not all grow at the same time.
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

  /** Takes the ref out. Requires: it is in the index, and `hash` is the hash of its key. */
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
      const slot = page.subarray(at + REFS, at + REFS + REFS_A_BUCKET).indexOf(ref);
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
    // Written out, as in find().
    const tag = (hash >>> SHARD_BITS) & 0xff || 1;
    let bucket = (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
    for (;;) {
      const block = this.#blocks[first + (bucket >>> 3)]!;
      const page = pages[block >>> BLOCKS_BITS]!;
      const at =
        ALIGN_WORDS +
        ((block & BLOCK_MASK) << BLOCK_BITS) +
        ((bucket & (BUCKETS_A_BLOCK - 1)) << BUCKET_BITS);
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
    return this.#bucketCounts[number]! / BUCKETS_A_BLOCK;
  }

  /** Room for so many blocks a shard in the table of blocks: 4 bytes for 90 keys, so all of it is moved at once. */
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

  /** What follows from its size and blocks. */
  #setBounds(shard: Shard, blocks: number): void {
    const buckets = blocks * BUCKETS_A_BLOCK;
    const refs = buckets * REFS_A_BUCKET;
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
      for (let bucket = 0; bucket < BUCKETS_A_BLOCK; bucket += 1) {
        const from = wordOf(block, bucket) + REFS;
        for (let slot = from; slot < from + REFS_A_BUCKET; slot += 1) {
          if (page[slot] !== 0) refs[count++] = page[slot]!;
        }
      }
      this.#buckets.empty(block);
    }
    // Records lie all over memory. Reading a word of each first, with nothing between the reads, lets the
    // processor fetch many at a time.
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

// Bits of a hash: 0..9 shard, 10..17 tag, the upper ones the place in the shard.

function homeOf(hash: number, buckets: number): number {
  return (((hash >>> SHARD_BITS) * buckets) / 2 ** (32 - SHARD_BITS)) >>> 0;
}
