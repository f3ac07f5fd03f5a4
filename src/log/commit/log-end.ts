// The end of the log: the segment that new batches go to, the segment of the durable end, and the prepared
// successor. It also keeps room ahead of the end, and divides what is left of it when the disk is full.
//
// Invariants:
// - `active` is `durable`, or the successor of `durable` while the first batch there is not yet durable.
// - While the disk is short, puts leave a reserve of allocated bytes to deletes, so that a full store can
//   be emptied. `short` ends only when there is room, also for a successor that is due.
// - The active segment outgrows its limit by at most half, so that a compaction's output is bounded. While its
//   successor cannot be made, it takes puts up to the limit and deletes up to that half, and asks every second.
// - Zeros ahead save a short batch the file system's work, but double the bytes of a long batch. So while batches
//   are long, no zeros are written ahead. Each batch is appended with a few zeros after it in the same write,
//   which are the reserve for deletes (docs/decisions/0043-long-batches-appended.md).

import { failureText } from '../../errors.js';
import { assert } from '../../assert.js';
import type { Env, Timer } from '../../env/env.js';
import { BATCH_HEADER_BYTES, RECORD } from '../bytes/format.js';
import type { RecordType } from '../bytes/format.js';
import type { Segment } from '../segments/segment.js';
import { PlaceWatch } from './place-watch.js';
import { SuccessorPace } from './successor-pace.js';
import type { ZerosDue } from './successor-pace.js';
import type { WritableSegment } from './writable-segment.js';
import { isNoSpace } from './zero-ahead.js';

const SPACE_RETRY_MS = 1000;
/** Longest text of an entry in the manifest. */
const MANIFEST_ENTRY_BYTES_MAX = 256;
const SUCCESSOR_RETRY_MS = 1000;
/** Zeros are kept this far ahead of the end, and written in steps of this. */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Zeros after a batch that is appended: room for some hundred deletes. */
const BEHIND_BYTES = 64 * 1024;
/** When this share of the active segment is full, all zeros of its successor should be written. */
const ZEROED_AT_SHARE = 7 / 8;
/** Weight of a new batch in the running mean of batch lengths. */
const MEAN_SHARE = 1 / 8;

interface LogEndOptions {
  readonly segmentBytesMax: number;
  /** See CommitOptions. */
  readonly appendBytesMin: number;
}

export interface LogEndEvents {
  /** Asks for a successor. Log then calls `succeed` or `successorFailed`; the next call comes only after that. */
  onSuccessorWanted(): void;
  /** Checks whether the disk has room for a compaction after `bytes` more are taken. Never rejects. */
  hasRoom(bytes: number): Promise<boolean>;
  /** Writes to the manifest how long the open segments are. Throws when it cannot be written. */
  noteZeroed(): Promise<void>;
  /** Called when zeros cannot be written though the disk is not full, or the log was removed or moved. */
  onFatal(error: unknown): void;
}

export class LogEnd {
  readonly #env: Env;
  readonly #segmentBytesMax: number;
  readonly #appendBytesMin: number;
  readonly #events: LogEndEvents;
  readonly #successorPace: SuccessorPace;
  /** New batches go here. Every commit reads this and `durable`, so they are plain fields; only this class sets them. */
  active: WritableSegment;
  /** The durable end is here. */
  durable: WritableSegment;
  #successor: WritableSegment | undefined;
  /** True when the disk had no room at the last try. */
  short = false;
  /** True when the successor could not be made for a reason other than a full disk. */
  isSuccessorRefused = false;
  /** When a segment without a successor is longer than this, clients wait. */
  readonly bytesMax: number;
  /** Number of zeros to write after a batch that ends beyond the zeros written so far. */
  readonly behindBytes: number;
  readonly #stepBytes: number;
  /** The manifest gets the length of a segment that is appended to each time it has grown by this much. */
  readonly #notedBytes: number;
  /** Allocated bytes that puts leave to deletes. */
  readonly #reserveBytes: number;
  #successorAsked = false;
  /** True when a caller waits for the successor although the active segment is not full. */
  #successorAwaited = false;
  #successorTimer: Timer | undefined;
  #spaceTimer: Timer | undefined;
  readonly #place: PlaceWatch;
  /** When the disk is short, zeros for deletes are written up to here, also beyond the segment's limit. */
  #ballastEnd = 0;
  #closed = false;
  #meanBatchBytes = 0;
  /** True while the kernel writes a batch: the file must not be touched from the batch's offset on. */
  writeInFlight = false;

