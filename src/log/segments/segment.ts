// Segments: the state of each segment in memory, and the table of all of them.
//
// Invariants:
// - A slot (u16, the keydir stores it) names one segment until the segment is retired AND its last reader has
//   left; only then is its file closed and its slot used for another segment.
// - `liveBytes` is the sum of the frames that the keydir points to (design: live and dead bytes).

import { join } from 'node:path';

import { assert, broken } from '../../assert.js';
import type { File, Fs } from '../../env/env.js';
import { segmentName } from '../bytes/file-names.js';
import { FlushNeed } from './flush-need.js';
import type { FlushNeedState } from './flush-need.js';
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../bytes/format.js';
import type { ManifestEntry } from '../bytes/manifest.js';

/** Slots fit the keydir's 16 bits. */
const SEGMENT_SLOTS_MAX = 65_536;

const NO_FLUSHES: FlushNeedState = { from: 0, to: 0 };

export class Segment {
  /** Assigned by the table. */
  slot: number;
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
  file: File;
  /** Durable end of its batches. */
  committedBytes = SEGMENT_HEADER_BYTES;
  sealed = false;
  /** Number of bytes that the running compaction has read of it; undefined when no compaction copies from it. */
  compactedBytes: number | undefined;
  /** The file has at least this many bytes, batches and zeros together; the manifest has the number or will get it. */
  zeroedBytes: number;
  /** See ManifestEntry; Infinity: an older release compacted it. */
  horizon: number;
  /** Bytes of frames that the keydir points to. */
  liveBytes = 0;
  /** Headers and stuck frames that no compaction can save: exact for a segment that a compaction wrote. */
  overheadBytes = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES;
  /** Bytes that a compaction of this segment had to keep besides the live ones (tombstones, touches). */
  keptBytes = 0;
  /** Flushes whose records are in other segments and are needed for puts in this one. */
  readonly flushNeed = new FlushNeed();
  /** Seqs of the flush records that a compaction kept here because an older segment may need them; their size. */
  keptFlushes: FlushNeedState = NO_FLUSHES;
  keptFlushBytes = 0;
  #readers = 0;
  #onIdle: (() => void) | undefined;

  constructor(slot: number, place: Omit<ManifestEntry, 'bytes'>, file: File) {
    this.slot = slot;
    this.first = place.first;
    this.last = place.last;
    this.generation = place.generation;
    this.salt = place.salt;
    this.zeroedBytes = place.zeroed ?? 0;
    this.horizon = place.horizon ?? (place.generation === 0 ? 0 : Infinity);
    this.file = file;
  }

  get name(): string {
    return segmentName(this.last, this.generation);
  }

  /** Estimated size of the frames that a compaction can drop. Too high an estimate costs a needless compaction. */
  get deadBytes(): number {
    const needed = this.overheadBytes + this.liveBytes + this.keptBytes + this.keptFlushBytes;
    return Math.max(0, this.committedBytes - needed);
  }

  get entry(): ManifestEntry {
    const { first, last, generation, salt, horizon } = this;
    const isTold = generation > 0 && horizon !== Infinity;
    const place = { first, last, generation, salt, ...(isTold ? { horizon } : {}) };
    if (this.sealed) return { ...place, bytes: this.committedBytes };
    const open = { ...place, bytes: null };
    return this.zeroedBytes === 0 ? open : { ...open, zeroed: this.zeroedBytes };
  }

  /** The accounting of its content, besides what the keydir points to (docs/format.md, "IMAGE"). */
  get state(): SegmentState {
    const { slot, liveBytes, overheadBytes, keptBytes, keptFlushBytes, keptFlushes } = this;
    const flushNeed = this.flushNeed.state;
    return { slot, liveBytes, overheadBytes, keptBytes, keptFlushBytes, keptFlushes, flushNeed };
  }

  /** Takes over the accounting of `state`, without slot and live bytes. */
  account({
    overheadBytes,
    keptBytes,
    keptFlushBytes,
    keptFlushes,
    flushNeed,
  }: SegmentState): void {
    this.overheadBytes = overheadBytes;
    this.keptBytes = keptBytes;
    this.keptFlushBytes = keptFlushBytes;
    this.keptFlushes = keptFlushes;
    this.flushNeed.add(flushNeed);
  }

  acquire(): void {
    this.#readers += 1;
  }

