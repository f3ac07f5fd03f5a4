// Log cut: opens the log of a store at one seq for a backup, with the length of each file that belongs to it. It takes
// no lock and changes nothing, whether a server runs on the directory, has stopped or has crashed.
//
// Invariants:
// - Every record that is in the log when the cut begins is in it: a record that got STORED before is in the backup.
// - With a running server, the cut has only records that the log proves to be on the disk: no power loss takes back a
//   record that is in a backup.
// - No file lacks a record that was still needed at the seq of the cut (the horizons of compacted segments).

import type { Env } from '../../env/env.js';
import type { Manifest } from '../../log/bytes/manifest.js';
import { SEGMENT_HEADER_BYTES, frameSeqAt, type BatchHeader } from '../../log/bytes/format.js';
import { openSegments } from '../../log/segments/directory.js';
import { SegmentScanner } from '../../log/segments/segment-scanner.js';
import type { Segment, SegmentTable } from '../../log/segments/segment.js';
import { findTail } from '../../log/recovery/replay.js';
import { readClaims, refuseLoss } from '../../store/restart/loss-proof.js';
import { settled } from '../settled.js';
import { requireManifest } from '../store-reader.js';

/** A log that ends with a seal and has not grown for this many looks is complete: its server is idle. */
const STILL_LOOKS = 3;
/** An idle server proves its last batch within a second. After this many looks the log is taken as it is. */
const LOOKS_MAX = 100;
const PAUSE_MS = 100;

export interface CutSegment {
  readonly segment: Segment;
  /** Length up to the end of its last batch in the cut. */
  readonly bytes: number;
  /** True when the MANIFEST calls it sealed: nothing writes to its file any more. */
  readonly isSealed: boolean;
}

export interface LogCut {
  readonly storeId: string;
  readonly seq: number;
  /** Every record up to this time is before the cut, Unix ms on the store's clock. */
  readonly atMs: number;
  /** In log order; empty only for a store without a record. */
  readonly segments: readonly CutSegment[];
  close(): Promise<void>;
}

/** A place in the log. */
interface Place {
  readonly last: number;
  readonly offset: number;
}

interface Look {
  readonly manifest: Manifest;
  readonly table: SegmentTable;
  /** The end of the log, and the place up to which it is proved to be on the disk. */
  readonly end: Place;
  readonly proved: Place;
  /** True when the log ends with a seal. */
  readonly isSealed: boolean;
}

/** Cuts the log of the store in `dir`. Throws KV_NOT_A_STORE, KV_CORRUPTION, KV_FORMAT_VERSION. */
export async function cutLog(
  env: Env,
  dir: string,
  isServed: () => Promise<boolean>,
): Promise<LogCut> {
  const beganMs = env.clock.wallMs();
  let goal: Place | undefined;
  let before: Place | undefined;
  let still = 0;
  for (let looks = 1; ; looks += 1) {
    const served = await isServed();
    const look = await settled(() => lookAt(env, dir));
    goal ??= look.end;
    still = before !== undefined && isBehind(before, look.end) ? still + 1 : 0;
    before = look.end;
    const isOver = !served || looks === LOOKS_MAX || (still >= STILL_LOOKS && look.isSealed);
    const cut = await look.table.closedOnFailure(cutAt(look, isOver ? look.end : look.proved));
    const isExact = cut.segments.every(
      ({ segment: { horizon } }) => horizon <= cut.seq || horizon === Infinity,
    );
    if (isOver || (isExact && isBehind(look.proved, goal))) {
      return { ...cut, atMs: Math.max(beganMs, cut.atMs) };
    }
    await cut.close();
    await new Promise<void>((resolve) => env.clock.setTimer(PAUSE_MS, resolve));
  }
}

/** Returns the newest seq in the log, even if it is not proved to be on the disk. */
export async function newestSeq(env: Env, dir: string): Promise<number> {
  const look = await settled(() => lookAt(env, dir));
  const cut = await look.table.closedOnFailure(cutAt(look, look.end));
  await cut.close();
  return cut.seq;
}

async function lookAt(env: Env, dir: string): Promise<Look> {
  const manifest = await requireManifest(env, dir);
  // Claims are read before the log, so that the log must reach them even while a server writes on.
  const claims = await readClaims(env.fs, dir, manifest);
  const table = await openSegments(env.fs, dir, manifest);
  return table.closedOnFailure(
    (async () => {
      const tail = await findTail(table);
      const end = { last: tail.segment.last, offset: tail.end };
      const { last, lastSeq } = await scanned(tail.segment, tail.end);
      const isSealed = last?.frameCount === 0;
      const look = { manifest, table, end, proved: provedBy(last, end), isSealed };
      const seq = lastSeq > 0 ? lastSeq : (await cutAt(look, end)).seq;
      await refuseLoss(claims, table.ordered, Math.max(seq, last?.firstSeq ?? 0), tail.clean);
      return look;
    })(),
  );
}

/** Returns the place up to which the last batch proves the log. A seal is written when all before it is on the disk. */
function provedBy(last: BatchHeader | undefined, end: Place): Place {
  if (last === undefined || last.frameCount === 0) return end;
  if (last.durableSegment === end.last) return { last: end.last, offset: last.durableOffset };
  return { last: end.last, offset: SEGMENT_HEADER_BYTES };
}

function isBehind(place: Place, goal: Place): boolean {
  return place.last > goal.last || (place.last === goal.last && place.offset >= goal.offset);
}

async function cutAt({ manifest, table }: Look, end: Place): Promise<LogCut> {
  const sealed = new Set(
    manifest.segments.filter((each) => each.bytes !== null).map(({ last }) => last),
  );
  const segments = table.ordered
    .filter(({ last }) => last <= end.last)
    .map((segment) => ({
      segment,
      bytes: segment.last === end.last ? end.offset : segment.committedBytes,
      isSealed: sealed.has(segment.last),
    }))
    .filter(({ bytes }) => bytes > SEGMENT_HEADER_BYTES);
  const { storeId } = manifest;
  const close = (): Promise<void> => table.close();
  let atMs = 0;
  for (const { segment, bytes } of segments.toReversed()) {
    const { last, lastSeq } = await scanned(segment, bytes);
    if (last !== undefined) atMs = Math.max(atMs, last.timeMs);
    if (lastSeq > 0) return { storeId, seq: lastSeq, atMs, segments, close };
  }
  return { storeId, seq: 0, atMs, segments, close };
}

interface Scanned {
  readonly last: BatchHeader | undefined;
  readonly lastSeq: number;
}

async function scanned({ file, salt, horizon }: Segment, bytes: number): Promise<Scanned> {
  const scanner = new SegmentScanner(file, salt, bytes);
  scanner.reusesWindow = true;
  let last: BatchHeader | undefined;
  let lastSeq = 0;
  const take = (source: Buffer, at: number): void => {
    lastSeq = Math.max(lastSeq, frameSeqAt(source, at));
  };
  for (let header = await scanner.nextInto(take); header !== undefined;) {
    // A seal has the last seq given to a record, but that record may come after the seal. In a compacted segment the
    // seal counts, because the compaction had read the record.
    if (header.frameCount > 0 || horizon > 0) lastSeq = Math.max(lastSeq, header.firstSeq);
    last = header;
    header = await scanner.nextInto(take);
  }
  return { last, lastSeq };
}
