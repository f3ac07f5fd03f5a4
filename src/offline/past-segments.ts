// The past of a store: which segment files, of the log and of its history, hold the state at an earlier seq.
//
// A file is named by the manifest from its horizon on until it is replaced. So the files that were named together when
// a seq was the newest are, for each place in the log, those whose `replacedSeq` is the next one at or above that seq.
// Only files that were named together may be read together: a compaction drops what no older file of its time needs.
//
// A backup knows of a file that was replaced between two of its rounds only that it was named in the first: then
// `replacedSeq` is the seq of that round, lower than the truth, and the rule stays right.
//
// Invariant: a moment is read exactly or refused (KV_TOO_OLD): a file that is not kept any more is never made up for by
// one whose horizon lies above the moment.

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

/** The state after that record, at that time (Unix ms), or before the newest flush_all or delete_prefix. */
export type Moment =
  | { readonly kind: 'seq'; readonly seq: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'before-flush' };

export interface PastSegment {
  readonly segment: Segment;
  /** The newest seq when another file took its place; Infinity: none has. */
  readonly replacedSeq: number;
  /** Unix ms: until then it was in its place; Infinity: it is still. */
  readonly replacedMs: number;
}

interface Past {
  /** The files of that moment, in log order. */
  readonly table: SegmentTable;
  readonly seq: number;
}

/**
 * The files that hold the state at `moment`, of a store whose log is `live` with its end found; its files that are
 * not needed are closed. Throws KV_TOO_OLD when the moment is not kept (any more), KV_BAD_OPTION when it has not come.
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

/** The same of all files that there are of a store, which lie in `dir`. */
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

/** Closes their files. */
export async function closePast(segments: readonly PastSegment[]): Promise<void> {
  await Promise.all(segments.map(({ segment }) => segment.file.close()));
}

/** What the history of the store in `dir` has, open for reading. */
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

/** Undefined: it went meanwhile, or belongs to another store. */
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

/** The files that the manifest named when `seq` was the newest; undefined: one of them is not kept. */
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
      // What the log holds behind a record of that seq or a higher one does not matter: there was nothing of it yet.
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

/** The time of its last batch; of a compacted file that of its seal, up to which what had expired was dropped. */
async function endMsOf({ segment }: PastSegment): Promise<number> {
  let endMs = 0;
  const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next())
    endMs = batch.header.timeMs;
  return endMs;
}

/**
 * Throws KV_TOO_OLD unless `seq`, of the newest record up to that time that is kept, is that of the newest there was:
 * either its files were still in place then, or those that follow it lack nothing behind it. Nor may a compaction since
 * have dropped what had expired later, with no record in between.
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
    const seq = await newestSeq(all, (batch) =>
      batch.header.timeMs <= moment.ms ? seqsOf(batch) : [],
    );
    if (seq !== undefined) return seq;
    throw new KvError('KV_TOO_OLD', 'The store has no record as old as that', { path: dir });
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

/** Of a seal the last seq given out before it. */
function seqsOf({ header, frames }: ScannedBatch): number[] {
  return frames.length === 0 ? [header.firstSeq] : frames.map(({ record }) => record.seq);
}

/** What kills at once, a promise that is carried out too. */
function isFlush(record: LogRecord): boolean {
  if (record.type === RECORD.deletePrefix) return true;
  return record.type === RECORD.flush && !isFlushPromise(record);
}

/** The highest seq that `seqsIn` names, looked for from the newest file on, as far as it must be. */
async function newestSeq(
  all: readonly PastSegment[],
  seqsIn: (batch: ScannedBatch) => readonly number[],
): Promise<number | undefined> {
  let newest: number | undefined;
  // Of a file that an unclean stop cut short, the copy of the next generation goes on.
  const byAge = all.toSorted(
    ({ segment: a }, { segment: b }) => b.last - a.last || b.generation - a.generation,
  );
  for (const { segment } of byAge) {
    const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      for (const seq of seqsIn(batch)) newest = Math.max(newest ?? 0, seq);
    }
    // Files that lack nothing hold all seqs between their first and their last.
    if (newest !== undefined && segment.horizon === 0) break;
  }
  return newest;
}

/** Where the history has large values, by their ids. */
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
