// The end of the log: the segment that new batches go to, the one that is durable so far, and the prepared
// successor; room ahead of the end, and what is left of it when the disk is full.
//
// Invariants:
// - `active` is `durable`, or its successor between the first batch planned there and that being durable.
// - While the disk is short, puts leave a reserve of allocated bytes to deletes, so that a full store can
//   be emptied; `short` ends only when room was really found, also for a successor that is due.
// - The active segment outgrows its limit by no more than half, so that a compaction's output is bounded: while its
//   successor cannot be made it takes puts up to its limit, deletes up to that half, and it is tried every second.
//
// Zeros ahead spare a short batch the file system's work, and double the bytes of a long one. So while batches
// are long nothing is zeroed ahead: they are appended, each with a little of zeros behind it in the same write,
// which is the reserve for deletes (docs/decisions/0043-long-batches-appended.md).

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
/** An entry of the manifest, as text, is no longer. */
const MANIFEST_ENTRY_BYTES_MAX = 256;
const SUCCESSOR_RETRY_MS = 1000;
/** Zeros are kept this far ahead of the end, and written in steps of this. */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Zeros behind a batch that is appended: room for some hundred deletes. */
const BEHIND_BYTES = 64 * 1024;
/** When so much of the active segment is full, the zeros of its successor are to be written. */
const ZEROED_AT_SHARE = 7 / 8;
/** The mean length of the batches follows the last ones by this share. */
const MEAN_SHARE = 1 / 8;

interface LogEndOptions {
  readonly segmentBytesMax: number;
  /** See CommitOptions. */
  readonly appendBytesMin: number;
}

export interface LogEndEvents {
  /** A successor is wanted, which Log prepares: `succeed` or `successorFailed` follows. Told once until then. */
  onSuccessorWanted(): void;
  /** Whether so many bytes more leave enough for a compaction. Never rejects. */
  hasRoom(bytes: number): Promise<boolean>;
  /** The manifest is to say how long the open segments are. Throws when it cannot be written. */
  noteZeroed(): Promise<void>;
  /** Zeros could not be written for another reason than a full disk, or the log was taken away. */
  onFatal(error: unknown): void;
}

