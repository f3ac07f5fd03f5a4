// The Store on disk: hands each call to the part that knows, and passes on what the log reports.

import type { Durability, FailureCause } from '../log/durability.js';
import type { Segment } from '../log/segments/segment.js';
import { Bounds } from './operations/bounds.js';
import { Changes } from './operations/changes.js';
import type { Core } from './items/core.js';
import { imageOf } from './restart/image.js';
import { Janitor } from './upkeep/janitor.js';
import { MARK } from './keydir/keydir.js';
import { Reads } from './operations/reads.js';
import { engineStats } from './engine-stats.js';
import type * as S from './store.js';
import { Sweeper } from './upkeep/sweeper.js';
import { Values } from './items/values.js';
import { Writes } from './operations/writes.js';

/** What opening the store found, for the line on start and for stats. */
export interface OpenReport {
  readonly keys: number;
  readonly durationMs: number;
}

const PLAIN_READ: S.ReadOptions = {};

export class DurableStore implements S.Store {
  readonly opened: OpenReport;
  readonly durability: Durability;
  readonly #core: Core;
  readonly #bounds: Bounds;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #changes: Changes;
  readonly #sweeper: Sweeper;
  readonly #janitor: Janitor;

  constructor(core: Core, opened: OpenReport) {
    this.opened = opened;
    this.#core = core;
    this.durability = core.log.durability;
    // The first to be told: what the others ask then is up to date.
    this.durability.onDurable(() => this.#durable());
    this.durability.onFailed((cause, error) => this.#failed(cause, error));
    const values = new Values(core);
    const bounds = new Bounds(core);
    this.#bounds = bounds;
    this.#reads = new Reads(core, values, bounds);
    this.#writes = new Writes(core, values, bounds);
    this.#changes = new Changes(core, values, this.#writes, bounds);
    this.#sweeper = new Sweeper(core);
    this.#janitor = new Janitor(core);
    if (bounds.trim()) {
      core.env.logger.warn('The store is above its bounds: it evicts while it serves', {
        keys: core.items.count,
        bytes: core.items.liveBytes,
      });
    }
  }

  nowMs(): number {
    return this.#core.clock.nowMs();
  }

  get clockAheadMs(): number {
    return this.#core.clock.aheadMs;
  }

  get(
    key: S.Key,
    options: S.ReadOptions = PLAIN_READ,
    start = 0,
    end = key.length,
  ): S.Maybe<S.Lookup> {
    this.#core.reads += 1;
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
    this.#core.cache.resize(bytesMax);
  }

  openLargeValue(): Promise<S.LargeValueWriter> {
    return this.#core.large.openWriter();
  }

  list(cursor: number, limit: number): S.ListPage {
    const core = this.#core;
    const { keydir } = core.items;
    const entries: S.Listed[] = [];
    const next = keydir.walk(cursor, limit, (ref) => {
      if (core.deadReason(ref) !== undefined) return;
      entries.push({
        key: keydir.key(ref),
        cas: BigInt(keydir.seq(ref)),
        expiresAt: keydir.expiresAt(ref),
        fetched: (keydir.marks(ref) & MARK.FETCHED) !== 0,
        lastUsedSeconds: keydir.lastUsedSeconds(ref),
        bytes: keydir.length(ref) + (core.items.largeOf(ref)?.bytes ?? 0),
      });
    });
    return { entries, cursor: next };
  }

  onEvicted(call: (item: S.Evicted) => void): void {
    this.#core.onEvicted = call;
  }

  /** The watermark moved. */
  #durable(): void {
    const { items, large, past } = this.#core;
    items.settleUnsynced();
    past.dropUpTo(this.durability.watermark);
    large.settle(this.durability.watermark);
    this.#bounds.onDurable();
  }

  /** Everything above the watermark was taken back. */
  #failed(cause: FailureCause, error: unknown): void {
    const { items, env } = this.#core;
    items.forgetUnsynced();
    env.logger.error(
      cause === 'no-space'
        ? 'The disk is full: writes are refused until there is room'
        : 'The log failed and is not trusted again: nothing more is written',
      { error: String(error) },
    );
    this.#bounds.onFailed();
  }

  /** For Log: a segment is complete. */
  sealed(segment: Segment): void {
    this.#janitor.sealed(segment);
  }

  stats(): ReadonlyMap<string, number | string> {
    return engineStats(this.#core, this.opened);
  }

  resetStats(): void {
    this.#core.counters.reset();
    this.#core.syncLatency.reset();
    this.#core.cache.resetStats();
  }

  compact(options: { readonly everything?: boolean } = {}): Promise<S.CompactionReport> {
    return this.#janitor.compact(options.everything ?? false);
  }

  snapshot(path?: string): Promise<S.SnapshotReport> {
    return this.#janitor.snapshot(path);
  }

  async close(): Promise<void> {
    const core = this.#core;
    if (core.closed) return;
    core.closed = true;
    this.#sweeper.stop();
    this.#bounds.close();
    await this.#janitor.close();
    await core.log.close(core.options.useHints ? () => imageOf(core) : undefined);
    await core.large.close();
  }
}
