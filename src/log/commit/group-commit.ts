// Group commit: gathers records into batches, writes one batch at a time and moves the watermark.
// docs/recovery.md explains why a failed write is never trusted again.
//
// Two state machines, asserted where they move:
//   phase   open → taking-back → open        no room on the disk: the records above the watermark are taken back
//           open → taking-back → poisoned    any other failure: nothing is ever written again
//           open → closed, poisoned → closed
//   writer  idle → scheduled → writing → idle | scheduled
//
// Invariants:
// - At most one write is in flight; the next batch gathers meanwhile. A batch is written only after the batch
//   before it is durable, so its header can say so (`durableUpto`).
// - `append` gives a record its seq and place at once, only in phase `open`; it is durable when `watermark >= seq`.
// - Records are taken back newest first.
// - A seal follows the last batch within SEAL_DELAY_MS of idleness, and proves that it was durable.

import { assert, broken } from '../../assert.js';
import type { Env } from '../../env/env.js';
import { Batch } from './batch.js';
import type { NewRecord, Undo } from './batch.js';
import { DirectWrites } from './direct-writes.js';
import type { ReadCount } from './direct-writes.js';
import type { CommitDurability, FailureCause } from '../durability.js';
import { BATCH_KIND, sourceBytes } from '../bytes/format.js';
import type { HintFacts } from '../bytes/hint.js';
import { IdleTimer } from './idle-timer.js';
import { LogEnd } from './log-end.js';
import type { LogEndEvents } from './log-end.js';
import type { Segment } from '../segments/segment.js';
import type { WritableSegment } from './writable-segment.js';
import { isNoSpace } from './zero-ahead.js';
import { shortWrite } from '../segments/whole-file.js';

const SEAL_DELAY_MS = 1000;
/** Above this much unsynced data the server stops reading. */
const UNSYNCED_BYTES_MAX = 8 * 1024 * 1024;

const AT_ONCE = Promise.resolve();

type Phase = 'open' | 'taking-back' | 'poisoned' | 'closed';
type Writer = 'idle' | 'scheduled' | 'writing';

/** The store's clock: Unix time in ms that never goes back. */
export interface LogClock {
  nowMs(): number;
  /** Returns what nowMs() is when the monotonic clock shows `monotonicMs`. */
  timeMsAt(monotonicMs: number): number;
}

interface CommitOptions {
  readonly segmentBytesMax: number;
  /** Batches of at least this many bytes are appended; shorter ones go into zeros that were written ahead. */
  readonly appendBytesMin: number;
  readonly storeClock: LogClock;
  /** See DirectWrites. */
  readonly reads?: ReadCount | undefined;
}

interface CommitEvents extends Omit<LogEndEvents, 'onFatal'> {
  /** The first batch in the successor is durable: `sealed` has its final length. */
  onRotated(sealed: WritableSegment): void;
}

/** A record's seq and place. Every append returns the same object, which is valid until the next append. */
export interface Placed {
  readonly seq: number;
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: number;
}

