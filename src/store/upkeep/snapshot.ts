// The JSON snapshot: exports the whole store at exactly one seq while writers go on. Nothing is copied in
// advance: a walk over the keydir sends each item's place to the worker. An item that changes before the
// walk has reached it is sent, as it was, just before the change.
//
// Invariants:
// - Between snapshots, all items have the same parity mark. While a snapshot runs, the other parity means
//   "sent, or newer than the snapshot". So each item of the seq is sent exactly once, and no newer item is sent.
// - Only durable items are sent: nothing goes to the worker before the watermark has reached the seq.
// - A segment that was named to the worker is held until the worker has read its items, so that a
//   compaction may run at the same time.
// - The file appears under its name whole and durable, or not at all.

import { dirname, join, resolve } from 'node:path';

import { assert } from '../../assert.js';
import type { Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { SNAPSHOT_NAME, temporaryName } from '../../log/bytes/file-names.js';
import { freeTemporaryName, isSnapshotOrBlank, startOf } from '../../log/segments/ownership.js';
import { refuseStoreFile } from '../../log/segments/store-file.js';
import type { Segment } from '../../log/segments/segment.js';
import type { LargeValue } from '../store.js';
import type { Background } from '../background/client.js';
import type { ExportDone, ExportItem, ExportItems } from '../background/messages.js';
import { placeOf } from './compaction.js';
import type { StoreParts } from '../items/parts.js';
import { wallExpiryOf } from '../expiry.js';
import type { ItemWatcher } from '../items/items.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { walkFor } from './timed-walk.js';
import type { SnapshotReport } from '../store.js';

/** Bounds of one turn of the event loop: items visited, and time. */
const SLICE_KEYS = 2_000;
const SLICE_MS = 3;

export class Snapshot {
  readonly #parts: StoreParts;
  readonly #background: Background;

  constructor(parts: StoreParts, background: Background) {
    this.#parts = parts;
    this.#background = background;
  }

  /** Writes `path` (default: snapshot.json in the data directory). */
  async take(path = join(this.#parts.log.dir, SNAPSHOT_NAME)): Promise<SnapshotReport> {
    const parts = this.#parts;
    const { fs } = parts.env;
    const { target, temporaryPath } = await placeFor(fs, parts.log.dir, path);
    const walk = new SnapshotWalk(parts);
    const { seq } = walk;
    const failures = parts.log.counters.failures;
    try {
      await parts.log.drainedUpTo(seq);
      if (parts.log.counters.failures !== failures) {
        throw new KvError('KV_IO', 'A commit failed while the snapshot began; try again');
      }
      // A start requires the log to reach the snapshot's seq, but seqs that a full disk took back are in no file.
      const provable = Math.min(seq, parts.log.provableSeq);
      const { createdAtMs, clockAheadMs } = walk;
      const { storeId } = parts.log;
      const done = await this.#background.perform(
        {
          task: 'export',
          temporaryPath,
          seq: provable,
          createdAtMs: createdAtMs - clockAheadMs,
          storeId,
        },
        () => walk.next(),
      );
      assert(done.done === 'export', 'An export ends with its file');
      await fs.replaceOutput(temporaryPath, target);
      await fs.syncDir(dirname(target));
      return { path, seq, ...countsOf(done) };
    } catch (error) {
      await fs.remove(temporaryPath);
      throw error;
    } finally {
      await walk.end();
    }
  }
}

/** Returns the file to write, with links resolved, and its temporary path. Makes its directory when that is missing. */
async function placeFor(
  fs: Fs,
  dir: string,
  path: string,
): Promise<{ readonly target: string; readonly temporaryPath: string }> {
  await fs.makeDir(dirname(path));
  const target = await fs.outputOf(path);
  const own = join(dir, SNAPSHOT_NAME);
  if (target !== (await fs.outputOf(own).catch(() => undefined))) {
    await refuseStoreFile(fs, target);
    return { target, temporaryPath: temporaryName(target, fs.unique()) };
  }
  // The store's own snapshot may be written unasked, so it never replaces another kind of file.
  if ((await fs.kindOf(target)) === 'file' && !isSnapshotOrBlank(await startOf(fs, target))) {
    const message = 'The file in the place of the snapshot is no snapshot and was not touched';
    throw new KvError('KV_IO', `${message}: move it away`, { path: target });
  }
  const isInside = target === resolve(own);
  const temporaryPath = isInside
    ? join(dir, await freeTemporaryName(fs, dir, SNAPSHOT_NAME))
    : temporaryName(target, fs.unique());
  return { target, temporaryPath };
}

function countsOf({ count, bytes }: ExportDone): {
  readonly count: number;
  readonly bytes: number;
} {
  return { count, bytes };
}

/** Walks over the items of one seq, in any order. */
class SnapshotWalk implements ItemWatcher {
  readonly seq: number;
  readonly createdAtMs: number;
  /** Exported times are on the wall clock. */
  readonly clockAheadMs: number;
  readonly newMarks: number;
  readonly #parts: StoreParts;
  /** True when a flush is due but the log took no record for it: all items are dead. */
  readonly #isEmpty: boolean;
  /** Items that were about to change; they wait for the next message. */
  #early: ExportItem[] = [];
  /** Segments of the items of the next message, and of those that the worker reads now. */
  #gathered = new Set<Segment>();
  #reading = new Set<Segment>();
  readonly #held: LargeValue[] = [];
  #cursor = 0;
  #ended = false;

  constructor(parts: StoreParts) {
    const { items } = parts;
    assert(items.watcher === undefined, 'One snapshot runs at a time');
    this.#parts = parts;
    parts.commits.carryOutFlushes();
    parts.flushes.close();
    this.seq = parts.log.lastSeq;
    this.createdAtMs = parts.clock.nowMs();
    this.clockAheadMs = parts.clock.aheadMs;
    this.#isEmpty = parts.flushes.promises.nextMs <= this.createdAtMs;
    this.newMarks = items.restingMarks === 0 ? ITEM_MARK.SNAPSHOT : 0;
    items.watcher = this;
  }

  beforeChange(ref: number): void {
    const item = this.#send(ref);
    if (item !== undefined) this.#early.push(item);
  }

  /** Returns the next message to the worker. */
  async next(): Promise<ExportItems> {
    const items = this.#early;
    this.#early = [];
    if (!this.#ended) this.#walkOn((item) => void items.push(item));
    const segments = this.#turnOver();
    await new Promise<void>((resolve) => this.#parts.env.clock.defer(resolve));
    // Items that changed during the wait go into the next message, with their segments.
    const last = this.#ended && this.#early.length === 0;
    return { answer: 'items', items, segments, last };
  }

  /** Releases the segments that the worker has read, and returns those of the next message. */
  #turnOver(): ExportItems['segments'] {
    for (const segment of this.#reading) segment.release();
    this.#reading = this.#gathered;
    this.#gathered = new Set();
    return [...this.#reading].map((segment) => ({ ...placeOf(segment), slot: segment.slot }));
  }

  /** Gives every item the new parity, also when the export failed, and releases segments and values. */
  async end(): Promise<void> {
    while (!this.#ended) {
      this.#walkOn(() => {});
      await new Promise<void>((resolve) => this.#parts.env.clock.defer(resolve));
    }
    const { items } = this.#parts;
    items.watcher = undefined;
    items.restingMarks = this.newMarks;
    for (const value of this.#held) value.release();
    for (const segment of [...this.#reading, ...this.#gathered]) segment.release();
  }

  #walkOn(take: (item: ExportItem) => void): void {
    const { items, env } = this.#parts;
    const { keydir } = items;
    this.#cursor = walkFor(env.clock, SLICE_MS, keydir, this.#cursor, SLICE_KEYS, (ref) => {
      const item = this.#send(ref);
      if (item !== undefined) take(item);
    });
    if (this.#cursor === 0) this.#ended = true;
  }

  /** Marks the item as sent and returns it; undefined when it was sent before, is newer than the snapshot, or is dead. */
  #send(ref: number): ExportItem | undefined {
    const parts = this.#parts;
    const { items } = parts;
    const { keydir } = items;
    const marks = keydir.marks(ref);
    if ((marks & ITEM_MARK.SNAPSHOT) === this.newMarks) return undefined;
    items.markExported(ref);
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= this.createdAtMs) return undefined;
    const { flushes } = parts;
    if (this.#isEmpty) return undefined;
    if (flushes.isOpen && flushes.killerOf(keydir, ref, this.seq) !== 0) return undefined;
    const large = items.largeOf(ref);
    if (large !== undefined) this.#held.push(parts.large.open(large));
    const slot = keydir.segment(ref);
    const segment = parts.log.table.at(slot);
    if (!this.#gathered.has(segment)) {
      segment.acquire();
      this.#gathered.add(segment);
    }
    return {
      slot,
      offset: keydir.offset(ref),
      bytes: keydir.length(ref),
      expiresAt: wallExpiryOf(expiresAt, this),
    };
  }
}
