// What is stored: the keydir with the accounting that goes with every change of it, and which changes
// are not yet durable. The only writer of the keydir while the store is open.
//
// Invariants:
// - A segment's liveBytes is the sum of the frames that the keydir points to in it.
// - `unsynced` has every key whose deletion or touch is above the watermark: an entry's own seq tells of
//   puts alone. Everyone who answers from an entry, or from its absence, asks `afterOf` first.
// - `restore` puts back exactly what `stateOf` gave: a failed commit is taken back with it.

import { expiresAtAt, lengthAt } from '../log/entry-list.js';
import type { LargeReference } from '../log/large-value-file.js';
import type { Segment } from '../log/segment.js';
import { MARK, type Keydir } from './keydir.js';

/** Everything known of a key but the key. */
export interface ItemState {
  readonly slot: number;
  readonly offset: number;
  /** Of the frame. */
  readonly bytes: number;
  readonly seq: number;
  readonly expiresAt: number;
  readonly marks: number;
  readonly lastUsedSeconds: number;
  readonly large: LargeReference | undefined;
}

/** Looks on while items change: the snapshot exports what was before, compaction checks nothing. */
export interface ItemWatcher {
  /** `ref` is about to be changed or removed. */
  beforeChange(ref: number): void;
  /** Mark bits that a new item gets. */
  readonly newMarks: number;
}

/** What is known of all items together, beside the keydir (docs/format.md, "Image"). */
export interface ItemsState {
  readonly liveBytes: number;
  readonly expiringCount: number;
  readonly restingMarks: number;
  /** By ref. */
  readonly large: readonly (readonly [number, LargeReference])[];
}

export class Items {
  readonly keydir: Keydir;
  readonly #segmentAt: (slot: number) => Segment;
  readonly #watermark: () => number;
  readonly #unsynced = new Map<string, number>();
  readonly #large = new Map<number, LargeReference>();
  /** Set while a snapshot runs. */
  watcher: ItemWatcher | undefined;
  /** Frames of live items, and large values. */
  liveBytes = 0;
  /** Items with an expiry: the sweeper rests when there are none. */
  expiringCount = 0;

  constructor(keydir: Keydir, segmentAt: (slot: number) => Segment, watermark: () => number) {
    this.keydir = keydir;
    this.#segmentAt = segmentAt;
    this.#watermark = watermark;
  }

  get count(): number {
    return this.keydir.count;
  }

