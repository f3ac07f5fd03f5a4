// The Store on disk: passes each call to the part that implements it, and the reports of the log to all parts.

import { failureText } from '../errors.js';
import type { Durability, FailureCause } from '../log/durability.js';
import { Bounds } from './operations/bounds.js';
import { LogChanges } from './changes/log-changes.js';
import { Changes } from './operations/changes.js';
import type { StoreParts } from './items/parts.js';
import { imageOf } from './restart/image.js';
import { Janitor } from './upkeep/janitor.js';
import type { StoreMeasures } from './measures.js';
import { ITEM_MARK } from './keydir/keydir.js';
import { PLAIN_READ, Reads } from './operations/reads.js';
import { engineStats } from './engine-stats.js';
import type * as S from './store.js';
import { Sweeper } from './upkeep/sweeper.js';
import { Values } from './items/values.js';
import { Writes } from './operations/writes.js';

/** Findings of the start, for its log line and for stats. */
interface OpenReport {
  readonly keys: number;
  readonly durationMs: number;
}

export class DurableStore implements S.LocalStore {
  /** False: a later call may overtake a call that waits for the disk. */
  readonly appliesInCallOrder = false;
  readonly opened: OpenReport;
  readonly durability: Durability;
  readonly #parts: StoreParts;
  /** Reads so far: DirectWrites looks at it, so that reads do not wait for commits. */
  readonly #readCount: { count: number };
  readonly #bounds: Bounds;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #changes: Changes;
  readonly #sweeper: Sweeper;
  readonly #janitor: Janitor;
  /** Made when a follower comes. */
  #changeLog: LogChanges | undefined;

