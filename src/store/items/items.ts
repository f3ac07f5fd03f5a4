// What is stored: the keydir with the accounting that goes with every change of it, and which changes
// are not yet durable. The only writer of the keydir while the store is open.
//
// Invariants:
// - A segment's liveBytes is the sum of the frames that the keydir points to in it.
// - `unsynced` has every key whose deletion or touch is above the watermark: an entry's own seq tells of
//   puts alone. Everyone who answers from an entry, or from its absence, asks `afterOf` first.
// - `restore` puts back exactly what `load` gave: a failed commit is taken back with it.

import { expiresAtAt, lengthAt } from '../../log/bytes/entry-list.js';
import type { Durability } from '../../log/durability.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Segment } from '../../log/segments/segment.js';
import { MARK, type Keydir } from '../keydir/keydir.js';
import type { KeydirRecord } from '../keydir/entries.js';

/** Everything known of a key but the key. */
export interface ItemState extends Readonly<KeydirRecord> {
  readonly large: LargeReference | undefined;
}

/** Looks on while items change: the snapshot exports what was before, compaction checks nothing. */
export interface ItemWatcher {
  /** `ref` is about to be changed or removed. */
  beforeChange(ref: number): void;
  /** Mark bits that a new item gets. */
  readonly newMarks: number;
}

/** What is known of all items together, beside the keydir (docs/format.md, "IMAGE"). */
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
  readonly #durability: Pick<Durability, 'watermark'>;
  readonly #unsynced = new Map<string, number>();
  readonly #large = new Map<number, LargeReference>();
  /** Set while a snapshot runs. */
  watcher: ItemWatcher | undefined;
  /** Frames of live items, and large values. */
  liveBytes = 0;
  /** Items with an expiry: the sweeper rests when there are none. */
  expiringCount = 0;

  constructor(
    keydir: Keydir,
    segmentAt: (slot: number) => Segment,
    durability: Pick<Durability, 'watermark'>,
  ) {
    this.keydir = keydir;
    this.#segmentAt = segmentAt;
    this.#durability = durability;
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

  /** Reads what is known of the key of `ref`, without the marks of a snapshot, which are not its own. */
  load(ref: number, into: KeydirRecord): void {
    this.keydir.load(ref, into);
    into.marks &= ~MARK.SNAPSHOT;
  }

  /**
   * Gives the key `key[start..end)` that state, as it was used last at that second; `ref` is the key's, 0 when it is new.
   * Returns its ref.
   */
  set(
    key: Buffer,
    ref: number,
    state: Readonly<KeydirRecord>,
    large: LargeReference | undefined,
    start = 0,
    end = key.length,
  ): number {
    const { keydir } = this;
    let at = ref;
    let parity = this.watcher === undefined ? this.restingMarks : this.watcher.newMarks;
    if (ref === 0) {
      at = keydir.insert(key, start, end);
    } else {
      if (this.watcher !== undefined) this.watcher.beforeChange(ref);
      parity = keydir.marks(ref);
      this.#discount(ref);
    }
    keydir.store(at, state, parity & MARK.SNAPSHOT);
    if (large !== undefined) this.#large.set(at, large);
    this.#segmentAt(state.segment).liveBytes += state.length;
    this.liveBytes += state.length + (large === undefined ? 0 : large.bytes);
    if (state.expiresAt !== 0) this.expiringCount += 1;
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

  /** Back to what the key was before a change that did not come to be; undefined: it had no item. */
  restore(key: Buffer, before: ItemState | undefined): void {
    const ref = this.keydir.find(key);
    if (before !== undefined) this.set(key, ref, before, before.large);
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
  noteUnsynced(key: Buffer, start: number, end: number, seq: number): void {
    this.#unsynced.set(key.toString('latin1', start, end), seq);
  }

  /** Some key's deletion or touch is not yet durable. */
  get hasUnsynced(): boolean {
    return this.#unsynced.size !== 0;
  }

  /** Seq that must be durable before anyone may be told of the key's state; 0: at once. */
  afterOf(ref: number, key: Buffer, start = 0, end = key.length): number {
    const own = ref === 0 ? 0 : this.keydir.seq(ref);
    const noted =
      this.#unsynced.size === 0 ? 0 : (this.#unsynced.get(key.toString('latin1', start, end)) ?? 0);
    const seq = Math.max(own, noted);
    return seq > this.#durability.watermark ? seq : 0;
  }

  /** Forgets what has become durable. */
  settleUnsynced(): void {
    if (this.#unsynced.size === 0) return;
    const watermark = this.#durability.watermark;
    for (const [key, seq] of this.#unsynced) {
      if (seq <= watermark) this.#unsynced.delete(key);
    }
  }

  /** Everything above the watermark was taken back. */
  forgetUnsynced(): void {
    this.#unsynced.clear();
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