  get state(): ItemsState {
    const { liveBytes, expiringCount, restingMarks } = this;
    return { liveBytes, expiringCount, restingMarks, large: [...this.#large] };
  }

  /** The keydir is that of `state` already. */
  restoreState({ liveBytes, expiringCount, restingMarks, large }: ItemsState): void {
    this.liveBytes = liveBytes;
    this.expiringCount = expiringCount;
    this.restingMarks = restingMarks;
    for (const [ref, reference] of large) this.#large.set(ref, reference);
  }

  largeOf(ref: number): LargeReference | undefined {
    return this.#large.size === 0 ? undefined : this.#large.get(ref);
  }

  largeReferences(): LargeReference[] {
    return [...this.#large.values()];
  }

  /** Of the items that have one. */
  largeRefs(): number[] {
    return [...this.#large.keys()];
  }

  /** Ids of all large values that an item refers to. */
  largeIds(): Set<number> {
    return new Set([...this.#large.values()].map(({ id }) => id));
  }

  stateOf(ref: number): ItemState {
    const { keydir } = this;
    return {
      slot: keydir.segment(ref),
      offset: keydir.offset(ref),
      bytes: keydir.length(ref),
      seq: keydir.seq(ref),
      expiresAt: keydir.expiresAt(ref),
      marks: keydir.marks(ref) & ~MARK.SNAPSHOT,
      lastUsedSeconds: keydir.lastUsedSeconds(ref),
      large: this.largeOf(ref),
    };
  }

  /** Gives the key that state; `ref` is the key's, 0 when it is new. Returns its ref. */
  set(key: Buffer, ref: number, state: ItemState): number {
    const { keydir } = this;
    if (ref !== 0) this.watcher?.beforeChange(ref);
    const at = ref === 0 ? keydir.insert(key) : ref;
    if (ref !== 0) this.#discount(ref);
    const parity = ref === 0 ? (this.watcher?.newMarks ?? this.restingMarks) : keydir.marks(ref);
    keydir.setLocation(at, state.slot, state.offset, state.bytes);
    keydir.setSeq(at, state.seq);
    keydir.setExpiresAt(at, state.expiresAt);
    keydir.setMarks(at, state.marks | (parity & MARK.SNAPSHOT));
    keydir.setLastUsedSeconds(at, state.lastUsedSeconds);
    if (state.large !== undefined) this.#large.set(at, state.large);
    this.#count(state);
    return at;
  }

  /**
   * As set, for the replay of a log: what the entry at `at` of `words` says (entry-list.ts), no snapshot runs,
   * and no object is made. `ref` as the keydir has it; `marks` of the keydir.
   */
  replayPut(
    ref: number,
    segment: Segment,
    words: Uint32Array,
    at: number,
    marks: number,
    lastUsedSeconds: number,
  ): void {
    this.keydir.fill(ref, segment.slot, words, at, marks);
    this.keydir.setLastUsedSeconds(ref, lastUsedSeconds);
    const bytes = lengthAt(words, at);
    segment.liveBytes += bytes;
    this.liveBytes += bytes;
    if (expiresAtAt(words, at) !== 0) this.expiringCount += 1;
  }

  /** Before replayPut of a key that is there. */
  replayOver(ref: number): void {
    this.#discount(ref);
    this.keydir.touch(ref);
  }

  /** The parity mark that every item carries between two snapshots. */
  restingMarks = 0;

  setExpiresAt(ref: number, expiresAt: number): void {
    this.watcher?.beforeChange(ref);
    const { keydir } = this;
    if (keydir.expiresAt(ref) !== 0) this.expiringCount -= 1;
    keydir.setExpiresAt(ref, expiresAt);
    if (expiresAt !== 0) this.expiringCount += 1;
  }

  remove(ref: number): void {
    this.watcher?.beforeChange(ref);
    this.#discount(ref);
    this.keydir.remove(ref);
  }

  /** What `stateOf` gave before a change that did not come to be. */
  restore(key: Buffer, before: ItemState | undefined): void {
    const ref = this.keydir.find(key);
    if (before !== undefined) this.set(key, ref, before);
    else if (ref !== 0) this.remove(ref);
  }

  /**
   * Compaction copied the record of `seq` to another place; nothing when the item has changed since. `ref`
   * is the key's.
   */
  relocate(ref: number, seq: number, slot: number, offset: number): void {
    const { keydir } = this;
    if (ref === 0 || keydir.seq(ref) !== seq) return;
    const bytes = keydir.length(ref);
    this.#segmentAt(keydir.segment(ref)).liveBytes -= bytes;
    keydir.setLocation(ref, slot, offset, bytes);
    this.#segmentAt(slot).liveBytes += bytes;
  }

  /** The key's deletion or touch has that seq and is not yet durable. */
  noteUnsynced(key: Buffer, seq: number): void {
    this.#unsynced.set(key.toString('latin1'), seq);
  }

  /** Some key's deletion or touch is not yet durable. */
  get hasUnsynced(): boolean {
    return this.#unsynced.size !== 0;
  }

  /** Seq that must be durable before anyone may be told of the key's state; 0: at once. */
  afterOf(ref: number, key: Buffer): number {
    const own = ref === 0 ? 0 : this.keydir.seq(ref);
    const noted = this.#unsynced.size === 0 ? 0 : (this.#unsynced.get(key.toString('latin1')) ?? 0);
    const seq = Math.max(own, noted);
    return seq > this.#watermark() ? seq : 0;
  }

  /** Forgets what has become durable. */
  settleUnsynced(): void {
    if (this.#unsynced.size === 0) return;
    const watermark = this.#watermark();
    for (const [key, seq] of this.#unsynced) {
      if (seq <= watermark) this.#unsynced.delete(key);
    }
  }

  /** Everything above the watermark was taken back. */
  forgetUnsynced(): void {
    this.#unsynced.clear();
  }

  #count(state: ItemState): void {
    this.#segmentAt(state.slot).liveBytes += state.bytes;
    this.liveBytes += state.bytes + (state.large?.bytes ?? 0);
    if (state.expiresAt !== 0) this.expiringCount += 1;
  }

  #discount(ref: number): void {
    const { keydir } = this;
    const bytes = keydir.length(ref);
    this.#segmentAt(keydir.segment(ref)).liveBytes -= bytes;
    this.liveBytes -= bytes + (this.largeOf(ref)?.bytes ?? 0);
    if (keydir.expiresAt(ref) !== 0) this.expiringCount -= 1;
    this.#large.delete(ref);
  }
}