export class LogEnd {
  readonly #env: Env;
  readonly #segmentBytesMax: number;
  readonly #appendBytesMin: number;
  readonly #events: LogEndEvents;
  readonly #successorPace: SuccessorPace;
  /** Where new batches go. This and the next are read for every commit: plain fields, which only this class sets. */
  active: WritableSegment;
  /** Where the durable end is. */
  durable: WritableSegment;
  #successor: WritableSegment | undefined;
  /** The disk had no room when it was last asked. */
  short = false;
  /** The successor could not be made, and not for want of room. */
  isSuccessorRefused = false;
  /** Above this a segment without successor makes clients wait. */
  readonly bytesMax: number;
  /** Zeros to write behind a batch that ends beyond those that are there. */
  readonly behindBytes: number;
  readonly #stepBytes: number;
  /** A segment that is appended to is noted in the manifest each time that it has grown by so much. */
  readonly #notedBytes: number;
  /** What puts leave to deletes. */
  readonly #reserveBytes: number;
  #successorAsked = false;
  /** It is waited for, and the log is not full. */
  #successorAwaited = false;
  #successorTimer: Timer | undefined;
  #spaceTimer: Timer | undefined;
  readonly #place: PlaceWatch;
  /** Up to here zeros are written for deletes when the disk is short, also beyond the limit. */
  #ballastEnd = 0;
  #closed = false;
  #meanBatchBytes = 0;
  /** A write is with the kernel: its bytes and everything above are not to be touched. */
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
    // No successor before the first write: a start has better things to do, and the next one would have to drop it.
    this.#zeroAhead();
    this.#place = new PlaceWatch(
      env,
      () => this.durable.segment,
      (error) => events.onFatal(error),
    );
  }

  /**
   * Has a successor made, unless there is one or one is being made. Not while the log is on its way to the
   * last one: the manifest never has a third open segment.
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

  /** The successor that is being made is to be there soon. */
  hurrySuccessor(): void {
    this.#successorAwaited = this.#successorAsked;
    this.#successorPace.hurry();
  }

  /** The active segment has outgrown its limit while its successor is being made: clients have to wait. */
  get late(): boolean {
    return (
      this.active.plannedBytes > this.bytesMax &&
      this.#successor === undefined &&
      (this.#successorAsked || this.active !== this.durable)
    );
  }

  /** Writes the zeros that a successor is to have before it is used. Resolves as ZeroAhead.extend. */
  zeroSuccessor({ zeros }: WritableSegment): Promise<unknown> {
    const bytes = this.#appends() ? this.#reserveBytes : this.#segmentBytesMax;
    return zeros.extend(bytes, this.#successorPace);
  }

  /** What the active segment may yet take from the file system. */
  get unallocatedBytes(): number {
    if (!this.#appends()) return 0;
    return Math.max(0, this.#segmentBytesMax - this.active.zeros.allocatedBytes);
  }

  /** Whether a record whose frame has `bytes` may be taken. */
  admits(type: RecordType, bytes: number): boolean {
    if (this.isSuccessorRefused && !this.#mayGrow(type, bytes)) return false;
    if (!this.short) return true;
    const reserve = type === RECORD.put ? this.#reserveBytes : BATCH_HEADER_BYTES;
    const end = this.active.plannedBytes + BATCH_HEADER_BYTES + bytes;
    return end <= this.active.zeros.allocatedBytes - reserve;
  }

  /** Whether a frame of `bytes` fits the active segment. */
  fits(bytes: number): boolean {
    return this.active.plannedBytes + BATCH_HEADER_BYTES + bytes <= this.#segmentBytesMax;
  }

  /** A record was given a place: asks for a successor in time. */
  planned(bytes: number): void {
    const { active } = this;
    active.plannedBytes = bytes;
    active.holdsRecords = true;
    const isHalfFull = bytes > this.#segmentBytesMax / 2;
    if (isHalfFull && this.#successor === undefined && !this.short) this.askSuccessor();
  }

  /** Makes the successor the active segment; false when there is none yet. */
  moveOn(): boolean {
    if (this.#successor === undefined) {
      this.#successorPace.hurry();
      return false;
    }
    this.active = this.#successor;
    this.#successor = undefined;
    return true;
  }

  /** As moveOn, when there is anything to seal and nothing is on its way to the successor already. */
  rotate(): boolean {
    return this.active.holdsRecords && this.active === this.durable && this.moveOn();
  }

  /** The successor is durable and in the manifest. */
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

  /** The successor could not be made. */
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

  /** A batch of `bytes` is durable. Returns the segment that is complete by it, if the log moved on. */
  committed(segment: Segment, bytes: number, end: number): WritableSegment | undefined {
    const rotated = segment === this.durable.segment ? undefined : this.durable;
    if (rotated !== undefined) {
      rotated.segment.sealed = true;
      this.durable = this.active;
    }
    segment.committedBytes = end;
    // Seals say nothing of the load.
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

  /** Zeros ahead of the end, and the word to prepare a successor in time. */
  keepAhead(): void {
    if (this.writeInFlight || this.#closed || this.short) return;
    const { plannedBytes, zeros } = this.active;
    if (zeros.allocatedBytes < plannedBytes + this.#stepBytes / 2) this.#zeroAhead();
    const isHalfFull = plannedBytes > this.#segmentBytesMax / 2;
    if (isHalfFull && this.#successor === undefined) this.askSuccessor();
  }

  /** Asks whether there is room again: for zeros, and for a successor if one is due. */
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

  /** Asks again every second until there is room. */
  tooShort(): void {
    this.short = true;
    this.#retryLater();
  }

  /** Nothing of what was planned beyond the durable end is left in the files. */
  async cutUncommitted(): Promise<void> {
    await this.durable.cutUncommitted(() => this.#events.noteZeroed());
    if (this.active === this.durable) return;
    // Nothing durable is in the active one yet: it is the successor again.
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

  /** Batches are long at the moment. */
  #appends(): boolean {
    return this.#meanBatchBytes >= this.#appendBytesMin;
  }

  /** The active or the durable one, which `segment` is. */
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

  /** Whether a frame of `bytes` is still taken without a successor. */
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

  /** A manifest that cannot be written is older, and still right: it is tried again with the next zeros. */
  async #noteZeros(segment: Segment, bytes: number): Promise<void> {
    const before = segment.zeroedBytes;
    if (this.#closed || segment.sealed || before >= bytes) return;
    segment.zeroedBytes = bytes;
    await this.#events.noteZeroed().catch((error: unknown) => {
      segment.zeroedBytes = before;
      this.#env.logger.debug(`The manifest could not be written: ${failureText(error)}`);
    });
  }

  /** There is no room for a segment, but maybe for the deletes that would make some. */
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

/** By so much a segment may outgrow its limit while its successor is being made. */
export function overgrowthBytes(segmentBytesMax: number): number {
  return segmentBytesMax / 2;
}

/** What a compaction's output and a manifest need. */
export function roomBytes(segments: readonly Segment[], segmentBytesMax: number): number {
  const output = segments.reduce(
    (most, { committedBytes }) => Math.max(most, committedBytes),
    segmentBytesMax + overgrowthBytes(segmentBytesMax),
  );
  return output + MANIFEST_ENTRY_BYTES_MAX * (segments.length + 4);
}
