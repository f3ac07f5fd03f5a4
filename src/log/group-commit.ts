// Who waits for whom: gathers records into batches, writes one batch at a time, moves the watermark.
// docs/recovery.md explains why a failed write is never trusted again.
//
// Invariants:
// - One write is in flight; the next batch gathers meanwhile. A batch is written only after the one
//   before it is durable, so its header can say so (`durableUpto`).
// - `append` gives a record its seq and place at once; it is durable when `watermark >= seq`.
// - No room on the disk takes back every record above the watermark, in reverse order, and goes on; any
//   other failure does the same and poisons: nothing is ever written again.
// - A seal follows the last batch within SEAL_DELAY_MS of idleness, and proves it.

import { assert } from '../assert.js';
import type { Env, Timer } from '../env/env.js';
import { Batch } from './batch.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  RECORD,
  SEGMENT_HEADER_BYTES,
  frameBytes,
} from './format.js';
import type { LogRecord } from './format.js';
import type { Segment } from './segment.js';
import type { WritableSegment } from './writable-segment.js';
import { isNoSpace } from './zero-ahead.js';
import { writeFully } from './whole-file.js';

const SEAL_DELAY_MS = 1000;
const SPACE_RETRY_MS = 1000;
/** Above this much unsynced data the server stops reading. */
const UNSYNCED_BYTES_MAX = 8 * 1024 * 1024;
/** Zeros are kept this far ahead of the end of the log, and written in steps of this. */
const AHEAD_BYTES = 4 * 1024 * 1024;

export type FailureCause = 'no-space' | 'poisoned';

export interface CommitOptions {
  readonly segmentBytesMax: number;
  readonly nowMs: () => number;
}

export interface CommitEvents {
  /** The watermark moved, or a batch without records became durable. */
  onDurable(): void;
  /** Everything above the watermark was taken back. */
  onFailed(cause: FailureCause, error: unknown): void;
  /** The active segment is half full: a successor is wanted (Log prepares it and calls succeed). */
  onHalfFull(): void;
  /** The first batch in the successor is durable: `sealed` has its final length. */
  onRotated(sealed: WritableSegment): void;
}

export interface Placed {
  readonly seq: number;
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: number;
}

export type NewRecord = Omit<LogRecord, 'seq'>;

/** Counted since the start. */
export interface CommitCounters {
  batches: number;
  records: number;
  bytes: number;
  seals: number;
  failures: number;
}

export class GroupCommit {
  readonly #env: Env;
  readonly #options: CommitOptions;
  readonly #events: CommitEvents;
  readonly counters: CommitCounters = { batches: 0, records: 0, bytes: 0, seals: 0, failures: 0 };
  /** Called with the ms that each write and sync took. */
  onLatency: (ms: number) => void = () => {};
  /** Batches not yet durable, oldest first; the last one gathers. */
  #queue: Batch[] = [];
  /** Where new batches go. */
  #active: WritableSegment;
  /** Where the durable end is: behind #active until the first batch there is durable. */
  #durable: WritableSegment;
  #successor: WritableSegment | undefined;
  #lastSeq: number;
  #watermark: number;
  #unsyncedBytes = 0;
  #writing = false;
  #scheduled = false;
  #poisoned = false;
  #closed = false;
  #short = false;
  /** A write is with the kernel: its bytes and everything above are not to be touched. */
  #inFlight = false;
  /** Changes are being taken back: nothing is appended meanwhile. */
  #failing = false;
  /** Something other than a batch failed for good (zeros); told at the next turn of the writer. */
  #fatal: unknown;
  /** The last durable batch is a seal, or nothing was written since the start. */
  #sealed = true;
  #halfFullTold = false;
  #sealTimer: Timer | undefined;
  #idleWaiters: (() => void)[] = [];
  #seqWaiters: { readonly seq: number; readonly wake: () => void }[] = [];

