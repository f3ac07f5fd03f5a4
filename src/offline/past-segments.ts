// The past of a store: finds the segment files, of the log and of its history, that hold the state at an earlier seq.
//
// The manifest names a file from the file's horizon on until the file is replaced. So the manifest of the time when a
// seq was the newest named, for each place in the log, the file with the lowest `replacedSeq` at or above that seq.
// Only files that one manifest named may be read together: a compaction drops what no older file of its time needs.
//
// If a file was replaced between two rounds of a backup, the backup only knows that the manifest named it in the first
// round. Then `replacedSeq` is the seq of that round, which is lower than the true one, and the rule is still right.
//
// Invariant: a moment is read exactly or refused (KV_TOO_OLD): a file with a horizon above the moment never stands in
// for a file that is no longer kept.

import { join } from 'node:path';

import type { Fs } from '../env/env.js';
import { KvError } from '../errors.js';
import { HISTORY_NAME, parseKeptName, type KeptSegment } from '../log/bytes/file-names.js';
import { isFlushPromise } from '../log/bytes/entry-list.js';
import { RECORD } from '../log/bytes/format.js';
import type { LogRecord } from '../log/bytes/format.js';
import { readHeader } from '../log/segments/directory.js';
import { SegmentScanner } from '../log/segments/segment-scanner.js';
import type { ScannedBatch } from '../log/segments/segment-scanner.js';
import { SegmentTable, type Segment } from '../log/segments/segment.js';

/** A moment: after the record `seq`, at the time `ms` (Unix ms), or before the newest flush_all or delete_prefix. */
export type Moment =
  | { readonly kind: 'seq'; readonly seq: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'before-flush' };

export interface PastSegment {
  readonly segment: Segment;
  /** The newest seq when another file replaced it; Infinity: it was not replaced. */
  readonly replacedSeq: number;
  /** The time when it was replaced, Unix ms; Infinity: it was not replaced. */
  readonly replacedMs: number;
}

interface Past {
  /** The files of that moment, in log order. */
  readonly table: SegmentTable;
  readonly seq: number;
}

/**
 * Opens the files that hold the state at `moment` of a store whose log is `live`; closes files that are not needed.
 * Requires: the end of `live` was found. Throws KV_TOO_OLD when the moment is not kept, KV_BAD_OPTION when it is in the
 * future.
 */
export async function openPast(
  fs: Fs,
  dir: string,
  storeId: string,
  live: SegmentTable,
  moment: Moment,
): Promise<Past> {
  const now = { replacedSeq: Infinity, replacedMs: Infinity };
  const all = live.ordered.map((segment) => ({ segment, ...now }));
  try {
    all.push(...(await openHistory(fs, dir, storeId)));
  } catch (error) {
    await closePast(all);
    throw error;
  }
  return pastAt(all, moment, dir);
}

/** As openPast, with all files that exist of a store in `dir`, already open. */
export async function pastAt(
  all: readonly PastSegment[],
  moment: Moment,
  dir: string,
): Promise<Past> {
  try {
    const seq = await seqOf(moment, all, dir);
    const chosen = await segmentsAt(seq, all);
    if (chosen === undefined) throw await tooOld(`The state at seq ${seq}`, seq, all, dir);
    if (moment.kind === 'time') await requireWholeUntil(moment.ms, seq, chosen, all, dir);
    const table = new SegmentTable();
    for (const { segment } of chosen) {
      const copy = table.add(segment.entry, segment.file);
      copy.sealed = true;
      copy.committedBytes = segment.committedBytes;
    }
    const used = new Set(chosen);
    await closePast(all.filter((past) => !used.has(past)));
    return { table, seq };
  } catch (error) {
    await closePast(all);
    throw error;
  }
}

/** Closes the files of the segments. */
export async function closePast(segments: readonly PastSegment[]): Promise<void> {
  await Promise.all(segments.map(({ segment }) => segment.file.close()));
}

