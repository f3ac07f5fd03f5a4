// The keydir: the newest record of every key, as key → location, seq, expiry, last use and marks. It is
// made of typed arrays (docs/decisions/0016-keys-in-typed-arrays.md). A Map of objects costs twice as
// much per key, burdens the garbage collector with each, and ends at 16.7 million.
//
// A key is found once, by `find` or `insert`, which returns its ref, a number. All other methods take
// the ref. Only `insert`, `remove`, `key` and growth allocate.
//
// Invariants:
// - A ref is valid from `insert` until `remove` or `clear`; then another key may get it. Code that keeps
//   a ref across turns of the event loop must check seq.
// - The keydir grows and shrinks in pieces: no call takes more than a few ms, whatever the count.

import { assert, broken } from '../../assert.js';
import { KEY_BYTES_LIMIT } from '../../limits.js';
import { type HashSeed, hashWords, packKey } from '../../log/bytes/key-hash.js';
import { KeydirEntries } from './entries.js';
import type { KeydirRecord } from './record.js';
import { KeydirIndex } from './index.js';
import { KeydirRecency } from './recency.js';
import type { KeydirState } from './state.js';

/** Bits of a key's marks. */
export const ITEM_MARK = {
  /** The item is invalidated but served. */
  STALE: 1,
  /** A client has the task to refill the item. */
  WON: 2,
  /** A client chose the CAS token: it is in the frame and is not the seq. */
  CHOSEN_CAS: 4,
  /** The item was read since it was written. */
  FETCHED: 8,
  /** Equal to the parity of the running snapshot: the item is already exported. */
  SNAPSHOT: 16,
} as const;

interface KeydirOptions {
  readonly seed: HashSeed;
  /** Keep the order of use (8 bytes per key). */
  readonly recency: boolean;
}

/** Methods that change a keydir: only Items calls them. */
type KeydirSetter =
  | 'reseed'
  | 'reserve'
  | 'restore'
  | 'insert'
  | 'insertPacked'
  | 'remove'
  | 'clear'
  | 'setLocation'
  | 'setSeq'
  | 'setExpiresAt'
  | 'fill'
  | 'setLastUsedSeconds'
  | 'store'
  | 'use'
  | 'setMarks'
  | 'touch';

/** A keydir without the methods that change it. */
export type KeydirView = Omit<Keydir, KeydirSetter>;

export class Keydir {
  #seed: HashSeed;
  readonly #entries: KeydirEntries;
  readonly #index: KeydirIndex;
  readonly #recency: KeydirRecency | undefined;
  /** True when the order of use is kept. */
  readonly keepsOrder: boolean;
  /** The key that was looked up last, packed; there is room for the longest key. */
  readonly #words = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);
  /** The hash of that key. */
  #hash = 0;
  /** The length of that key if it was absent and no key was added since; otherwise -1. */
  #absentLength = -1;
  #count = 0;

  constructor({ seed, recency }: KeydirOptions) {
    this.#seed = seed;
    this.#entries = new KeydirEntries(recency);
    this.#index = new KeydirIndex(this.#entries, seed);
    this.#recency = recency ? new KeydirRecency(this.#entries) : undefined;
    this.keepsOrder = recency;
  }

  /** The number of keys. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all typed arrays. */
  get memoryBytes(): number {
    return this.#entries.memoryBytes + this.#index.memoryBytes + this.#words.byteLength;
  }

