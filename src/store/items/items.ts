// Items: the keydir, the accounting that goes with every change of it, and the changes that are not yet durable.
// Items is the only writer of the keydir: all other code has a view without setters.
//
// Invariants:
// - A segment's liveBytes is the sum of the frames that the keydir points to in it.
// - `unsynced` has every key whose deletion or touch is above the watermark: an entry's own seq shows only
//   puts. An answer from an entry, or from its absence, is given only after a call of `afterOf`.
// - `restore` puts back exactly the state that `load` gave, so that a failed commit can be taken back.

import { expiresAtAt, hashAt, keyBytesAt, keyWord, lengthAt } from '../../log/bytes/entry-list.js';
import type { HashSeed } from '../../log/bytes/key-hash.js';
import type { Durability } from '../../log/durability.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Segment, SegmentTable } from '../../log/segments/segment.js';
import { ITEM_MARK, type Keydir, type KeydirView } from '../keydir/keydir.js';
import { emptyRecord, type KeydirRecord } from '../keydir/record.js';
import type { KeydirState } from '../keydir/state.js';
import { UnsyncedKeys } from './unsynced-keys.js';

/** Everything that is known of an item, apart from its key. */
export interface ItemState extends Readonly<KeydirRecord> {
  readonly large: LargeReference | undefined;
}

/** A running snapshot, which exports an item as it was before a change. */
export interface ItemWatcher {
  /** Called before the item of `ref` is changed or removed. */
  beforeChange(ref: number): void;
  /** Mark bits that a new item gets. */
  readonly newMarks: number;
}

/** The state of all items together, apart from the keydir (docs/format.md, "IMAGE"). */
export interface ItemsState {
  readonly liveBytes: number;
  readonly expiringCount: number;
  readonly restingMarks: number;
  /** Large values by ref. */
  readonly large: readonly (readonly [number, LargeReference])[];
  readonly largeIdMax: number;
}

/** Reused for each change. */
const BEFORE = emptyRecord();

export class Items {
  readonly keydir: KeydirView;
  readonly #keydir: Keydir;
  readonly #segments: Pick<SegmentTable, 'at'>;
  readonly #durability: Pick<Durability, 'watermark'>;
  /** Keys whose deletion or touch may not be durable yet. */
  readonly unsynced = new UnsyncedKeys();
  readonly #large = new Map<number, LargeReference>();
  /** The highest id in any record, also a dead one: no id is used again while the log names it. */
  largeIdMax = 0;
  /** Set while a snapshot runs. */
  watcher: ItemWatcher | undefined;
  /** Bytes of the frames of live items and of their large values. */
  liveBytes = 0;
  /** The number of items with an expiry: the sweeper rests when there are none. */
  expiringCount = 0;
  /** True when the value of some item is in a file of its own. */
  hasLarge = false;

  constructor(
    keydir: Keydir,
    segments: Pick<SegmentTable, 'at'>,
    durability: Pick<Durability, 'watermark'>,
  ) {
    this.keydir = keydir;
    this.#keydir = keydir;
    this.#segments = segments;
    this.#durability = durability;
  }

  get count(): number {
    return this.keydir.count;
  }