/** Opens all segments in the history of the store in `dir` for reading. */
export async function openHistory(fs: Fs, dir: string, storeId: string): Promise<PastSegment[]> {
  const folder = join(dir, HISTORY_NAME);
  if ((await fs.kindOf(folder)) !== 'directory') return [];
  const table = new SegmentTable();
  const found: PastSegment[] = [];
  try {
    for (const name of await fs.list(folder)) {
      const kept = parseKeptName(name);
      if (kept === undefined || !('horizon' in kept)) continue;
      const past = await openKept(fs, join(folder, name), storeId, kept, table);
      if (past !== undefined) found.push(past);
    }
    return found;
  } catch (error) {
    await closePast(found);
    throw error;
  }
}

/** Opens a segment of the history; returns undefined when it was removed meanwhile or belongs to another store. */
async function openKept(
  fs: Fs,
  path: string,
  storeId: string,
  { last, generation, bytes, horizon, replacedSeq, replacedMs }: KeptSegment,
  table: SegmentTable,
): Promise<PastSegment | undefined> {
  if ((await fs.kindOf(path)) === undefined) return undefined;
  const file = await fs.open(path, 'read');
  const header = await readHeader(file);
  if (header.storeId.toString('hex') !== storeId) {
    await file.close();
    return undefined;
  }
  const { first, salt } = header;
  const segment = table.create({ first, last, generation, salt, horizon }, file);
  segment.sealed = true;
  segment.committedBytes = bytes;
  return { segment, replacedSeq, replacedMs };
}

/** Returns the files that the manifest named when `seq` was the newest; undefined when one of them is not kept. */
async function segmentsAt(
  seq: number,
  all: readonly PastSegment[],
): Promise<PastSegment[] | undefined> {
  // Before the first record there was nothing.
  if (seq === 0) return [];
  const end = Math.max(...all.map(({ segment }) => segment.last));
  const chosen: PastSegment[] = [];
  for (let next = 1; next <= end;) {
    const [named] = all
      .filter(({ segment, replacedSeq }) => segment.first === next && replacedSeq >= seq)
      .toSorted(
        (a, b) => a.replacedSeq - b.replacedSeq || a.segment.generation - b.segment.generation,
      );
    if (named === undefined || named.segment.horizon > seq) {
      // Files after a record with this seq or a higher one are not needed: at that moment they did not exist.
      const before = chosen.at(-1);
      return before !== undefined && (await lastSeqOf(before)) >= seq ? chosen : undefined;
    }
    chosen.push(named);
    next = named.segment.last + 1;
  }
  return chosen;
}

async function lastSeqOf({ segment }: PastSegment): Promise<number> {
  let last = 0;
  const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
    for (const seq of seqsOf(batch)) last = Math.max(last, seq);
  }
  return last;
}

/** Returns the time of its last batch; in a compacted file that is the seal, up to whose time expired items were dropped. */
async function endMsOf({ segment }: PastSegment): Promise<number> {
  let endMs = 0;
  const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next())
    endMs = batch.header.timeMs;
  return endMs;
}

/**
 * Throws KV_TOO_OLD unless the state after `seq`, the newest kept record up to time `ms`, is the state at `ms`. Either
 * the files of `seq` were in the log until `ms`, or the files that followed them lack no record after `seq`. Also, no
 * compaction with horizon `seq` may have dropped items that expired after `ms`.
 */
async function requireWholeUntil(
  ms: number,
  seq: number,
  chosen: readonly PastSegment[],
  all: readonly PastSegment[],
  dir: string,
): Promise<void> {
  const newest = chosen.filter(({ segment: { horizon } }) => horizon === seq);
  const judgedMs = await Promise.all(newest.map((each) => endMsOf(each)));
  const isUnjudged = judgedMs.every((each) => each <= ms);
  if (isUnjudged && chosen.every(({ replacedMs }) => replacedMs >= ms)) return;
  const next = await segmentsAt(seq + 1, all);
  if (isUnjudged && next?.every(({ segment }) => segment.horizon <= seq) === true) return;
  throw await tooOld(`The state at ${new Date(ms).toISOString()}`, seq, all, dir);
}