  /** Hashes with another seed from now on. Requires: the keydir is empty. */
  reseed(seed: HashSeed): void {
    assert(this.#count === 0, 'Only an empty keydir takes another seed');
    this.#seed = seed;
    this.#absentLength = -1;
    this.#index.reseed(seed);
  }

  /**
   * Prepares for about so many keys: filling the keydir then takes half the time, because it need not grow.
   * Costs no memory until the keys come. Requires: the keydir is empty.
   */
  reserve(keys: number): void {
    assert(this.#count === 0, 'Room is reserved in an empty keydir');
    this.#index.reserve(keys);
  }

  /** Together with `words`, the whole keydir. */
  get state(): KeydirState {
    return {
      count: this.#count,
      recency: this.#recency?.ends ?? null,
      entries: this.#entries.state,
      index: this.#index.state,
    };
  }

  /** The memory itself, in pieces of about 1 MiB: for reading, and for filling after `restore`. */
  get words(): Uint32Array[] {
    return [...this.#entries.words, ...this.#index.words];
  }

  /**
   * Restores `state` of a keydir that was hashed with `seed`; the caller then fills `words` or calls `clear`.
   * Returns false, with nothing done, when only one of the two keydirs keeps the order of use. Requires: the
   * keydir is empty.
   */
  restore(state: KeydirState, seed: HashSeed): boolean {
    this.reseed(seed);
    if (!this.#entries.restore(state.entries)) return false;
    this.#index.restore(state.index);
    if (state.recency !== null) this.#recency?.restore(state.recency);
    this.#count = state.count;
    return true;
  }

  /** Returns the ref of the key source[start..end), or 0. */
  find(source: Uint8Array, start = 0, end = source.length): number {
    const length = end - start;
    if (length > KEY_BYTES_LIMIT) return 0;
    packKey(source, this.#words, start, end);
    this.#hash = hashWords(this.#words, 0, length, this.#seed);
    const ref = this.#index.find(this.#hash, this.#words, 0, length);
    this.#absentLength = ref === 0 ? length : -1;
    return ref;
  }

  /**
   * Adds a key with all fields 0 and makes it the most recently used. Returns its ref. Searches for the key only if it was
   * not the last one looked up. Requires: the key is absent, 1..65,535 bytes.
   */
  insert(source: Uint8Array, start = 0, end = source.length): number {
    if (!this.#isLastAbsent(source, start, end)) {
      assert(this.find(source, start, end) === 0, 'An inserted key is absent');
    }
    return this.insertPacked(this.#hash, this.#words, 0, end - start);
  }

  /** Checks whether the key was the last one looked up, was absent, and has not been added since. */
  #isLastAbsent(source: Uint8Array, start: number, end: number): boolean {
    if (this.#absentLength !== end - start) return false;
    const words = this.#words;
    for (let at = start, shift = 0, word = 0; at < end; at += 1) {
      if (((words[word]! >>> shift) & 0xff) !== source[at]) return false;
      shift = (shift + 8) & 31;
      if (shift === 0) word += 1;
    }
    return true;
  }

  /** Does what find does, for a packed key and its hash. */
  findPacked(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    return this.#index.find(hash, words, start, keyLength);
  }

  /** Does what insert does, for a packed key and its hash, without a check that the key is absent. */
  insertPacked(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    if (keyLength <= 0 || keyLength > KEY_BYTES_LIMIT) broken('A key has 1..65,535 bytes');
    const ref = this.#entries.create(words, start, keyLength);
    this.#index.add(hash, ref);
    if (this.#recency !== undefined) this.#recency.add(ref);
    this.#count += 1;
    this.#absentLength = -1;
    return ref;
  }

  /** Removes a key, whose ref is invalid afterwards. Requires: a valid ref. */
  remove(ref: number): void {
    assert(this.#entries.keyLength(ref) > 0, 'A removed key is in the keydir');
    this.#index.delete(this.#index.hashOf(ref), ref);
    this.#recency?.delete(ref);
    this.#entries.release(ref);
    this.#count -= 1;
  }

  clear(): void {
    this.#index.clear();
    this.#recency?.clear();
    this.#entries.clear();
    this.#count = 0;
  }

  /** Returns a copy of the key. */
  key(ref: number): Buffer {
    const key = Buffer.allocUnsafe(this.#entries.keyLength(ref));
    this.#entries.copyKey(ref, key);
    return key;
  }

  /** Bytes of the key. */
  keyLength(ref: number): number {
    return this.#entries.keyLength(ref);
  }

  /** Copies the key to the start of `target`. Returns the number of bytes. Requires: room for them. */
  copyKey(ref: number, target: Uint8Array): number {
    return this.#entries.copyKey(ref, target);
  }

  /** The slot (16 bits) of the segment that holds the frame. */
  segment(ref: number): number {
    return this.#entries.segment(ref);
  }

  /** Bytes from the segment's start to the frame. */
  offset(ref: number): number {
    return this.#entries.offset(ref);
  }

  /** Bytes of the frame. */
  length(ref: number): number {
    return this.#entries.length(ref);
  }

  /** `offset` and `length` in bytes, multiples of 8, below 32 GiB and 1 GiB. */
  setLocation(ref: number, segment: number, offset: number, length: number): void {
    this.#entries.setLocation(ref, segment, offset, length);
  }

  seq(ref: number): number {
    return this.#entries.seq(ref);
  }

  setSeq(ref: number, seq: number): void {
    this.#entries.setSeq(ref, seq);
  }

  /** Unix ms; 0: never. */
  expiresAt(ref: number): number {
    return this.#entries.expiresAt(ref);
  }

  setExpiresAt(ref: number, ms: number): void {
    this.#entries.setExpiresAt(ref, ms);
  }

  /** See KeydirEntries.fill. */
  fill(ref: number, segment: number, words: Uint32Array, at: number, marks: number): void {
    this.#entries.fill(ref, segment, words, at, marks);
  }

  /** Unix seconds. */
  lastUsedSeconds(ref: number): number {
    return this.#entries.lastUsedSeconds(ref);
  }

  setLastUsedSeconds(ref: number, seconds: number): void {
    this.#entries.setLastUsedSeconds(ref, seconds);
  }

  /** Reads all fields of the key's record. */
  load(ref: number, into: KeydirRecord): void {
    this.#entries.load(ref, into);
  }

  /** Sets all fields of the key's record and adds `mark` to its marks. Its mark SNAPSHOT stays. */
  store(ref: number, record: Readonly<KeydirRecord>, mark = 0): void {
    this.#entries.store(ref, record, mark, ITEM_MARK.SNAPSHOT);
  }

  /** Notes that the key was read at that second and makes it the most recently used. */
  use(ref: number, seconds: number): void {
    this.#entries.use(ref, seconds, ITEM_MARK.FETCHED);
    if (this.#recency !== undefined) this.#recency.touch(ref);
  }

  /** Bits of ITEM_MARK. */
  marks(ref: number): number {
    return this.#entries.marks(ref);
  }

  setMarks(ref: number, marks: number): void {
    this.#entries.setMarks(ref, marks);
  }

  /**
   * Visits the keys in the order of their refs, from `cursor` (0: start). Returns the cursor of the next call,
   * 0 at the end. Every key that is there during the whole walk is visited exactly once, whatever is
   * inserted and removed between calls or by `visit`. Other keys are visited at most once per insert. Reads
   * no more than `budget` records, so a call may visit none. Any number is a safe cursor.
   */
  walk(cursor: number, budget: number, visit: (ref: number) => void): number {
    return this.#entries.walk(cursor, budget, visit);
  }

  /** Makes the key the most recently used. Does nothing without recency. */
  touch(ref: number): void {
    this.#recency?.touch(ref);
  }

  /** The least recently used key, 0 when there is none or without recency. */
  get oldest(): number {
    return this.#recency?.oldest ?? 0;
  }

  /** The key used next after this one, 0 after the newest. Requires: recency. */
  newer(ref: number): number {
    assert(this.#recency !== undefined, 'The order of use is kept');
    return this.#entries.newer(ref);
  }
}
