// The janitor: starts the background work. Hints of sealed segments, compaction and scrubbing run one at a time;
// snapshots run beside them when they are due. No request waits for this work, except one that asks for it.
//
// Invariant: snapshots have a thread and a queue of their own. A long snapshot must not delay compaction, because
// the log would grow meanwhile without bound.

import type { Timer } from '../../env/env.js';
import { failureText, isKvError } from '../../errors.js';
import type { FlushNeed } from '../../log/segments/flush-need.js';
import type { Segment } from '../../log/segments/segment.js';
import { assert } from '../../assert.js';
import { Background } from '../background/client.js';
import type { ScrubDone, ScrubTask } from '../background/messages.js';
import { Compaction, placeOf } from './compaction.js';
import { planAll, planRun } from './compaction-plan.js';
import type { SegmentSizes } from './compaction-plan.js';
import type { StoreParts } from '../items/parts.js';
import type { ScrubFindings } from './scrub-findings.js';
import { Scrubber } from './scrubber.js';
import { Snapshot } from './snapshot.js';
import type { CompactionReport, SnapshotReport } from '../store.js';

const TICK_MS = 5_000;
/** Gives a snapshot a tenth of the serving thread's share: nothing waits for it, while compaction has to keep up. */
const EXPORTER_NICER_BY = 10;
/** The pause after a failed compaction, which would most likely fail again at once. */
const FAILED_PAUSE_MS = 60_000;
/** The same pause on a full disk, where writes wait for the compaction. */
const SHORT_PAUSE_MS = 5_000;
/** On a full disk, a run with this share of dead bytes is compacted, however few they are. */
const SHORT_RATIO = 0.02;