  constructor(parts: StoreParts, opened: OpenReport, readCount: { count: number }) {
    this.opened = opened;
    this.#parts = parts;
    this.#readCount = readCount;
    this.durability = parts.log.durability;
    // The first listener: the store is up to date when the later listeners call it.
    this.durability.onDurable(this.#durable);
    this.durability.onFailed((cause, error) => this.#failed(cause, error));
    const values = new Values(parts);
    const bounds = new Bounds(parts);
    this.#bounds = bounds;
    this.#reads = new Reads(parts, values, bounds);
    this.#writes = new Writes(parts, values, bounds);
    this.#changes = new Changes(parts, values, this.#writes, bounds);
    this.#sweeper = new Sweeper(parts);
    this.#janitor = new Janitor(parts);
    parts.log.onSealed = (segment) => this.#janitor.sealed(segment);
    if (bounds.trim()) {
      parts.env.logger.warn('The store is above its bounds: it evicts items while it serves', {
        keys: parts.items.count,
        bytes: parts.items.liveBytes,
      });
    }
  }

  nowMs(): number {
    return this.#parts.clock.nowMs();
  }

  get clockAheadMs(): number {
    return this.#parts.clock.aheadMs;
  }

  get(
    key: S.Key,
    options: S.ReadOptions = PLAIN_READ,
    start = 0,
    end = key.length,
  ): S.Maybe<S.Lookup> {
    this.#readCount.count += 1;
    return this.#reads.get(key, options, start, end);
  }

  put(put: S.Put): S.Maybe<S.PutOutcome> {
    return this.#writes.put(put);
  }

  arithmetic(change: S.Arithmetic): S.Maybe<S.ArithmeticOutcome> {
    return this.#changes.arithmetic(change);
  }

  touch(key: S.Key, expiresAt: number, start = 0, end = key.length): S.Outcome {
    return this.#changes.touch(key, expiresAt, start, end);
  }

  delete(change: S.Delete): S.Maybe<S.Outcome> {
    return this.#changes.delete(change);
  }

  flush(atMs: number): S.Outcome {
    return this.#changes.flush(atMs);
  }

  deletePrefix(prefix: Buffer): S.Outcome {
    return this.#changes.deletePrefix(prefix);
  }

  resizeCache(bytesMax: number): void {
    this.#parts.cache.resize(bytesMax);
  }

  resizeStore(bytesMax: number): void {
    this.#bounds.resize(bytesMax);
  }

  openLargeValue(): Promise<S.LargeValueWriter> {
    return this.#parts.large.openWriter();
  }

  list(cursor: number, limit: number): S.ListPage {
    const parts = this.#parts;
    const { keydir } = parts.items;
    const entries: S.Listed[] = [];
    const next = keydir.walk(cursor, limit, (ref) => {
      if (parts.liveness.deadReason(ref) !== undefined) return;
      entries.push({
        key: keydir.key(ref),
        cas: BigInt(keydir.seq(ref)),
        expiresAt: keydir.expiresAt(ref),
        fetched: (keydir.marks(ref) & ITEM_MARK.FETCHED) !== 0,
        lastUsedSeconds: keydir.lastUsedSeconds(ref),
        bytes: keydir.length(ref) + (parts.items.largeOf(ref)?.bytes ?? 0),
      });
    });
    return { entries, cursor: next };
  }

  get changeLog(): LogChanges {
    const { env, log, history } = this.#parts;
    this.#changeLog ??= new LogChanges(env, log, history, this);
    return this.#changeLog;
  }

  onEvicted(call: (item: S.Evicted) => void): void {
    this.#bounds.onEvicted(call);
  }

  /** Called when the watermark has moved. */
  readonly #durable = (): void => {
    const { items, large, commits } = this.#parts;
    const { watermark } = this.durability;
    if (!items.unsynced.isEmpty) items.unsynced.settle(watermark);
    commits.past.dropUpTo(watermark);
    large.settle(watermark);
    if (this.#bounds.isPaused) this.#bounds.onDurable();
  };

  /** Called when everything above the watermark was taken back. */
  #failed(cause: FailureCause, error: unknown): void {
    const { items, env } = this.#parts;
    items.unsynced.clear();
    env.logger.error(
      cause === 'no-space'
        ? 'The disk is full: writes are refused until there is room'
        : 'The log failed and is not trusted again: nothing is written any more',
      { error: failureText(error) },
    );
    this.#bounds.onFailed();
  }

  stats(): ReadonlyMap<string, number | string> {
    return engineStats(this.#parts, this.opened, this.#janitor.scrubFindings);
  }

  /** Adds every measure from now on to `measures` too. */
  measure(measures: StoreMeasures): void {
    this.#parts.observed.measures = measures;
  }

  resetStats(): void {
    this.#parts.counters.reset();
    this.#parts.syncLatency.reset();
    this.#parts.cache.resetStats();
  }

  segments(): readonly S.SegmentView[] {
    const { ordered } = this.#parts.log.table;
    const active = ordered.find(({ sealed }) => !sealed);
    return ordered.map((segment) => {
      const { first, last, generation, committedBytes: bytes, liveBytes, deadBytes } = segment;
      const { compactedBytes = 0 } = segment;
      const sealedState = segment.compactedBytes === undefined ? 'sealed' : 'compacting';
      const openState = segment === active ? 'active' : 'next';
      const state = segment.sealed ? sealedState : openState;
      return { first, last, generation, state, bytes, liveBytes, deadBytes, compactedBytes };
    });
  }

  compact(options: { readonly everything?: boolean } = {}): Promise<S.CompactionReport> {
    return this.#janitor.compact(options.everything ?? false);
  }

  snapshot(path?: string): Promise<S.SnapshotReport> {
    return this.#janitor.snapshot(path);
  }

  async close(): Promise<void> {
    const parts = this.#parts;
    if (parts.commits.closed) return;
    parts.commits.closed = true;
    this.#sweeper.stop();
    this.#bounds.close();
    await this.#changeLog?.close();
    await this.#janitor.close();
    await parts.log.close(parts.options.useHints ? () => imageOf(parts) : undefined);
    await parts.large.close();
  }
}