  release(): void {
    this.#readers -= 1;
    assert(this.#readers >= 0, 'A segment is released as often as it was acquired');
    if (this.#readers === 0) this.#onIdle?.();
  }

  /** Resolves when it has no readers. Requires: no reader is added after it was retired. */
  idle(): Promise<void> {
    if (this.#readers === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

export interface SegmentState {
  readonly slot: number;
  readonly liveBytes: number;
  readonly overheadBytes: number;
  readonly keptBytes: number;
  readonly keptFlushBytes: number;
  readonly keptFlushes: FlushNeedState;
  readonly flushNeed: FlushNeedState;
}

export class SegmentTable {
  readonly #slots: (Segment | undefined)[] = [];
  readonly #free: number[] = [];
  #ordered: Segment[] = [];

  /** All segments of the log, in log order. */
  get ordered(): readonly Segment[] {
    return this.#ordered;
  }

  at(slot: number): Segment {
    const segment = this.#slots[slot];
    if (segment === undefined) broken('A slot in the keydir names a live segment');
    return segment;
  }

  /** Opens the file that `place` names and appends it to the log order. */
  async open(
    fs: Fs,
    dir: string,
    place: ManifestEntry,
    mode: 'read' | 'write-through',
  ): Promise<Segment> {
    const file = await fs.open(join(dir, segmentName(place.last, place.generation)), mode);
    return this.add(place, file);
  }

  add(place: Omit<ManifestEntry, 'bytes'>, file: File): Segment {
    const segment = this.create(place, file);
    this.#ordered.push(segment);
    return segment;
  }

  /** Creates a segment with a slot but not yet in the log order: a compaction's output before its switch. */
  create(place: Omit<ManifestEntry, 'bytes'>, file: File): Segment {
    const slot = this.#free.pop() ?? this.#slots.length;
    assert(slot < SEGMENT_SLOTS_MAX, 'There are fewer segments than slots');
    const segment = new Segment(slot, place, file);
    this.#slots[slot] = segment;
    return segment;
  }

  /**
   * Gives the segments the slots and the accounting of an image, which has them in log order. Requires: no segment has
   * readers.
   */
  assign(imaged: readonly SegmentState[]): void {
    this.#slots.length = 0;
    for (const [index, state] of imaged.entries()) {
      const segment = this.#ordered[index];
      assert(segment !== undefined, 'An image knows as many segments');
      segment.slot = state.slot;
      segment.liveBytes = state.liveBytes;
      segment.account(state);
      this.#slots[state.slot] = segment;
    }
    this.#free.length = 0;
    for (let slot = 0; slot < this.#slots.length; slot += 1) {
      if (this.#slots[slot] === undefined) this.#free.push(slot);
    }
  }

  /** Puts `output` in the place of the contiguous `run`. The run's slots stay valid until `retire`. */
  replace(run: readonly Segment[], output: Segment): void {
    const [head] = run;
    assert(head !== undefined, 'A run is not empty');
    const at = this.#ordered.indexOf(head);
    assert(at >= 0, 'A run is in the log order');
    this.#ordered = [
      ...this.#ordered.slice(0, at),
      output,
      ...this.#ordered.slice(at + run.length),
    ];
  }

  /** Undoes `replace`, because the switch could not be made durable. */
  restore(run: readonly Segment[], output: Segment): void {
    this.#ordered = this.#ordered.flatMap((segment) => (segment === output ? run : [segment]));
  }

  /** Opens the segment's file again, in another mode. Requires: nobody reads it. */
  async reopen(fs: Fs, dir: string, segment: Segment, mode: 'write-through'): Promise<void> {
    await segment.file.close();
    segment.file = await fs.open(join(dir, segment.name), mode);
  }

  /** Replaces a segment by the file of its next generation, which has the same bytes: slot and accounting stay. */
  regenerate(old: Segment, place: ManifestEntry, file: File): void {
    const segment = new Segment(old.slot, place, file);
    segment.committedBytes = old.committedBytes;
    segment.sealed = old.sealed;
    segment.liveBytes = old.liveBytes;
    segment.account(old.state);
    this.#slots[old.slot] = segment;
    this.#ordered = this.#ordered.map((other) => (other === old ? segment : other));
  }

  /** Removes the newest segment from the log order: a successor that was never written to. */
  drop(segment: Segment): void {
    this.#ordered = this.#ordered.filter((other) => other !== segment);
  }

  /** Closes every file; for callers that only read them. */
  async close(): Promise<void> {
    await Promise.all(this.#ordered.map(({ file }) => file.close()));
  }

  /** Returns the result of `work` on the open files; closes them when it fails. */
  async closedOnFailure<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Closes the file once the last reader has left, and frees the slot. */
  async retire(segment: Segment): Promise<void> {
    await segment.idle();
    await segment.file.close();
    this.#slots[segment.slot] = undefined;
    this.#free.push(segment.slot);
  }
}
