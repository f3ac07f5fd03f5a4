// The past of a store: which segment files, of the log and of its history, hold the state at an earlier seq.
//
// A file is named by the manifest from its horizon on until it is replaced. So the files that were named together when
// a seq was the newest are, for each place in the log, those whose `replacedSeq` is the next one at or above that seq.
// Only files that were named together may be read together: a compaction drops what no older file of its time needs.
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

interface PastSegment {
  readonly segment: Segment;
  /** The newest seq when another file took its place; Infinity: none has. */
  readonly replacedSeq: number;
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
  const all = live.ordered.map((segment) => ({ segment, replacedSeq: Infinity }));
  try {
    await addHistory(fs, dir, storeId, all);
    const seq = await seqOf(moment, all, dir);
    const chosen = segmentsAt(seq, all);
    if (chosen === undefined) throw tooOld(seq, all, dir);
    const table = new SegmentTable();
    for (const { segment } of chosen) {
      const copy = table.add(segment.entry, segment.file);
      copy.sealed = true;
      copy.committedBytes = segment.committedBytes;
    }
    const used = new Set(chosen);
    await closeAll(all.filter((past) => !used.has(past)));
    return { table, seq };
  } catch (error) {
    await closeAll(all);
    throw error;
  }
}

async function closeAll(segments: readonly PastSegment[]): Promise<void> {
  await Promise.all(segments.map(({ segment }) => segment.file.close()));
}

async function addHistory(fs: Fs, dir: string, storeId: string, all: PastSegment[]): Promise<void> {
  const folder = join(dir, HISTORY_NAME);
  if ((await fs.kindOf(folder)) !== 'directory') return;
  const table = new SegmentTable();
  for (const name of await fs.list(folder)) {
    const kept = parseKeptName(name);
    if (kept === undefined || !('horizon' in kept)) continue;
    const past = await openKept(fs, join(folder, name), storeId, kept, table);
    if (past !== undefined) all.push(past);
  }
}

/** Undefined: it went meanwhile, or belongs to another store. */
async function openKept(
  fs: Fs,
  path: string,
  storeId: string,
  { last, generation, bytes, horizon, replacedSeq }: KeptSegment,
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
  return { segment, replacedSeq };
}

/** The files that the manifest named when `seq` was the newest; undefined: one of them is not kept. */
function segmentsAt(seq: number, all: readonly PastSegment[]): PastSegment[] | undefined {
  const end = Math.max(...all.map(({ segment }) => segment.last));
  const chosen: PastSegment[] = [];
  for (let next = 1; next <= end;) {
    const [named] = all
      .filter(({ segment, replacedSeq }) => segment.first === next && replacedSeq >= seq)
      .toSorted((a, b) => a.replacedSeq - b.replacedSeq);
    if (named === undefined || named.segment.horizon > seq) return undefined;
    chosen.push(named);
    next = named.segment.last + 1;
  }
  return chosen;
}

function tooOld(seq: number, all: readonly PastSegment[], dir: string): KvError {
  const from = all
    .map(({ segment }) => segment.horizon)
    .filter((horizon) => horizon > seq && Number.isFinite(horizon))
    .toSorted((a, b) => a - b)
    .find((horizon) => segmentsAt(horizon, all) !== undefined);
  const kept = from === undefined ? 'nothing of the past' : `the past from seq ${from} on`;
  const message = `The state at seq ${seq} is not kept; there is ${kept} (--keep-history)`;
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
  const byAge = all.toSorted(
    ({ segment: a }, { segment: b }) => b.last - a.last || a.generation - b.generation,
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