  /** Bytes of the large values, which are part of liveBytes. */
  get largeBytes(): number {
    let bytes = 0;
    for (const large of this.#large.values()) bytes += large.bytes;
    return bytes;
  }

  get state(): ItemsState {
    const { liveBytes, expiringCount, restingMarks, largeIdMax } = this;
    return { liveBytes, expiringCount, restingMarks, large: [...this.#large], largeIdMax };
  }

  /** Restores `state`. Requires: the keydir is restored already. */
  restoreState(state: ItemsState): void {
    const { liveBytes, expiringCount, restingMarks, large, largeIdMax } = state;
    this.largeIdMax = largeIdMax;
    this.liveBytes = liveBytes;
    this.expiringCount = expiringCount;
    this.restingMarks = restingMarks;
    for (const [ref, reference] of large) this.#large.set(ref, reference);
    this.hasLarge = this.#large.size > 0;
  }

  /** Prepares the keydir for about so many keys, hashed with that seed. Requires: it holds no key. */
  begin(keys: number, seed: HashSeed): void {
    this.#keydir.reseed(seed);
    this.#keydir.reserve(keys);
  }

  /** See Keydir.restore; restoreState restores the rest. */
  restoreKeydir(state: KeydirState, seed: HashSeed): boolean {
    return this.#keydir.restore(state, seed);
  }

  /** Empties the keydir when it could not be filled. */
  clearKeydir(): void {
    this.#keydir.clear();
  }

  largeOf(ref: number): LargeReference | undefined {
    return this.hasLarge ? this.#large.get(ref) : undefined;
  }

  largeReferences(): LargeReference[] {
    return [...this.#large.values()];
  }

  /** Returns the refs of the items with a large value. */
  largeRefs(): number[] {
    return [...this.#large.keys()];
  }

  /** Returns the ids of all large values that an item refers to. */
  largeIds(): Set<number> {
    return new Set([...this.#large.values()].map(({ id }) => id));
  }

  /** Reads the state of the item of `ref`, without the mark of a snapshot, which is not the item's own. */
  load(ref: number, into: KeydirRecord): void {
    this.keydir.load(ref, into);
    into.marks &= ~ITEM_MARK.SNAPSHOT;
  }

  /** Adds an item for key[start..end), which the keydir does not hold yet. Returns its ref. */
  add(
    key: Buffer,
    start: number,
    end: number,
    state: Readonly<KeydirRecord>,
    segment: Pick<Segment, 'liveBytes'>,
    large: LargeReference | undefined,
  ): number {
    const keydir = this.#keydir;
    const ref = keydir.insert(key, start, end);
    keydir.store(
      ref,
      state,
      this.watcher === undefined ? this.restingMarks : this.watcher.newMarks,
    );
    this.#count(ref, state, segment, large);
    return ref;
  }

  /** Gives the item of `ref` another state and makes it the most recently used; `before` is from load. Returns `ref`. */
  replace(
    ref: number,
    before: Readonly<KeydirRecord>,
    state: Readonly<KeydirRecord>,
    segment: Pick<Segment, 'liveBytes'>,
    large: LargeReference | undefined,
  ): number {
    const keydir = this.#keydir;
    if (this.watcher !== undefined) this.watcher.beforeChange(ref);
    this.#segments.at(before.segment).liveBytes -= before.length;
    this.liveBytes -= before.length;
    if (before.expiresAt !== 0) this.expiringCount -= 1;
    if (this.hasLarge) this.#forgetLarge(ref);
    keydir.store(ref, state);
    if (keydir.keepsOrder) keydir.touch(ref);
    this.#count(ref, state, segment, large);
    return ref;
  }

  /**
   * Gives the key that state, with the time of its last use; `ref` is the key's, 0 when it is new.
   * Returns its ref. The item keeps its place in the order of use.
   */
  set(
    key: Buffer,
    ref: number,
    state: Readonly<KeydirRecord>,
    large: LargeReference | undefined,
  ): number {
    const segment = this.#segments.at(state.segment);
    if (ref === 0) return this.add(key, 0, key.length, state, segment, large);
    this.watcher?.beforeChange(ref);
    this.#discount(ref);
    this.#keydir.store(ref, state);
    this.#count(ref, state, segment, large);
    return ref;
  }

  #count(
    ref: number,
    state: Readonly<KeydirRecord>,
    segment: Pick<Segment, 'liveBytes'>,
    large: LargeReference | undefined,
  ): void {
    segment.liveBytes += state.length;
    this.liveBytes += state.length;
    if (state.expiresAt !== 0) this.expiringCount += 1;
    if (large === undefined) return;
    this.#large.set(ref, large);
    this.largeIdMax = Math.max(this.largeIdMax, large.id);
    this.hasLarge = true;
    this.liveBytes += large.bytes;
  }

  /**
   * Does what set does, for the replay of a log, without making an object. The put entry is at `at` of `words`
   * (entry-list.ts); `found` is the key's entry in the keydir, or 0; `marks` are the keydir's. Requires: no snapshot runs.
   */
  replayPut(
    found: number,
    segment: Segment,
    words: Uint32Array,
    at: number,
    marks: number,
    lastUsedSeconds: number,
  ): void {
    const keydir = this.#keydir;
    const hash = hashAt(words, at);
    if (found !== 0) this.#replayOver(found);
    const ref =
      found === 0 ? keydir.insertPacked(hash, words, keyWord(at), keyBytesAt(words, at)) : found;
    keydir.fill(ref, segment.slot, words, at, marks);
    keydir.setLastUsedSeconds(ref, lastUsedSeconds);
    const bytes = lengthAt(words, at);
    segment.liveBytes += bytes;
    this.liveBytes += bytes;
    if (expiresAtAt(words, at) !== 0) this.expiringCount += 1;
  }

  #replayOver(ref: number): void {
    this.#discount(ref);
    this.#keydir.touch(ref);
  }

  /** The parity mark that every item carries between two snapshots. */
  restingMarks = 0;

  setExpiresAt(ref: number, expiresAt: number): void {
    this.watcher?.beforeChange(ref);
    const keydir = this.#keydir;
    if (keydir.expiresAt(ref) !== 0) this.expiringCount -= 1;
    keydir.setExpiresAt(ref, expiresAt);
    if (expiresAt !== 0) this.expiringCount += 1;
  }

  /** Notes that the item was read at that second and makes it the most recently used. */
  use(ref: number, seconds: number): void {
    this.#keydir.use(ref, seconds);
  }

  /** After a write that is no use: gives the item its old last use back, and the mark `fetched` (or 0). */
  keepUse(ref: number, fetched: number, usedSeconds: number): void {
    this.addMarks(ref, fetched);
    this.#keydir.setLastUsedSeconds(ref, usedSeconds);
  }

  /** Makes the item the most recently used, without a use. */
  refresh(ref: number): void {
    this.#keydir.touch(ref);
  }

  /** `marks` are bits of ITEM_MARK. */
  addMarks(ref: number, marks: number): void {
    this.#keydir.setMarks(ref, this.#keydir.marks(ref) | marks);
  }

  /** Gives the item the new parity: the running snapshot has exported it, or must not. */
  markExported(ref: number): void {
    this.#keydir.setMarks(ref, this.#keydir.marks(ref) ^ ITEM_MARK.SNAPSHOT);
  }

  remove(ref: number): void {
    this.watcher?.beforeChange(ref);
    this.#discount(ref);
    this.#keydir.remove(ref);
  }

  /** Restores the state of the key before a change whose commit failed; undefined: the key had no item. */
  restore(key: Buffer, before: ItemState | undefined): void {
    const ref = this.keydir.find(key);
    if (before !== undefined) this.set(key, ref, before, before.large);
    else if (ref !== 0) this.remove(ref);
  }

  /**
   * Points the key to the place to which compaction copied the record of `seq`. Does nothing when the item has changed
   * since. `ref` is the key's.
   */
  relocate(ref: number, seq: number, slot: number, offset: number): void {
    const keydir = this.#keydir;
    if (ref === 0 || keydir.seq(ref) !== seq) return;
    const bytes = keydir.length(ref);
    this.#segments.at(keydir.segment(ref)).liveBytes -= bytes;
    keydir.setLocation(ref, slot, offset, bytes);
    this.#segments.at(slot).liveBytes += bytes;
  }

  /** Returns the seq that must be durable before an answer may show the key's state; 0: at once. */
  afterOf(ref: number, key: Buffer, start = 0, end = key.length): number {
    const own = ref === 0 ? 0 : this.keydir.seq(ref);
    const noted = this.unsynced.isEmpty ? 0 : this.unsynced.seqOf(key, start, end);
    const seq = Math.max(own, noted);
    return seq > this.#durability.watermark ? seq : 0;
  }

  #discount(ref: number): void {
    this.#keydir.load(ref, BEFORE);
    this.#segments.at(BEFORE.segment).liveBytes -= BEFORE.length;
    this.liveBytes -= BEFORE.length;
    if (BEFORE.expiresAt !== 0) this.expiringCount -= 1;
    if (this.hasLarge) this.#forgetLarge(ref);
  }

  #forgetLarge(ref: number): void {
    const large = this.#large.get(ref);
    if (large === undefined) return;
    this.liveBytes -= large.bytes;
    this.#large.delete(ref);
    this.hasLarge = this.#large.size > 0;
  }
}