async function tooOld(
  what: string,
  seq: number,
  all: readonly PastSegment[],
  dir: string,
): Promise<KvError> {
  const horizons = all
    .map(({ segment }) => segment.horizon)
    .filter((horizon) => horizon > seq && Number.isFinite(horizon))
    .toSorted((a, b) => a - b);
  let from: number | undefined;
  for (const horizon of new Set(horizons)) {
    if (from === undefined && (await segmentsAt(horizon, all)) !== undefined) from = horizon;
  }
  const before = all
    .map(({ replacedSeq }) => replacedSeq)
    .filter((replaced) => replaced <= seq)
    .toSorted((a, b) => b - a);
  let upTo: number | undefined;
  for (const replaced of new Set(before)) {
    if (upTo === undefined && (await segmentsAt(replaced, all)) !== undefined) upTo = replaced;
  }
  const later = from === undefined ? 'nothing later' : `the past from seq ${from} on`;
  const earlier = upTo === undefined ? 'nothing of the past' : `the state at seq ${upTo}`;
  const kept =
    upTo === undefined ? (from === undefined ? earlier : later) : `${earlier}, and ${later}`;
  const message = `${what} is not kept; there is ${kept} (--keep-history)`;
  return new KvError('KV_TOO_OLD', message, { path: dir });
}

async function seqOf(moment: Moment, all: readonly PastSegment[], dir: string): Promise<number> {
  if (moment.kind === 'time') {
    let oldestMs = Infinity;
    const seq = await newestSeq(all, (batch) => {
      oldestMs = Math.min(oldestMs, batch.header.timeMs);
      return batch.header.timeMs <= moment.ms ? seqsOf(batch) : [];
    });
    if (seq !== undefined) return seq;
    const oldest = Number.isFinite(oldestMs)
      ? `; the oldest is of ${new Date(oldestMs).toISOString()}`
      : '';
    const message = `The store has no record as old as that${oldest}`;
    throw new KvError('KV_TOO_OLD', message, { path: dir });
  }
  if (moment.kind === 'before-flush') {
    const seq = await newestSeq(all, ({ frames }) =>
      frames.filter(({ record }) => isFlush(record)).map(({ record }) => record.seq),
    );
    if (seq !== undefined) return seq - 1;
    throw new KvError('KV_TOO_OLD', 'No flush_all or delete_prefix is kept', { path: dir });
  }
  const newest = (await newestSeq(all, seqsOf)) ?? 0;
  if (moment.seq <= newest) return moment.seq;
  throw new KvError('KV_BAD_OPTION', `The newest record has seq ${newest}`, { path: dir });
}

/** Returns the seqs of a batch's records; for a seal, the last seq that was given to a record before it. */
function seqsOf({ header, frames }: ScannedBatch): number[] {
  return frames.length === 0 ? [header.firstSeq] : frames.map(({ record }) => record.seq);
}

/** Checks whether a record removes items at once; a flush that carries out a delayed one does too. */
function isFlush(record: LogRecord): boolean {
  if (record.type === RECORD.deletePrefix) return true;
  return record.type === RECORD.flush && !isFlushPromise(record);
}

/** Returns the highest seq that `seqsIn` returns for any batch; reads from the newest file backwards as far as needed. */
async function newestSeq(
  all: readonly PastSegment[],
  seqsIn: (batch: ScannedBatch) => readonly number[],
): Promise<number | undefined> {
  let newest: number | undefined;
  // After an unclean stop, the copy with the next generation continues the file, so it is read first.
  const byAge = all.toSorted(
    ({ segment: a }, { segment: b }) => b.last - a.last || b.generation - a.generation,
  );
  for (const { segment } of byAge) {
    const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      for (const seq of seqsIn(batch)) newest = Math.max(newest ?? 0, seq);
    }
    // A file that lacks no record has all seqs between its first and its last.
    if (newest !== undefined && segment.horizon === 0) break;
  }
  return newest;
}

/** Returns the paths of the large values in the history, by their ids. */
export async function keptLargeFiles(fs: Fs, dir: string): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  const folder = join(dir, HISTORY_NAME);
  if ((await fs.kindOf(folder)) !== 'directory') return found;
  for (const name of await fs.list(folder)) {
    const kept = parseKeptName(name);
    if (kept !== undefined && 'id' in kept) found.set(kept.id, join(folder, name));
  }
  return found;
}
