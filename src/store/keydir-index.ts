// The keydir's index: hash of a key → ref. 1,024 small open-addressing tables ("shards"), each grown by
// a fifth when it is full, so that the longest pause is the rehash of a thousandth of the keys.
//
// A shard is linear probing with backward-shift deletion (no tombstones): one byte of hash a slot, the
// tag, is scanned first (0: empty), so that the record of a wrong key is looked at once in 255 probes.
// The hash itself is not stored; growth and deletion make it anew from the key in the record.
//
// Invariants: between LOAD_MAX / GROWTH and LOAD_MAX of a shard's slots are taken while it grows; a slot
// is always free, so every probe ends. From a key's home to its slot there is no empty slot.

import { assert } from '../assert.js';
import { type HashSeed, hashWords } from './key-hash.js';
import type { KeydirEntries } from './keydir-entries.js';

const SHARD_BITS = 10;
const SHARDS = 1 << SHARD_BITS;
const SLOTS_MIN = 16;
const LOAD_MAX = 0.88;
const LOAD_MIN = 0.3;
const GROWTH = 1.2;
const SLOT_BYTES = 5;

interface Shard {
  slots: number;
  /** Keys held. */
  count: number;
  /** Grow above, shrink below. */
  countMax: number;
  countMin: number;
  refs: Uint32Array;
  tags: Uint8Array;
}

export class KeydirIndex {
  readonly #entries: KeydirEntries;
  readonly #seed: HashSeed;
  #shards = noShards();
  #slots = 0;

  constructor(entries: KeydirEntries, seed: HashSeed) {
    this.#entries = entries;
    this.#seed = seed;
  }

  get memoryBytes(): number {
    return this.#slots * SLOT_BYTES;
  }

  /** The ref of the key packed in `words`, or 0. `hash` is its hash. */
  find(hash: number, words: Uint32Array, keyLength: number): number {
    const shard = this.#shards[hash & (SHARDS - 1)];
    if (shard === undefined) return 0;
    const tags = shard.tags;
    const slots = shard.slots;
    const tag = tagOf(hash);
    let slot = homeOf(hash, slots);
    for (;;) {
      const found = tags[slot]!;
      if (found === 0) return 0;
      if (found === tag) {
        const ref = shard.refs[slot]!;
        if (this.#entries.matches(ref, words, keyLength)) return ref;
      }
      slot += 1;
      if (slot === slots) slot = 0;
    }
  }

  /** Requires: no record of that key is in the index. */
  add(hash: number, ref: number): void {
    const number = hash & (SHARDS - 1);
    let shard = this.#shards[number];
    if (shard === undefined) {
      // The sizes are staggered, so that shards, which fill alike, do not all grow at the same time.
      shard = this.#create(Math.round(SLOTS_MIN * GROWTH ** (number / SHARDS)));
      this.#shards[number] = shard;
    } else if (shard.count >= shard.countMax) {
      shard = this.#resize(number, Math.ceil(shard.slots * GROWTH));
    }
    place(shard, hash, ref);
    shard.count += 1;
  }

  /** Takes the ref out. Requires: it is in the index, its key still in its record. */
  delete(hash: number, ref: number): void {
    const number = hash & (SHARDS - 1);
    const shard = this.#shards[number];
    assert(shard !== undefined, 'A removed key has a shard');
    let slot = homeOf(hash, shard.slots);
    while (shard.refs[slot] !== ref) {
      assert(shard.tags[slot] !== 0, 'A removed key is in the index');
      slot += 1;
      if (slot === shard.slots) slot = 0;
    }
    this.#closeGap(shard, slot);
    shard.count -= 1;
    if (shard.count < shard.countMin) {
      this.#resize(number, Math.max(SLOTS_MIN, Math.ceil(shard.count / LOAD_MAX) * 2));
    }
  }

  clear(): void {
    this.#shards = noShards();
    this.#slots = 0;
  }

  hashOf(ref: number): number {
    const entries = this.#entries;
    return hashWords(entries.page(ref), entries.keyStart(ref), entries.keyLength(ref), this.#seed);
  }

  /** Moves later keys of the run back over the freed slot, as far as their homes allow. */
  #closeGap(shard: Shard, freed: number): void {
    const { refs, tags, slots } = shard;
    let gap = freed;
    let slot = gap;
    for (;;) {
      slot += 1;
      if (slot === slots) slot = 0;
      if (tags[slot] === 0) break;
      const home = homeOf(this.hashOf(refs[slot]!), slots);
      // Probing from `home` passes the gap before it gets to `slot`.
      const passes = gap <= slot ? home <= gap || home > slot : home <= gap && home > slot;
      if (!passes) continue;
      refs[gap] = refs[slot]!;
      tags[gap] = tags[slot]!;
      gap = slot;
    }
    refs[gap] = 0;
    tags[gap] = 0;
  }

  #create(slots: number): Shard {
    const memory = new ArrayBuffer(slots * SLOT_BYTES);
    this.#slots += slots;
    return {
      slots,
      count: 0,
      countMax: Math.floor(slots * LOAD_MAX),
      countMin: slots > SLOTS_MIN * GROWTH * GROWTH ? Math.floor(slots * LOAD_MIN) : 0,
      refs: new Uint32Array(memory, 0, slots),
      tags: new Uint8Array(memory, slots * 4, slots),
    };
  }

  #resize(number: number, slots: number): Shard {
    const old = this.#shards[number]!;
    this.#slots -= old.slots;
    const shard = this.#create(slots);
    const refs = old.refs;
    for (let slot = 0; slot < old.slots; slot += 1) {
      const ref = refs[slot]!;
      if (ref !== 0) place(shard, this.hashOf(ref), ref);
    }
    shard.count = old.count;
    this.#shards[number] = shard;
    return shard;
  }
}

function noShards(): (Shard | undefined)[] {
  return Array.from({ length: SHARDS });
}

function place(shard: Shard, hash: number, ref: number): void {
  const { refs, tags, slots } = shard;
  let slot = homeOf(hash, slots);
  while (tags[slot] !== 0) {
    slot += 1;
    if (slot === slots) slot = 0;
  }
  refs[slot] = ref;
  tags[slot] = tagOf(hash);
}

// Bits of a hash: 0..9 shard, 10..17 tag, the upper ones the place in the shard.

function tagOf(hash: number): number {
  return (hash >>> SHARD_BITS) & 0xff || 1;
}

function homeOf(hash: number, slots: number): number {
  return (((hash >>> SHARD_BITS) * slots) / 2 ** (32 - SHARD_BITS)) >>> 0;
}