  constructor(env: Env, active: WritableSegment, options: LogEndOptions, events: LogEndEvents) {
    this.#env = env;
    this.active = active;
    this.durable = active;
    const bytesMax = options.segmentBytesMax;
    this.#segmentBytesMax = bytesMax;
    this.bytesMax = bytesMax + overgrowthBytes(bytesMax);
    this.#stepBytes = Math.min(AHEAD_BYTES, bytesMax / 2);
    this.#notedBytes = bytesMax / 4;
    this.#reserveBytes = Math.min(AHEAD_BYTES, bytesMax) / 4;
    this.behindBytes = Math.min(BEHIND_BYTES, this.#reserveBytes);
    this.#appendBytesMin = options.appendBytesMin;
    this.#events = events;
    this.#successorPace = new SuccessorPace(env.clock, () => this.#zerosDue());
    // No successor is made before the first write: it would slow the start, and the next start would drop it.
    this.#zeroAhead();
    this.#place = new PlaceWatch(
      env,
      () => this.durable.segment,
      (error) => events.onFatal(error),
    );
  }

  /**
   * Asks for a successor, unless there is one or it was asked for. Does nothing until the first batch in the active
   * segment is durable: the manifest never has a third open segment.
   */
  askSuccessor(): void {
    if (
      this.active !== this.durable ||
      this.#successor !== undefined ||
      this.#successorAsked ||
      this.#successorTimer !== undefined ||
      this.#closed
    )
      return;
    this.#successorAsked = true;
    this.#events.onSuccessorWanted();
  }

  /** Lets the successor that is being made be ready soon, with the zeros that it has. */
  hurrySuccessor(): void {
    this.#successorAwaited = this.#successorAsked;
    this.#successorPace.hurry();
  }