export class Janitor {
  readonly #parts: StoreParts;
  readonly #background: Background;
  readonly #exporter: Background;
  readonly #compaction: Compaction;
  readonly #snapshot: Snapshot;
  readonly #scrubber: Scrubber;
  #turn: Promise<void> = Promise.resolve();
  #snapshotTurn: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #closing = false;
  #pausedUntilMs = 0;
  #lastSnapshotMs = Number.NEGATIVE_INFINITY;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#background = new Background(parts.env, parts.log.dir);
    this.#compaction = new Compaction(parts, this.#background);
    this.#exporter = new Background(parts.env, parts.log.dir, EXPORTER_NICER_BY);
    this.#snapshot = new Snapshot(parts, this.#exporter);
    if (typeof parts.options.snapshot === 'number') this.#lastSnapshotMs = this.#nowMs();
    for (const segment of parts.log.recovery.scanned) this.#later(() => this.#writeHint(segment));
    this.#scrubber = new Scrubber(parts, (task) => this.#inTurn(() => this.#scrub(task)));
    this.#plan();
  }

  get scrubFindings(): ScrubFindings {
    return this.#scrubber.findings;
  }

  /** Called when a segment was sealed: it needs a hint, and there may be enough to compact. */
  sealed(segment: Segment): void {
    // Compaction comes first: a segment that it replaces needs no hint.
    this.#later(() => this.#compactIfWorth());
    this.#later(() => this.#writeHint(segment));
  }

  /** Compacts the runs that are worth it, or with `everything` all that hold anything dead. */
  compact(everything: boolean): Promise<CompactionReport> {
    return this.#inTurn(async () => {
      const before = this.#sizes();
      if (everything) await this.#compactAll();
      else await this.#compactWorth();
      const after = this.#sizes();
      return {
        segmentsBefore: before.segments,
        segmentsAfter: after.segments,
        bytesBefore: before.bytes,
        bytesAfter: after.bytes,
        liveBytes: this.#parts.items.liveBytes,
      };
    });
  }

  snapshot(path: string | undefined): Promise<SnapshotReport> {
    const result = this.#snapshotTurn.then(() => this.#takeSnapshot(path));
    this.#snapshotTurn = result.catch(() => undefined);
    return result;
  }

  /** Stops. A compaction or snapshot under way is abandoned; the next start removes its leftovers. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#timer?.cancel();
    this.#scrubber.close();
    await this.#background.close();
    await this.#exporter.close();
    await this.#turn;
    await this.#snapshotTurn;
  }

  #plan(): void {
    this.#timer = this.#parts.env.clock.setTimer(TICK_MS, () => {
      this.#later(() => this.#compactIfWorth());
      this.#later(() => this.#trimHistory());
      const { snapshot } = this.#parts.options;
      if (typeof snapshot === 'number' && this.#nowMs() - this.#lastSnapshotMs >= snapshot) {
        this.#snapshotLater();
      }
      this.#plan();
    });
  }

  /** Trims the history. On a full disk, removes all of it, because writes wait for room. */
  #trimHistory(): Promise<void> {
    const { history, log } = this.#parts;
    return log.short ? history.clear() : history.trim();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Does in its turn work that nobody waits for, and logs its failure. */
  #later(work: () => Promise<void>): void {
    const done = this.#inTurn(async () => {
      if (!this.#closing) await work();
    });
    this.#logFailure(done);
  }

  /** Takes a snapshot that is due, in its turn. */
  #snapshotLater(): void {
    this.#lastSnapshotMs = this.#nowMs();
    this.#logFailure(this.snapshot(undefined));
  }

  #logFailure(done: Promise<unknown>): void {
    done.catch((error: unknown) => {
      if (this.#closing || isKvError(error, 'KV_CLOSED')) return;
      this.#parts.env.logger.warn(`Background work failed: ${failureText(error)}`);
    });
  }

  async #writeHint(segment: Segment): Promise<void> {
    if (!this.#parts.log.table.ordered.includes(segment)) return;
    await this.#background.perform(
      { task: 'hint', segment: placeOf(segment), hashSeed: this.#parts.log.recovery.hashSeed },
      () => {
        throw new Error('A hint asks nothing');
      },
    );
  }

  async #scrub(taskOf: () => ScrubTask | undefined): Promise<ScrubDone | undefined> {
    const task = this.#closing ? undefined : taskOf();
    if (task === undefined) return undefined;
    const done = await this.#background.perform(task, () => {
      throw new Error('A scrub asks nothing');
    });
    assert(done.done === 'scrub', 'A scrub ends with its findings');
    return done;
  }

  async #compactIfWorth(): Promise<void> {
    if (this.#nowMs() < this.#pausedUntilMs) return;
    const compacted = await this.#compactWorth();
    const { snapshot, snapshotPauseMs } = this.#parts.options;
    if (!compacted || snapshot !== 'compact') return;
    if (this.#nowMs() - this.#lastSnapshotMs >= snapshotPauseMs) this.#snapshotLater();
  }

  /** Compacts run after run until none is worth it. Returns false when none was. */
  async #compactWorth(): Promise<boolean> {
    const { log, options } = this.#parts;
    for (let compacted = false; !this.#closing; compacted = true) {
      const sealed = log.table.ordered.filter((segment) => segment.sealed);
      const run = planRun(this.#sizesOf(sealed), {
        segmentBytesMax: options.segmentBytesMax,
        ratio: log.short ? Math.min(SHORT_RATIO, options.compactRatio) : options.compactRatio,
        minBytes: log.short ? 0 : options.compactMinBytes,
      });
      if (run === undefined) return compacted;
      await this.#compactRun(sealed.slice(run.from, run.to));
    }
    return false;
  }

  /**
   * Compacts all runs that hold anything dead. Each segment that is complete by now is compacted once: under constant
   * writes there would always be more.
   */
  async #compactAll(): Promise<void> {
    const { log, options } = this.#parts;
    await log.rotate();
    const complete = log.table.ordered.filter((segment) => segment.sealed).at(-1)?.last ?? 0;
    for (let done = 0; done < complete;) {
      const sealed = log.table.ordered.filter(({ last }) => last <= complete);
      const from = sealed.findIndex(({ first }) => first > done);
      if (from < 0) return;
      const run = planAll(this.#sizesOf(sealed), options.segmentBytesMax, from);
      if (run === undefined) return;
      const segments = sealed.slice(run.from, run.to);
      await this.#compactRun(segments);
      done = segments.at(-1)!.last;
    }
  }

  async #compactRun(segments: readonly Segment[]): Promise<void> {
    const { log, counters } = this.#parts;
    try {
      await this.#compaction.compact(segments);
    } catch (error) {
      if (!this.#closing) {
        counters.compactionsFailed += 1;
        this.#pausedUntilMs = this.#nowMs() + (log.short ? SHORT_PAUSE_MS : FAILED_PAUSE_MS);
      }
      throw error;
    }
  }

  async #takeSnapshot(path: string | undefined): Promise<SnapshotReport> {
    const { counters } = this.#parts;
    this.#lastSnapshotMs = this.#nowMs();
    try {
      const report = await this.#snapshot.take(path);
      counters.snapshots += 1;
      return report;
    } catch (error) {
      if (!this.#closing) counters.snapshotsFailed += 1;
      throw error;
    }
  }

  /** Returns the sizes for the plan. Kept flushes count as dead once no older segment needs them. */
  #sizesOf(sealed: readonly Segment[]): SegmentSizes[] {
    const { flushes } = this.#parts;
    const older: FlushNeed[] = [];
    return sealed.map((segment) => {
      const { committedBytes, overheadBytes, liveBytes, keptFlushes, keptFlushBytes } = segment;
      const isNeeded =
        keptFlushBytes > 0 &&
        (!flushes.isRetired(keptFlushes.to) || older.some((need) => need.meets(keptFlushes)));
      if (!segment.flushNeed.isEmpty) older.push(segment.flushNeed);
      const keptBytes = segment.keptBytes + (isNeeded ? keptFlushBytes : 0);
      return { bytes: committedBytes - overheadBytes, liveBytes, keptBytes };
    });
  }

  #sizes(): { readonly segments: number; readonly bytes: number } {
    const { ordered } = this.#parts.log.table;
    return {
      segments: ordered.length,
      bytes: ordered.reduce((sum, { committedBytes }) => sum + committedBytes, 0),
    };
  }

  #nowMs(): number {
    return this.#parts.env.clock.monotonicMs();
  }
}
