// The keydir: the newest record of every key, as key → location, seq, expiry, last use and marks. It
// lives in typed arrays (design rule "In memory" of ARCHITECTURE.md): a Map of objects costs twice as
// much a key, burdens the garbage collector with each, and ends at 16.7 million.
//
// A key is found once, by `find` or `insert`, which gives its ref, a number; everything else is asked
// and set by ref. Nothing but `insert`, `remove`, `key` and growth allocates.
//
// Invariants:
// - A ref is valid from `insert` until `remove` or `clear`; then it may be given to another key. Who keeps
//   a ref across turns of the event loop must check seq.
// - Growth and shrinking are done in pieces: no call takes more than a few ms, whatever the count.

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
  /** Invalidated but served. */
  STALE: 1,
  /** A client has been told to refill it. */
  WON: 2,
  /** The CAS token was chosen by a client: it is in the frame, it is not the seq. */
  CHOSEN_CAS: 4,
  /** Read since it was written. */
  FETCHED: 8,
  /** Equal to the parity of the running snapshot: already exported. */
  SNAPSHOT: 16,
} as const;

interface KeydirOptions {
  readonly seed: HashSeed;
  /** Keep the order of use (8 bytes a key). */
  readonly recency: boolean;
}

/** What changes a keydir: the business of Items alone. */
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

/** A keydir for those who only ask. */
export type KeydirView = Omit<Keydir, KeydirSetter>;

export class Keydir {
  #seed: HashSeed;
  readonly #entries: KeydirEntries;
  readonly #index: KeydirIndex;
  readonly #recency: KeydirRecency | undefined;
  /** Whether the order of use is kept. */
  readonly keepsOrder: boolean;
  /** Room for the longest key, packed. */
  readonly #words = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);
  /** Of the key that was looked for last: it lies in `#words`. */
  #hash = 0;
  /** Its length when it was not there, and nothing was added since; else -1. */
  #absentLength = -1;
  #count = 0;

  constructor({ seed, recency }: KeydirOptions) {
    this.#seed = seed;
    this.#entries = new KeydirEntries(recency);
    this.#index = new KeydirIndex(this.#entries, seed);
    this.#recency = recency ? new KeydirRecency(this.#entries) : undefined;
    this.keepsOrder = recency;
  }

  /** Keys held. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all typed arrays. */
  get memoryBytes(): number {
    return this.#entries.memoryBytes + this.#index.memoryBytes + this.#words.byteLength;
  }

  /** Hashes with another seed from now on. Requires: it is empty. */
  reseed(seed: HashSeed): void {
    assert(this.#count === 0, 'Only an empty keydir takes another seed');
    this.#seed = seed;
    this.#absentLength = -1;
    this.#index.reseed(seed);
  }

  /**
   * Expects about so many keys: filling an empty keydir then takes half the time, as it need not grow.
   * Requires: it is empty. Costs no memory until the keys come.
   */
  reserve(keys: number): void {
    assert(this.#count === 0, 'Room is reserved in an empty keydir');
    this.#index.reserve(keys);
  }

  /** With `words`, all that it is. */
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
   * Becomes the keydir that `state` was of, hashed with `seed`; the caller fills `words` or calls `clear`.
   * False, and nothing done, when that one kept the order of use and this one does not, or the other way
   * round. Requires: it is empty.
   */
  restore(state: KeydirState, seed: HashSeed): boolean {
    this.reseed(seed);
    if (!this.#entries.restore(state.entries)) return false;
    this.#index.restore(state.index);
    if (state.recency !== null) this.#recency?.restore(state.recency);
    this.#count = state.count;
    return true;
  }

  /** The ref of the key `source[start..end)`, or 0. */
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
   * Adds a key, all its fields 0, the newest in use. Requires: it is absent, 1..65,535 bytes. Who has just looked for it
   * pays for no second search.
   */
  insert(source: Uint8Array, start = 0, end = source.length): number {
    if (!this.#isLastAbsent(source, start, end)) {
      assert(this.find(source, start, end) === 0, 'An inserted key is absent');
    }
    return this.insertPacked(this.#hash, this.#words, 0, end - start);
  }

  /** The key was looked for last, was not there, and has not been added since. */
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

  /** As find, of a packed key and its hash. */
  findPacked(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    return this.#index.find(hash, words, start, keyLength);
  }

  /** As insert, of a packed key and its hash. Its absence is not looked at again. */
  insertPacked(hash: number, words: Uint32Array, start: number, keyLength: number): number {
    if (keyLength <= 0 || keyLength > KEY_BYTES_LIMIT) broken('A key has 1..65,535 bytes');
    const ref = this.#entries.create(words, start, keyLength);
    this.#index.add(hash, ref);
    if (this.#recency !== undefined) this.#recency.add(ref);
    this.#count += 1;
    this.#absentLength = -1;
    return ref;
  }

  /** Requires: a valid ref. It is invalid afterwards. */
  remove(ref: number): void {
    assert(this.#entries.keyLength(ref) > 0, 'A removed key is there');
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

  /** A copy of the key. */
  key(ref: number): Buffer {
    const key = Buffer.allocUnsafe(this.#entries.keyLength(ref));
    this.#entries.copyKey(ref, key);
    return key;
  }

  /** Bytes of the key. */
  keyLength(ref: number): number {
    return this.#entries.keyLength(ref);
  }

  /** Copies the key to the start of `target`; returns its bytes. Requires: room for them. */
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

  /** Reads all that is known of the key. */
  load(ref: number, into: KeydirRecord): void {
    this.#entries.load(ref, into);
  }

  /** Sets all that is known of the key, in one step, with `mark` added to its marks. A parity mark that is there stays. */
  store(ref: number, record: Readonly<KeydirRecord>, mark = 0): void {
    this.#entries.store(ref, record, mark, ITEM_MARK.SNAPSHOT);
  }

  /** The key was read at that second: it is the newest in use. */
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
   * Visits the keys in the order of their refs, from `cursor` (0: start), and returns the cursor to go on
   * from, 0 at the end. Every key that is there during the whole walk is visited exactly once, whatever
   * is inserted and removed between calls or by `visit`; others at most once for each insert. Looks at
   * no more than `budget` records, so a call may visit none. Any number is a safe cursor.
   */
  walk(cursor: number, budget: number, visit: (ref: number) => void): number {
    return this.#entries.walk(cursor, budget, visit);
  }

  /** Makes the key the newest in use; nothing without recency. */
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