  /** True when the active segment has reached `bytesMax` while its successor is being made: clients have to wait. */
  get late(): boolean {
    return (
      this.active.plannedBytes > this.bytesMax &&
      this.#successor === undefined &&
      (this.#successorAsked || this.active !== this.durable)
    );
  }

  /** Writes the zeros that a successor should have before it is used. Resolves as ZeroAhead.extend. */
  zeroSuccessor({ zeros }: WritableSegment): Promise<unknown> {
    const bytes = this.#appends() ? this.#reserveBytes : this.#segmentBytesMax;
    return zeros.extend(bytes, this.#successorPace);
  }

  /** Returns how many bytes the active segment may still take from the file system. */
  get unallocatedBytes(): number {
    if (!this.#appends()) return 0;
    return Math.max(0, this.#segmentBytesMax - this.active.zeros.allocatedBytes);
  }

  /** Checks whether the log may take a record whose frame has `bytes` bytes. */
  admits(type: RecordType, bytes: number): boolean {
    if (this.isSuccessorRefused && !this.#mayGrow(type, bytes)) return false;
    if (!this.short) return true;
    const reserve = type === RECORD.put ? this.#reserveBytes : BATCH_HEADER_BYTES;
    const end = this.active.plannedBytes + BATCH_HEADER_BYTES + bytes;
    return end <= this.active.zeros.allocatedBytes - reserve;
  }

  /** Checks whether a frame of `bytes` bytes fits the active segment. */
  fits(bytes: number): boolean {
    return this.active.plannedBytes + BATCH_HEADER_BYTES + bytes <= this.#segmentBytesMax;
  }

  /** Notes that a record was given a place before `end`; asks for a successor in time. */
  planned(end: number): void {
    const { active } = this;
    active.plannedBytes = end;
    active.holdsRecords = true;
    const isHalfFull = end > this.#segmentBytesMax / 2;
    if (isHalfFull && this.#successor === undefined && !this.short) this.askSuccessor();
  }

  /** Makes the successor the active segment. Returns false when there is none yet. */
  moveOn(): boolean {
    if (this.#successor === undefined) {
      this.#successorPace.hurry();
      return false;
    }
    this.active = this.#successor;
    this.#successor = undefined;
    return true;
  }

  /** As moveOn, but only when the active segment has records and its first batch is durable. */
  rotate(): boolean {
    return this.active.holdsRecords && this.active === this.durable && this.moveOn();
  }

  /** Takes the successor, which is durable and in the manifest. */
  succeed(successor: WritableSegment): void {
    assert(this.#successor === undefined, 'There is one successor');
    this.#successorAsked = false;
    this.#successorAwaited = false;
    this.isSuccessorRefused = false;
    this.#successor = successor;
    if (!this.short) return;
    this.short = false;
    this.keepAhead();
  }

  /** Notes that the successor could not be made. */
  successorFailed(error: unknown): void {
    this.#successorAsked = false;
    this.#successorAwaited = false;
    if (!isNoSpace(error)) {
      this.isSuccessorRefused = true;
      this.#askAgainLater();
      return;
    }
    this.tooShort();
    void this.#renewReserve();
  }

  /** Notes that a batch of `bytes` is durable. Returns the segment that it completed, if the log moved on. */
  committed(segment: Segment, bytes: number, end: number): WritableSegment | undefined {
    const rotated = segment === this.durable.segment ? undefined : this.durable;
    if (rotated !== undefined) {
      rotated.segment.sealed = true;
      this.durable = this.active;
    }
    segment.committedBytes = end;
    // Seals say nothing about the load.
    if (bytes > BATCH_HEADER_BYTES)
      this.#meanBatchBytes += (bytes - this.#meanBatchBytes) * MEAN_SHARE;
    const { zeros } = this.durable;
    if (end > zeros.allocatedBytes) {
      zeros.reset(end + this.behindBytes);
      const bytes = zeros.allocatedBytes;
      if (bytes >= segment.zeroedBytes + this.#notedBytes) void this.#noteZeros(segment, bytes);
    }
    this.keepAhead();
    return rotated;
  }

  /** Keeps zeros ahead of the end, and asks for a successor in time. */
  keepAhead(): void {
    if (this.writeInFlight || this.#closed || this.short) return;
    const { plannedBytes, zeros } = this.active;
    if (zeros.allocatedBytes < plannedBytes + this.#stepBytes / 2) this.#zeroAhead();
    const isHalfFull = plannedBytes > this.#segmentBytesMax / 2;
    if (isHalfFull && this.#successor === undefined) this.askSuccessor();
  }

  /** Checks whether the disk has room again: for zeros, and for a successor if it is due. */
  retrySpace(): void {
    if (!this.short || this.#closed) return;
    this.#retryLater();
    if (this.writeInFlight) return;
    void this.#extend().then((error) => {
      if (error !== undefined || !this.short || this.#closed) return;
      if (this.#wantsSuccessor() && this.active === this.durable) {
        this.askSuccessor();
        return;
      }
      this.short = false;
      this.keepAhead();
    });
  }

  /** Notes that the disk is full, and checks every second until there is room. */
  tooShort(): void {
    this.short = true;
    this.#retryLater();
  }

  /** Removes from the files all bytes beyond the durable end. */
  async cutUncommitted(): Promise<void> {
    await this.durable.cutUncommitted(() => this.#events.noteZeroed());
    if (this.active === this.durable) return;
    // The active segment has no durable batch yet: it becomes the successor again.
    await this.active.cutUncommitted(() => this.#events.noteZeroed());
    this.#successor = this.active;
    this.active = this.durable;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#spaceTimer?.cancel();
    this.#place.close();
    this.#successorTimer?.cancel();
    await this.active.close();
    if (this.durable !== this.active) await this.durable.close();
    await this.#successor?.close();
  }

  /** True while batches are long. */
  #appends(): boolean {
    return this.#meanBatchBytes >= this.#appendBytesMin;
  }

  /** Returns the writable segment, active or durable, that `segment` is. */
  writableOf(segment: Segment): WritableSegment {
    return segment === this.durable.segment ? this.durable : this.active;
  }

  #zerosDue(): ZerosDue {
    const max = this.#segmentBytesMax;
    const { plannedBytes } = this.active;
    return {
      leastShare: this.#reserveBytes / max,
      share: (plannedBytes / max - 1 / 2) / (ZEROED_AT_SHARE - 1 / 2),
      isAwaited: this.#successorAwaited || plannedBytes > max,
    };
  }

  /** Checks whether the log takes a frame of `bytes` bytes although the successor cannot be made. */
  #mayGrow(type: RecordType, bytes: number): boolean {
    const end = this.active.plannedBytes + BATCH_HEADER_BYTES + bytes;
    return end <= (type === RECORD.put ? this.#segmentBytesMax : this.bytesMax);
  }

  #askAgainLater(): void {
    this.#successorTimer?.cancel();
    this.#successorTimer = this.#env.clock.setTimer(SUCCESSOR_RETRY_MS, () => {
      this.#successorTimer = undefined;
      if (this.#wantsSuccessor() && !this.short) this.askSuccessor();
    });
  }

  #wantsSuccessor(): boolean {
    return this.active.plannedBytes > this.#segmentBytesMax / 2 && this.#successor === undefined;
  }

  #zeroAhead(): void {
    const { plannedBytes, zeros } = this.active;
    const wanted = Math.min(plannedBytes + this.#stepBytes / 2, this.#segmentBytesMax);
    if (!this.#appends() && zeros.allocatedBytes < wanted) void this.#extend();
  }

  async #extend(): Promise<unknown> {
    const { plannedBytes, zeros } = this.active;
    const reserve = this.short ? this.#reserveBytes : 0;
    const target = Math.max(
      Math.min(plannedBytes + this.#stepBytes, Math.max(this.#segmentBytesMax, plannedBytes)),
      Math.min(plannedBytes + reserve, this.#ballastEnd),
    );
    const { segment } = this.active;
    const error = await zeros.extend(target);
    if (error === undefined) await this.#noteZeros(segment, zeros.allocatedBytes);
    if (error === undefined || this.#closed) return error;
    if (isNoSpace(error)) this.tooShort();
    else this.#events.onFatal(error);
    return error;
  }

  /** Writes the length to the manifest. After a failure the old one is still right; the next zeros try again. */
  async #noteZeros(segment: Segment, bytes: number): Promise<void> {
    const before = segment.zeroedBytes;
    if (this.#closed || segment.sealed || before >= bytes) return;
    segment.zeroedBytes = bytes;
    await this.#events.noteZeroed().catch((error: unknown) => {
      segment.zeroedBytes = before;
      this.#env.logger.debug(`The manifest could not be written: ${failureText(error)}`);
    });
  }

  /** Writes zeros for deletes, which can make room: the disk has no room for a segment, but maybe for them. */
  async #renewReserve(): Promise<void> {
    if (!(await this.#events.hasRoom(this.#reserveBytes))) return;
    if (this.writeInFlight || this.#closed || !this.short) return;
    this.#ballastEnd = this.active.plannedBytes + this.#reserveBytes;
    await this.#extend();
  }

  #retryLater(): void {
    this.#spaceTimer?.cancel();
    this.#spaceTimer = this.#env.clock.setTimer(SPACE_RETRY_MS, () => this.retrySpace());
  }
}

/** Returns by how much a segment may outgrow its limit while its successor is being made. */
export function overgrowthBytes(segmentBytesMax: number): number {
  return segmentBytesMax / 2;
}

/** Returns how many bytes a compaction's output and a manifest need. */
export function roomBytes(segments: readonly Segment[], segmentBytesMax: number): number {
  const output = segments.reduce(
    (most, { committedBytes }) => Math.max(most, committedBytes),
    segmentBytesMax + overgrowthBytes(segmentBytesMax),
  );
  return output + MANIFEST_ENTRY_BYTES_MAX * (segments.length + 4);
}