  constructor(
    env: Env,
    active: WritableSegment,
    lastSeq: number,
    options: CommitOptions,
    events: CommitEvents,
  ) {
    this.#env = env;
    this.#active = active;
    this.#durable = active;
    this.#lastSeq = lastSeq;
    this.#watermark = lastSeq;
    this.#options = options;
    this.#events = events;
    this.#keepAhead();
  }

  get watermark(): number {
    return this.#watermark;
  }
  get lastSeq(): number {
    return this.#lastSeq;
  }
  get poisoned(): boolean {
    return this.#poisoned;
  }
  /** The disk had no room when it was last asked. */
  get short(): boolean {
    return this.#short;
  }
  get congested(): boolean {
    return this.#unsyncedBytes > UNSYNCED_BYTES_MAX;
  }
  get activeSegment(): Segment {
    return this.#active.segment;
  }

  /**
   * Gives the record a seq and a place in the next batch. Undefined when it cannot be taken: poisoned,
   * closed, or no room on the disk. `undo`, called with the record's key, takes the change back should
   * the commit fail.
   */
  append(record: NewRecord, undo: (key: Buffer) => void): Placed | undefined {
    if (this.#poisoned || this.#closed || this.#failing) return undefined;
    const bytes = frameBytes(record.key.length, record.value.length, record.marks);
    if (this.#short && !this.#fitsAllocated(record, bytes)) return undefined;
    const batch = this.#batchFor(bytes);
    this.#lastSeq += 1;
    const before = batch.bytes;
    const offset = batch.add({ ...record, seq: this.#lastSeq }, undo);
    this.#active.plannedBytes = batch.end;
    this.#unsyncedBytes += batch.bytes - before;
    this.#schedule();
    return { seq: this.#lastSeq, segment: batch.segment, offset, bytes };
  }

  /** The bytes of a frame that is not yet durable, as a view; undefined when it is on disk. */
  pendingFrame(segment: Segment, offset: number, bytes: number): Buffer | undefined {
    if (offset < segment.committedBytes) return undefined;
    for (const batch of this.#queue) {
      const frame = batch.frameAt(segment, offset, bytes);
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  /** The successor is durable and in the manifest: the next batch that does not fit goes there. */
  succeed(successor: WritableSegment): void {
    assert(this.#successor === undefined, 'There is one successor');
    this.#successor = successor;
  }

  /** Asks at once whether there is room again (compaction freed some). */
  retrySpace(): void {
    if (!this.#short || this.#closed || this.#poisoned) return;
    this.#short = false;
    this.#keepAhead();
  }

  /** Resolves when all that was appended is durable or was taken back. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0 && !this.#writing) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Resolves when `seq` is durable or was taken back. */
  async drainedUpTo(seq: number): Promise<void> {
    if (seq <= this.#watermark || this.#queue.length === 0) return;
    await new Promise<void>((wake) => this.#seqWaiters.push({ seq, wake }));
  }

  /** There is no successor and none is being made. */
  get wantsSuccessor(): boolean {
    return this.#successor === undefined && !this.#halfFullTold;
  }

  /** Goes on in the successor although the active segment is not full. False when there is nothing to seal. */
  rotate(): boolean {
    const isEmpty = this.#active.plannedBytes <= SEGMENT_HEADER_BYTES;
    if (isEmpty || this.#successor === undefined || this.#active !== this.#durable) return false;
    if (this.#poisoned || this.#closed || this.#failing) return false;
    this.#active = this.#successor;
    this.#successor = undefined;
    this.#halfFullTold = false;
    this.#push(BATCH_KIND.seal);
    return true;
  }

  /** Commits what is there, writes the clean seal and takes nothing more. */
  async close(): Promise<void> {
    await this.drained();
    this.#sealTimer?.cancel();
    if (!this.#poisoned && !this.#closed) {
      this.#push(BATCH_KIND.cleanSeal);
      await this.drained();
    }
    this.#closed = true;
    await this.#active.close();
    if (this.#durable !== this.#active) await this.#durable.close();
    await this.#successor?.close();
  }

  /** A batch with room for a frame: the gathering one, a new one, or one in the successor. */
  #batchFor(bytes: number): Batch {
    const gathering = this.#queue.at(-1);
    // The oldest batch is being written when #writing: its bytes are the kernel's.
    const open = this.#queue.length > (this.#writing ? 1 : 0) ? gathering : undefined;
    const fitsSegment =
      this.#active.plannedBytes + BATCH_HEADER_BYTES + bytes <= this.#options.segmentBytesMax;
    if (open?.kind === BATCH_KIND.records && open.hasRoom(bytes) && fitsSegment) return open;
    if (!fitsSegment && this.#successor !== undefined) {
      this.#active = this.#successor;
      this.#successor = undefined;
      this.#halfFullTold = false;
    } else if (!fitsSegment && open?.kind === BATCH_KIND.records && open.hasRoom(bytes)) {
      return open; // The successor is late: growing beyond the limit beats waiting.
    }
    return this.#push(BATCH_KIND.records);
  }

  /** A new batch at the planned end of the log. */
  #push(kind: number): Batch {
    const batch = new Batch(this.#active.segment, this.#active.plannedBytes, kind);
    this.#active.plannedBytes = batch.end;
    this.#unsyncedBytes += batch.bytes;
    this.#queue.push(batch);
    this.#schedule();
    return batch;
  }

  /** While the disk is short: puts leave a reserve to deletes, which may use all that is allocated. */
  #fitsAllocated(record: NewRecord, bytes: number): boolean {
    const allocated = this.#active.zeros.allocatedBytes;
    const reserve = record.type === RECORD.put ? this.#reserveBytes() : 0;
    return (
      this.#active.plannedBytes + BATCH_HEADER_BYTES + bytes + BATCH_HEADER_BYTES <=
      allocated - reserve
    );
  }

  #reserveBytes(): number {
    return Math.min(AHEAD_BYTES, this.#options.segmentBytesMax) / 4;
  }

  #schedule(): void {
    this.#sealTimer?.cancel();
    this.#sealTimer = undefined;
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    this.#env.clock.defer(() => {
      this.#scheduled = false;
      void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    if (this.#fatal !== undefined) await this.#fail(this.#fatal);
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      try {
        await this.#write(batch);
      } catch (error) {
        await this.#fail(error);
        break;
      }
      this.#queue.shift();
      this.#committed(batch);
      batch.recycle();
    }
    this.#writing = false;
    if (this.#queue.length > 0 && !this.#poisoned) {
      this.#schedule();
      return;
    }
    for (const wake of this.#idleWaiters.splice(0)) wake();
    this.#sealLater();
  }

  async #write(batch: Batch): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    const home = batch.segment === this.#durable.segment ? this.#durable : this.#active;
    while (batch.end > home.zeros.allocatedBytes && home.zeros.settled !== undefined) {
      await home.zeros.settled;
    }
    const { segment } = this.#durable;
    const durable = { segment: segment.last, offset: segment.committedBytes };
    const bytes = batch.compose(durable, this.#lastSeq, this.#options.nowMs());
    const startedMs = this.#env.clock.monotonicMs();
    this.#inFlight = true;
    try {
      await writeFully(batch.segment.file, bytes, batch.offset);
    } finally {
      this.#inFlight = false;
    }
    this.onLatency(this.#env.clock.monotonicMs() - startedMs);
  }

  #committed(batch: Batch): void {
    const rotated = batch.segment === this.#durable.segment ? undefined : this.#durable;
    if (rotated !== undefined) {
      rotated.segment.sealed = true;
      this.#durable = this.#active;
    }
    batch.segment.committedBytes = batch.end;
    const { zeros } = this.#durable;
    if (batch.end > zeros.allocatedBytes) zeros.reset(batch.end);
    this.#unsyncedBytes -= batch.bytes;
    this.counters.batches += 1;
    this.counters.bytes += batch.bytes;
    this.#sealed = batch.kind !== BATCH_KIND.records;
    if (batch.kind === BATCH_KIND.records) {
      this.#watermark = batch.lastSeq;
      this.counters.records += batch.frameCount;
    } else {
      this.counters.seals += 1;
    }
    this.#keepAhead();
    if (rotated !== undefined) this.#events.onRotated(rotated);
    this.#wakeUpTo(this.#watermark);
    this.#events.onDurable();
  }

  /** Takes back all that is not durable; poisons unless the disk was merely full. */
  async #fail(error: unknown): Promise<void> {
    this.counters.failures += 1;
    this.#failing = true;
    const lost = this.#queue.splice(0);
    for (const batch of lost.toReversed()) batch.takeBack();
    this.#unsyncedBytes = 0;
    let cause: FailureCause = isNoSpace(error) ? 'no-space' : 'poisoned';
    let shown = error;
    try {
      if (cause === 'no-space') await this.#cutUncommitted();
    } catch (second) {
      cause = 'poisoned';
      shown = second;
    }
    this.#failing = false;
    this.#poisoned = cause === 'poisoned';
    if (cause === 'no-space') this.#tooShort();
    this.#wakeUpTo(Number.POSITIVE_INFINITY);
    this.#events.onFailed(cause, shown);
    if (this.#poisoned) return;
    // The seqs taken back are never given out again: the watermark passes over them.
    this.#watermark = this.#lastSeq;
    this.#events.onDurable();
  }

  #wakeUpTo(seq: number): void {
    if (this.#seqWaiters.length === 0) return;
    const waiters = this.#seqWaiters;
    this.#seqWaiters = waiters.filter((waiter) => waiter.seq > seq);
    for (const waiter of waiters) if (waiter.seq <= seq) waiter.wake();
  }

  async #cutUncommitted(): Promise<void> {
    await this.#durable.cutUncommitted();
    if (this.#active === this.#durable) return;
    // Nothing durable is in the active one yet: it is the successor again.
    await this.#active.cutUncommitted();
    this.#successor = this.#active;
    this.#active = this.#durable;
  }

  #tooShort(): void {
    if (this.#short) return;
    this.#short = true;
    this.#env.clock.setTimer(SPACE_RETRY_MS, () => this.retrySpace());
  }

  /** Zeros ahead of the end, and the word to prepare a successor in time. */
  #keepAhead(): void {
    if (this.#inFlight) return; // Looked at again when that write is durable.
    const { plannedBytes, zeros } = this.#active;
    const { segmentBytesMax } = this.#options;
    const step = Math.min(AHEAD_BYTES, segmentBytesMax / 2);
    if (zeros.allocatedBytes < Math.min(plannedBytes + step / 2, segmentBytesMax) && !this.#short) {
      const target = Math.min(plannedBytes + step, Math.max(segmentBytesMax, plannedBytes));
      void zeros.extend(target).then((error) => this.#afterZeros(error));
    }
    const halfFull = plannedBytes > segmentBytesMax / 2 && this.#active === this.#durable;
    if (halfFull && this.#successor === undefined && !this.#halfFullTold) {
      this.#halfFullTold = true;
      this.#events.onHalfFull();
    }
  }

  #afterZeros(error: unknown): void {
    if (error === undefined || this.#closed || this.#poisoned) return;
    if (isNoSpace(error)) {
      this.#tooShort();
      return;
    }
    this.#fatal = error;
    this.#schedule();
  }

  /** The successor could not be made for want of room: ask again later. */
  successorFailed(error: unknown): void {
    this.#halfFullTold = false;
    if (isNoSpace(error)) this.#tooShort();
  }

  #sealLater(): void {
    if (this.#poisoned || this.#closed || this.#sealed) return;
    this.#sealTimer?.cancel();
    this.#sealTimer = this.#env.clock.setTimer(SEAL_DELAY_MS, () => this.seal());
  }

  /** Writes an empty batch when idle: it proves the last one, and carries the store's clock. */
  seal(): void {
    if (this.#queue.length > 0 || this.#writing || this.#poisoned || this.#closed) return;
    this.#push(BATCH_KIND.seal);
  }
}