/** Counters since the start. */
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
  /** The last seq that a start would find: no file has seqs that were taken back until the next batch. */
  provableSeq: number;
  /** The time of the last durable batch on the store's clock, Unix ms. */
  durableTimeMs: number;
  /** The end of the log, which succession and rotation ask. */
  readonly end: LogEnd;
  readonly counters: CommitCounters = { batches: 0, records: 0, bytes: 0, seals: 0, failures: 0 };
  /** Called after each write and sync, with the ms it took and the bytes and records it wrote. */
  onLatency: (ms: number, bytes: number, records: number) => void = () => {};
  /** Batches not yet durable, oldest first; the last one gathers. */
  #queue: Batch[] = [];
  readonly #durability: CommitDurability;
  readonly #placed: { seq: number; segment: Segment; offset: number; bytes: number };
  /** The last seq, and the time, when the batch that is being written was composed. */
  #writtenSeq = 0;
  #writtenTimeMs = 0;
  /** The time when the last write ended, monotonic. */
  #endedMs = 0;
  #unsyncedBytes = 0;
  #phase: Phase = 'open';
  #writer: Writer = 'idle';
  /** A failure of something other than a batch (zeros, a removed file); the writer poisons the log at its next turn. */
  #fatal: unknown;
  /** True when the last durable batch is a seal, or nothing was written since the start. */
  #sealed = true;
  readonly #sealTimer: IdleTimer;
  readonly #direct: DirectWrites;
  #idleWaiters: (() => void)[] = [];
  #seqWaiters: { readonly seq: number; readonly wake: () => void }[] = [];

  constructor(
    env: Env,
    active: WritableSegment,
    found: HintFacts,
    options: CommitOptions,
    durability: CommitDurability,
    events: CommitEvents,
  ) {
    this.#env = env;
    this.#durability = durability;
    durability.lastSeq = found.lastSeq;
    durability.watermark = found.lastSeq;
    this.#placed = { seq: 0, segment: active.segment, offset: 0, bytes: 0 };
    this.provableSeq = found.lastSeq;
    this.durableTimeMs = found.timeMs;
    this.#options = options;
    this.#events = events;
    this.#sealTimer = new IdleTimer(env.clock, SEAL_DELAY_MS, () => {
      if (!this.#sealed) this.seal();
    });
    this.#direct = new DirectWrites(options.reads);
    this.end = new LogEnd(env, active, options, {
      ...events,
      onFatal: (error) => {
        this.#fatal = error;
        this.#schedule();
      },
    });
  }

  get poisoned(): boolean {
    return this.#phase === 'poisoned';
  }
  /**
   * Gives the record a seq and a place in the next batch; copies key and value. Returns undefined when the log is
   * poisoned or closed, or the disk has no room. `undo` takes the change back if the commit fails; it is called for
   * the newest record first.
   */
  append(record: NewRecord, undo: Undo): Placed | undefined {
    if (this.#phase !== 'open') return undefined;
    const bytes = sourceBytes(record);
    const end = this.end;
    const mayRefuse = end.short || end.isSuccessorRefused;
    if (mayRefuse && !end.admits(record.type, bytes)) return undefined;
    const batch = this.#batchFor(bytes);
    const placed = this.#placed;
    placed.seq = this.#durability.lastSeq + 1;
    placed.segment = batch.segment;
    placed.bytes = bytes;
    placed.offset = batch.add(record, placed.seq, bytes, undo);
    this.#durability.lastSeq = placed.seq;
    end.planned(batch.end);
    this.#unsyncedBytes += bytes;
    const isMuch = this.#unsyncedBytes > UNSYNCED_BYTES_MAX || batch.end > end.bytesMax;
    if (isMuch) this.#noteLoad();
    if (this.#writer === 'idle') this.#schedule();
    return placed;
  }

  /** Returns a view of a frame that is not yet durable; undefined when it is on disk. */
  pendingFrame(segment: Segment, offset: number, bytes: number): Buffer | undefined {
    if (offset < segment.committedBytes) return undefined;
    for (const batch of this.#queue) {
      const frame = batch.frameAt(segment, offset, bytes);
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  /** Takes a successor that is durable and in the manifest: the next batch that does not fit goes there. */
  succeed(successor: WritableSegment): void {
    const { late } = this.end;
    this.end.succeed(successor);
    this.#noteLoad();
    if (late) this.#durability.tell();
  }

  /** Notes that no successor could be made. LogEnd asks for it again later. */
  successorFailed(error: unknown): void {
    const { late } = this.end;
    this.end.successorFailed(error);
    this.#noteLoad();
    if (late) this.#durability.tell();
  }

  /** Checks whether the disk has room again (compaction freed some). */
  retrySpace(): void {
    if (!this.poisoned) this.end.retrySpace();
  }

  /** Resolves when every appended record is durable or was taken back. */
  async drained(): Promise<void> {
    if (!this.#isIdle) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Resolves when `seq` is durable or was taken back. */
  async drainedUpTo(seq: number): Promise<void> {
    if (seq <= this.#durability.watermark || this.#queue.length === 0) return;
    await new Promise<void>((wake) => this.#seqWaiters.push({ seq, wake }));
  }

  /** Moves on to the successor before the active segment is full. Returns false when there is nothing to seal. */
  rotate(): boolean {
    if (this.#phase !== 'open' || !this.end.rotate()) return false;
    this.#push(BATCH_KIND.seal);
    return true;
  }

  /** Commits all appended records, writes the clean seal and takes no more records. */
  async close(): Promise<void> {
    await this.drained();
    this.#sealTimer.cancel();
    if (this.#phase === 'open') {
      this.#push(BATCH_KIND.cleanSeal);
      await this.drained();
    }
    if (!this.poisoned) this.#phase = 'closed';
    await this.end.close();
  }

  /** Returns a batch with room for a frame: the batch that gathers, or a new one, maybe in the successor. */
  #batchFor(bytes: number): Batch {
    const gathering = this.#queue.at(-1);
    // While the writer writes, the oldest batch is with the kernel and must not change.
    const open = this.#queue.length > (this.#writer === 'writing' ? 1 : 0) ? gathering : undefined;
    const mayJoin = open?.kind === BATCH_KIND.records && open.hasRoom(bytes);
    // When the successor is late, growing beyond the limit is better than waiting.
    const staysHere = this.end.fits(bytes) || !this.end.moveOn();
    if (mayJoin && staysHere) return open;
    return this.#push(BATCH_KIND.records);
  }

  #push(kind: number): Batch {
    const { active } = this.end;
    const batch = new Batch(active.segment, active.plannedBytes, kind);
    active.plannedBytes = batch.end;
    this.#unsyncedBytes += batch.bytes;
    this.#queue.push(batch);
    this.#schedule();
    return batch;
  }

  /**
   * Starts the writer after the input that has already arrived is handled, so that the batch gathers all of it. With
   * only one client, that is as soon as the code that runs now returns.
   */
  #schedule(): void {
    if (this.#writer !== 'idle') return;
    this.#writer = 'scheduled';
    if (this.#durability.hasOneClient) void AT_ONCE.then(this.#start);
    else this.#env.clock.defer(this.#start);
  }

  readonly #start = (): void => {
    if (this.#writer !== 'scheduled') broken('A writer that starts was scheduled');
    void this.#writeAll();
  };

  async #writeAll(): Promise<void> {
    this.#writer = 'writing';
    if (this.#fatal !== undefined && !this.poisoned) await this.#fail(this.#fatal);
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
    this.#writer = 'idle';
    if ((this.#queue.length > 0 || this.#fatal !== undefined) && !this.poisoned) {
      this.#schedule();
      return;
    }
    for (const wake of this.#idleWaiters.splice(0)) wake();
    if (this.#phase === 'open' && !this.#sealed) this.#sealTimer.restart(this.#endedMs);
  }

  async #write(batch: Batch): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    const end = this.end;
    const { zeros } = end.writableOf(batch.segment);
    // A batch must not be written where a write of zeros is still in flight.
    while (batch.end > zeros.allocatedBytes && zeros.settled !== undefined) await zeros.settled;
    const { segment } = end.durable;
    const durable = { segment: segment.last, offset: segment.committedBytes };
    const zeroBytes = batch.end > zeros.allocatedBytes ? end.behindBytes : 0;
    const { lastSeq } = this.#durability;
    this.#writtenSeq = lastSeq;
    const startedMs = this.#env.clock.monotonicMs();
    this.#writtenTimeMs = this.#options.storeClock.timeMsAt(startedMs);
    const bytes = batch.compose(durable, lastSeq, this.#writtenTimeMs, zeroBytes);
    const { file } = batch.segment;
    end.writeInFlight = true;
    try {
      const count = this.#direct.allows(bytes.length, startedMs)
        ? await file.writeNow(bytes, batch.offset)
        : await file.write(bytes, batch.offset);
      if (count !== bytes.length) throw shortWrite(file, count, bytes.length, batch.offset);
    } finally {
      end.writeInFlight = false;
    }
    this.#endedMs = this.#env.clock.monotonicMs();
    this.#direct.took(this.#endedMs - startedMs, this.#endedMs);
    this.onLatency(this.#endedMs - startedMs, bytes.length, batch.frameCount);
  }

  #committed(batch: Batch): void {
    const rotated = this.end.committed(batch.segment, batch.bytes, batch.end);
    this.durableTimeMs = this.#writtenTimeMs;
    this.#unsyncedBytes -= batch.bytes;
    this.counters.batches += 1;
    this.counters.bytes += batch.bytes;
    this.#sealed = batch.kind !== BATCH_KIND.records;
    if (batch.kind === BATCH_KIND.records) {
      this.#durability.watermark = batch.lastSeq;
      this.provableSeq = batch.lastSeq;
      this.counters.records += batch.frameCount;
    } else {
      this.counters.seals += 1;
      this.provableSeq = this.#writtenSeq;
    }
    if (rotated !== undefined) this.#events.onRotated(rotated);
    const { active, bytesMax } = this.end;
    if (this.#durability.congested || active.plannedBytes > bytesMax) this.#noteLoad();
    if (this.#seqWaiters.length > 0) this.#wakeUpTo(this.#durability.watermark);
    this.#durability.tell();
  }

  /** Takes back every record that is not durable; poisons the log unless the disk was only full. */
  async #fail(error: unknown): Promise<void> {
    assert(this.#phase === 'open', 'Only an open log fails');
    this.counters.failures += 1;
    this.#phase = 'taking-back';
    const lost = this.#queue.splice(0);
    for (const batch of lost.toReversed()) batch.takeBack();
    this.#unsyncedBytes = 0;
    let cause: FailureCause = isNoSpace(error) ? 'no-space' : 'poisoned';
    let shown = error;
    try {
      if (cause === 'no-space') await this.end.cutUncommitted();
    } catch (second) {
      cause = 'poisoned';
      shown = second;
    }
    this.#phase = cause === 'poisoned' ? 'poisoned' : 'open';
    if (cause === 'no-space') this.end.tooShort();
    this.#noteLoad();
    this.#wakeUpTo(Number.POSITIVE_INFINITY);
    this.#durability.fail(cause, shown);
    if (this.poisoned) return;
    // No other record gets the seqs that were taken back: the watermark skips them.
    this.#durability.watermark = this.#durability.lastSeq;
    this.#durability.tell();
  }

  /** Decides whether input should wait: while too much is unsynced, or while the log waits for its next segment. */
  #noteLoad(): void {
    const end = this.end;
    const late = end.active.plannedBytes > end.bytesMax && end.late;
    this.#durability.congested = late || this.#unsyncedBytes > UNSYNCED_BYTES_MAX;
    this.#durability.overloaded = late || this.#unsyncedBytes > 2 * UNSYNCED_BYTES_MAX;
  }

  #wakeUpTo(seq: number): void {
    const waiters = this.#seqWaiters;
    this.#seqWaiters = waiters.filter((waiter) => waiter.seq > seq);
    for (const waiter of waiters) if (waiter.seq <= seq) waiter.wake();
  }

  /** Writes a seal when idle, even after a seal: it proves the last batch, and has the time on the store's clock. */
  seal(): void {
    if (this.#isIdle && this.#phase === 'open') this.#push(BATCH_KIND.seal);
  }

  get #isIdle(): boolean {
    return this.#queue.length === 0 && this.#writer !== 'writing';
  }
}
