// Opening of a store: locks and recovers a data directory, fills the keydir from the log, and starts the
// background work.

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { CommitDurability } from '../log/durability.js';
import { MANIFEST_NAME } from '../log/bytes/file-names.js';
import { History, type HistoryOptions } from '../log/history.js';
import { Log } from '../log/log.js';
import type { Recovered } from '../log/recovery/recovery.js';
import type { ReplayReport } from '../log/recovery/replay.js';
import type { ImageFile } from '../log/segments/image-file.js';
import { SegmentTable } from '../log/segments/segment.js';
import { storeParts } from './items/parts.js';
import { DurableStore } from './durable-store.js';
import { Flushes } from './flushes/flushes.js';
import { restoreFrom } from './restart/image.js';
import { Items } from './items/items.js';
import { type HashSeed, SEED_BYTES, hashSeed } from '../log/bytes/key-hash.js';
import { Keydir } from './keydir/keydir.js';
import { liveLargeReferences, requireLargeFiles } from './restart/large-files.js';
import { readClaims, refuseLoss } from './restart/loss-proof.js';
import { LargeValues } from './items/large-values.js';
import { replayEntries } from './restart/replay-items.js';
import { StoreClock } from './clock.js';
import { StoreCounters } from './counters.js';
import { checkedOptions } from './options.js';
import type { StoreOptions } from './options.js';
import { ValueCache } from './value-cache/value-cache.js';

/** Segments are made small enough that this many fit into the free space of the disk. */
const SEGMENTS_AIM = 8;
/** A small disk makes segments no smaller than this. */
const SEGMENT_BYTES_SMALL = 1024 * 1024;

/**
 * Opens a store. Throws KV_BAD_OPTION for a wrong option, KV_LOCKED when another process has the directory, and
 * KV_IO when the directory cannot be used. Throws KV_CORRUPTION and KV_FORMAT_VERSION when the directory must
 * not be written to, and KV_CLOCK when the wall clock is far behind the log.
 */
export async function openStore(
  env: Env,
  dir: string,
  given: Partial<StoreOptions> = {},
): Promise<DurableStore> {
  const options = await fitToDisk(env, dir, checkedOptions(given));
  const startedMs = env.clock.monotonicMs();
  const state = emptyState(env, options);
  const { clock, items, flushes, reads } = state;
  const history = new History(env, dir, historyOptionsOf(options), {
    nowMs: () => clock.nowMs(),
    get lastSeq() {
      return state.durability.lastSeq;
    },
  });
  const log = await openLog(env, dir, options, state, history);
  flushes.promises.noteNeeds((slot) => log.table.at(slot));
  const behindMs = clock.catchUp(log.recovery.timeMs);
  if (behindMs > 1000) {
    env.logger.warn(
      "The clock is behind the newest record; the store's clock continues from that record, absolute expiries follow the machine's clock",
      { behindMs: Math.round(behindMs) },
    );
  }
  const large = await openLargeValues(env, dir, log, items, history);
  const cache = new ValueCache(options.cacheBytesMax);
  const counters = new StoreCounters();
  const opened = { env, options, clock, log, history, items, cache, flushes, large, counters };
  const durationMs = env.clock.monotonicMs() - startedMs;
  return new DurableStore(storeParts(opened), { keys: items.count, durationMs }, reads);
}

type State = ReturnType<typeof emptyState>;

/** Makes the empty state that the log fills when it is opened. */
function emptyState(env: Env, options: StoreOptions) {
  const table = new SegmentTable();
  const durability = new CommitDurability();
  const keydir = new Keydir({
    seed: hashSeed(env.random.bytes(SEED_BYTES)),
    recency: options.keysMax > 0 || options.bytesMax > 0,
  });
  return {
    table,
    durability,
    clock: new StoreClock(env.clock),
    items: new Items(keydir, table, durability),
    flushes: new Flushes(hashSeed(env.random.bytes(SEED_BYTES))),
    /** See DirectWrites. */
    reads: { count: 0 },
  };
}

/** Refuses the start, with nothing changed, when the clock is wrong, or when a claim or a large value proves a loss. */
function openLog(
  env: Env,
  dir: string,
  options: StoreOptions,
  state: State,
  history: History,
): Promise<Log> {
  const { clock, items, flushes, reads, table } = state;
  const usedSeconds = clock.nowSeconds();
  const logOptions = {
    segmentBytesMax: options.segmentBytesMax,
    appendBytesMin: options.appendBytesMin,
    storeClock: clock,
    history,
    reads: options.ownsThread ? reads : undefined,
    useHints: options.useHints,
    verify: async ({ storeId, restored, clean }: Recovered, { lastSeq, timeMs }: ReplayReport) => {
      if (!options.acceptClock) clock.requireNear(timeMs, dir);
      const manifest = { storeId, segments: table.ordered.map(({ entry }) => entry) };
      const sources = { image: restored === undefined };
      const claims = await readClaims(env.fs, dir, manifest, sources);
      await refuseLoss(claims, table.ordered, lastSeq, clean);
      const nowMs = Math.max(clock.nowMs(), timeMs);
      await requireLargeFiles(env.fs, dir, liveLargeReferences(items, flushes, nowMs, lastSeq));
    },
    ...(options.useHints
      ? { restore: (image: ImageFile) => restoreFrom(image, items, flushes) }
      : {}),
    onBegin: (records: number, seed: HashSeed) => items.begin(records, seed),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  };
  return Log.open(env, dir, state, logOptions, (entries, isSorted, segment) =>
    replayEntries(items, flushes, entries, isSorted, segment, usedSeconds),
  );
}

/** Opens the history and removes the files of large values that no item refers to. */
async function openLargeValues(
  env: Env,
  dir: string,
  log: Log,
  items: Items,
  history: History,
): Promise<LargeValues> {
  const large = new LargeValues(env, dir, history, (bytes) => log.checkRoom(bytes));
  try {
    await history.open();
    noteUnknownHorizons(log);
    // All that was replayed is durable: the file of an item that is forgotten now needs no commit to be removed.
    large.settle(log.watermark);
    await large.removeOrphans(items.largeIds(), items.largeIdMax);
    return large;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** A segment that an older release compacted may lack any record that was dead before this start. */
function noteUnknownHorizons({ table, lastSeq }: Log): void {
  for (const segment of table.ordered) {
    if (segment.horizon === Infinity) segment.horizon = lastSeq;
  }
}

function historyOptionsOf({ keepHistoryMs, historyBytesMax }: StoreOptions): HistoryOptions {
  return { keepMs: keepHistoryMs, bytesMax: historyBytesMax };
}

/** Checks whether the directory holds a store, so that a start would not create one. */
export async function hasStore(env: Env, dir: string): Promise<boolean> {
  return (await env.fs.kindOf(join(dir, MANIFEST_NAME))) !== undefined;
}

/** On a small disk segments are smaller, so that several fit and compaction has room to work. */
async function fitToDisk(env: Env, dir: string, options: StoreOptions): Promise<StoreOptions> {
  await env.fs.makeDir(dir);
  const share = Math.floor((await env.fs.freeBytes(dir)) / SEGMENTS_AIM);
  if (share >= options.segmentBytesMax) return options;
  const segmentBytesMax = Math.min(options.segmentBytesMax, Math.max(SEGMENT_BYTES_SMALL, share));
  return { ...options, segmentBytesMax };
}
