// The value cache's index: keydir ref → place in the cache. Like the keydir's index, it is divided into shards, so
// that its growth never takes long. The hash of a ref is cheap, so a shard uses plain linear probing.
//
// Invariants: a shard is at most three quarters full. From a ref's home to its slot no slot is empty.

import { MIB } from '../../limits.js';

const SLOTS_MIN = 16;
const SHARDS_MAX = 4096;
/**
 * One shard per so many bytes of cache: its growth then takes no longer than emptying a page. The shards are so few
 * that they stay in the processor's cache; otherwise a get would wait for memory.
 */
const CACHE_BYTES_PER_SHARD = MIB;
const SLOT_BYTES = 8;
export const NO_PLACE = -1;

interface Shard {
  /** A power of two. */
  slots: number;
  count: number;
  /** Slot s: ref at 2s (0: empty), place at 2s + 1. */
  table: Uint32Array;
}

export class ValueCacheIndex {
  readonly #shardBits: number;
  readonly #shards: (Shard | undefined)[];
  #slots = 0;
  #count = 0;

  constructor(cacheBytes: number) {
    const shards = Math.min(SHARDS_MAX, Math.max(1, cacheBytes / CACHE_BYTES_PER_SHARD));
    this.#shardBits = Math.floor(Math.log2(shards));
    this.#shards = Array.from({ length: 2 ** this.#shardBits });
  }

  get count(): number {
    return this.#count;
  }

  get memoryBytes(): number {
    return this.#slots * SLOT_BYTES;
  }

  /** Returns the ref's place, or NO_PLACE. */
  find(ref: number): number {
    // hashOf and #probe are written out, because every read makes this search.
    let hash = Math.imul(ref ^ (ref >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    const shard = this.#shards[hash & (this.#shards.length - 1)];
    if (shard === undefined) return NO_PLACE;
    const { table, slots } = shard;
    let slot = (hash >>> this.#shardBits) & (slots - 1);
    while (table[slot * 2] !== ref) {
      if (table[slot * 2] === 0) return NO_PLACE;
      slot = (slot + 1) & (slots - 1);
    }
    return table[slot * 2 + 1]!;
  }

  /** Sets the ref's place, new or not. Returns false, with nothing done, when the index would have to grow. */
  trySet(ref: number, place: number): boolean {
    const hash = hashOf(ref);
    const shard = this.#shards[hash & (this.#shards.length - 1)];
    if (shard === undefined) return false;
    const { table, slots } = shard;
    // #probe is written out, as in find().
    let slot = (hash >>> this.#shardBits) & (slots - 1);
    while (table[slot * 2] !== ref && table[slot * 2] !== 0) slot = (slot + 1) & (slots - 1);
    const at = slot * 2;
    if (table[at] === 0) {
      if (shard.count >= (slots >>> 2) * 3) return false;
      table[at] = ref;
      shard.count += 1;
      this.#count += 1;
    }
    table[at + 1] = place;
    return true;
  }

  /** Returns the bytes by which `set` of a new ref would make the index grow. */
  growthBytes(ref: number): number {
    const shard = this.#shards[hashOf(ref) & (this.#shards.length - 1)];
    if (shard === undefined) return SLOTS_MIN * SLOT_BYTES;
    return isFull(shard) ? shard.slots * SLOT_BYTES : 0;
  }

  /** Sets the ref's place, new or not. */
  set(ref: number, place: number): void {
    const hash = hashOf(ref);
    const number = hash & (this.#shards.length - 1);
    const shard = this.#shards[number] ?? this.#create(number);
    let at = this.#probe(shard, hash, ref);
    if (shard.table[at] === 0) {
      if (isFull(shard)) {
        this.#resize(shard, shard.slots * 2);
        at = this.#probe(shard, hash, ref);
      }
      shard.table[at] = ref;
      shard.count += 1;
      this.#count += 1;
    }
    shard.table[at + 1] = place;
  }

  /** Deletes the ref, if it is there. */
  delete(ref: number): void {
    const hash = hashOf(ref);
    const shard = this.#shards[hash & (this.#shards.length - 1)];
    if (shard === undefined) return;
    const at = this.#probe(shard, hash, ref);
    if (shard.table[at] === 0) return;
    this.#closeGap(shard, at >>> 1);
    shard.count -= 1;
    this.#count -= 1;
    if (shard.slots > SLOTS_MIN && shard.count < shard.slots >>> 3) {
      this.#resize(shard, shard.slots >>> 1);
    }
  }

  /** Returns the ref's position in the table, or that of the empty slot where the ref would go. */
  #probe({ table, slots }: Shard, hash: number, ref: number): number {
    let slot = (hash >>> this.#shardBits) & (slots - 1);
    while (table[slot * 2] !== ref && table[slot * 2] !== 0) slot = (slot + 1) & (slots - 1);
    return slot * 2;
  }

  #home(hash: number, slots: number): number {
    return (hash >>> this.#shardBits) & (slots - 1);
  }

  /** Moves later refs of the run back over the freed slot, as far as their homes allow. */
  #closeGap({ table, slots }: Shard, freed: number): void {
    const mask = slots - 1;
    let gap = freed;
    for (let slot = (gap + 1) & mask; table[slot * 2] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(hashOf(table[slot * 2]!), slots);
      // Skip a ref whose home is behind the gap: its probe does not pass the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      table[gap * 2] = table[slot * 2]!;
      table[gap * 2 + 1] = table[slot * 2 + 1]!;
      gap = slot;
    }
    table[gap * 2] = 0;
  }

  #create(number: number): Shard {
    const shard = { slots: SLOTS_MIN, count: 0, table: new Uint32Array(SLOTS_MIN * 2) };
    this.#shards[number] = shard;
    this.#slots += SLOTS_MIN;
    return shard;
  }

  #resize(shard: Shard, slots: number): void {
    const old = shard.table;
    this.#slots += slots - shard.slots;
    shard.slots = slots;
    shard.table = new Uint32Array(slots * 2);
    for (let from = 0; from < old.length; from += 2) {
      const ref = old[from]!;
      if (ref === 0) continue;
      const to = this.#probe(shard, hashOf(ref), ref);
      shard.table[to] = ref;
      shard.table[to + 1] = old[from + 1]!;
    }
  }
}

function isFull(shard: Shard): boolean {
  return shard.count >= (shard.slots >>> 2) * 3;
}

/** Mixes all bits of a ref into all bits (the last step of murmur3). It needs no seed: clients do not choose refs. */
function hashOf(ref: number): number {
  let hash = Math.imul(ref ^ (ref >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
