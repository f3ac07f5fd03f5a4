// Replay: visits every record in log order, for sealed segments from their hints if these are good. It also tells
// the torn tail from corruption (docs/recovery.md). It only reads; recovery repairs.
//
// Invariants:
// - A sealed segment is whole up to its length, or the start is refused.
// - In an open segment, bad bytes at X are corruption exactly if a valid later batch says that X was already
//   durable when that batch was built; otherwise the log ends at X.

import { KvError } from '../../errors.js';
import { staleKeysNote } from '../damage/damaged-keys.js';
import { EntryListBuilder } from '../bytes/entry-list.js';
import type { EntryList } from '../bytes/entry-list.js';
import { BATCH_KIND, frameSeqAt } from '../bytes/format.js';
import type { BatchHeader } from '../bytes/format.js';
import { hashEntries, inHashOrder } from '../bytes/entry-order.js';
import type { HintFacts, HintHead, ReplayedSegment } from '../bytes/hint.js';
import type { HintReader } from '../segments/hint-reader.js';
import type { HashSeed } from '../bytes/key-hash.js';
import type { Segment, SegmentTable } from '../segments/segment.js';
import { SegmentScanner } from '../segments/segment-scanner.js';
import type { ScannedBatch } from '../segments/segment-scanner.js';

const CHECK_BYTES = 1024 * 1024;
/** With values of 100 bytes, a segment is three times as long as its entry list. */
const ENTRIES_SHARE = 3;

/**
 * Called with all records of a segment and their hashes: in hash order (entry-order.ts) if `isSorted`, otherwise in
 * log order. The segments come in log order. The list is valid until the call returns.
 */
export type Visit = (entries: EntryList, isSorted: boolean, segment: Segment) => void;

/** Segments that the search for the tail has already read, by their last number. */
export type Scans = ReadonlyMap<number, ReplayedSegment>;

export interface Tail {
  readonly segment: Segment;
  /** Durable end of the log. */
  readonly end: number;
  /** True when the last batch is a clean seal and only zeros follow. */
  readonly clean: boolean;
  /** Bytes of an incomplete last batch. */
  readonly tornBytes: number;
  /** The successor that was never written to. */
  readonly blank: Segment | undefined;
  /** The scans of the open segments that have batches. */
  readonly scans: Scans;
}

interface OpenScan extends ReplayedSegment {
  readonly end: number;
  /** Number of bytes after the end, up to the last byte that is not zero. */
  readonly tornBytes: number;
  readonly first: BatchHeader | undefined;
  readonly last: BatchHeader | undefined;
}

/** Finds the end of the log. Seals (in memory) an open segment that a later one proves complete. */
export async function findTail(table: SegmentTable): Promise<Tail> {
  const open = table.ordered.filter((segment) => !segment.sealed);
  const [older, newer] = open;
  if (older === undefined) throw new KvError('KV_CORRUPTION', 'The manifest names no open segment');
  // In parallel: one segment is read while the other is checked.
  const scanning = open.slice(0, 2).map((segment) => scanOpen(segment));
  await Promise.allSettled(scanning);
  const scan = await scanning[0]!;
  const newerScan = await scanning[1];
  if (newer !== undefined && newerScan?.first !== undefined) {
    await checkComplete(older, scan.end, newerScan.first);
    older.sealed = true;
    older.committedBytes = scan.end;
    const scans = new Map([
      [older.last, scan],
      [newer.last, newerScan],
    ]);
    return tailOf(newer, newerScan, undefined, scans);
  }
  return tailOf(older, scan, newer, new Map([[older.last, scan]]));
}

function tailOf(
  segment: Segment,
  { end, tornBytes, last }: OpenScan,
  blank: Segment | undefined,
  scans: Scans,
): Tail {
  const clean = last?.kind === BATCH_KIND.cleanSeal && tornBytes === 0;
  segment.committedBytes = end;
  return { segment, end, clean, tornBytes, blank, scans };
}

/** Scans every batch of an open segment; throws when a later batch proves that a defect is damage. */
async function scanOpen(segment: Segment): Promise<OpenScan> {
  const size = await segment.file.size();
  const scanner = new SegmentScanner(segment.file, segment.salt, size);
  const { first, last, ...replayed } = await scanAll(scanner, size);
  const end = scanner.position;
  const tornBytes = await dirtyBytes(segment, end);
  // Most logs end with zeros, in which there is no batch to find.
  if (scanner.defect !== undefined && tornBytes > 0) {
    for (
      let later = await scanner.resync();
      later !== undefined;
      later = (await scanner.next()) ?? (scanner.defect && (await scanner.resync()))
    ) {
      if (provesDurable(later.header, segment, end)) throw await corruption(segment, end, later);
    }
  }
  return { ...replayed, end, tornBytes, first, last };
}

interface WholeScan extends ReplayedSegment {
  readonly first: BatchHeader | undefined;
  readonly last: BatchHeader | undefined;
}

/** Scans every batch of a segment up to its end or a defect; `segmentBytes` sizes the entry list. */
async function scanAll(
  scanner: SegmentScanner,
  segmentBytes: number,
  seqMax = Infinity,
): Promise<WholeScan> {
  scanner.reusesWindow = true;
  const entries = new EntryListBuilder(segmentBytes / ENTRIES_SHARE);
  let first: BatchHeader | undefined;
  let last: BatchHeader | undefined;
  let lastSeq = 0;
  let timeMs = 0;
  const take = (source: Buffer, at: number, offset: number): void => {
    if (seqMax === Infinity || frameSeqAt(source, at) <= seqMax)
      entries.addFrame(source, at, offset);
  };
  for (let header = await scanner.nextInto(take); header !== undefined;) {
    first ??= header;
    last = header;
    // For a seal, firstSeq is the last seq that was given to a record before it.
    if (header.firstSeq <= seqMax) {
      lastSeq = Math.max(lastSeq, header.firstSeq);
      timeMs = Math.max(timeMs, header.timeMs);
    }
    header = await scanner.nextInto(take);
  }
  return { entries, facts: { lastSeq: Math.max(lastSeq, entries.lastSeq), timeMs }, first, last };
}

function provesDurable(header: BatchHeader, segment: Segment, offset: number): boolean {
  if (header.durableSegment !== segment.last) return header.durableSegment > segment.last;
  return header.durableOffset > offset;
}

async function checkComplete(older: Segment, end: number, next: BatchHeader): Promise<void> {
  if (next.durableSegment === older.last && next.durableOffset === end) return;
  throw new KvError(
    'KV_CORRUPTION',
    `Acknowledged records are damaged: the next segment proves this one whole up to byte ${next.durableOffset}${await staleKeysNote(older, end)}`,
    { path: older.file.path, offset: end },
  );
}

async function corruption(
  segment: Segment,
  offset: number,
  { offset: provedBy }: ScannedBatch,
): Promise<KvError> {
  const keys = await staleKeysNote(segment, offset);
  return new KvError(
    'KV_CORRUPTION',
    `Acknowledged records are damaged: the batch at byte ${provedBy} proves that these bytes were on disk${keys}; kv-check names all that is damaged`,
    { path: segment.file.path, offset },
  );
}

/** Returns the number of bytes from `start` to the last byte that is not zero. */
export async function dirtyBytes(segment: Segment, start: number): Promise<number> {
  const size = await segment.file.size();
  const chunkBytes = Math.min(CHECK_BYTES, Math.max(0, size - start));
  const zeros = Buffer.alloc(chunkBytes);
  const chunk = Buffer.alloc(chunkBytes);
  let dirtyEnd = start;
  for (let offset = start; offset < size; offset += CHECK_BYTES) {
    const count = await segment.file.read(
      chunk.subarray(0, Math.min(CHECK_BYTES, size - offset)),
      offset,
    );
    const bytes = chunk.subarray(0, count);
    if (bytes.equals(zeros.subarray(0, count))) continue;
    let last = count - 1;
    while (bytes[last] === 0) last -= 1;
    dirtyEnd = offset + last + 1;
  }
  return dirtyEnd - start;
}

export interface ReplayReport extends HintFacts {
  /** Sealed segments that were scanned because they had no good hint; they should get one. */
  readonly scanned: readonly Segment[];
  readonly hashSeed: HashSeed;
}

export interface ReplayOptions {
  /** The reader that may already have begun the first segment's hint. */
  readonly hints: HintReader;
  /** The seed to use when no hint has the seed of the store's keys. */
  readonly hashSeed: HashSeed;
  /** Records with a higher seq are skipped. Then `hints` must find no hint, and `scans` must be empty. */
  readonly seqMax?: number;
  /** The next step that an error about damage names; by default kv-check. */
  readonly advice?: string;
  /** Called before the first visit with about how many records will be visited, and the seed of their hashes. */
  readonly onBegin?: (records: number, seed: HashSeed) => void;
  /** Called after each segment. */
  readonly onProgress?: (segmentsDone: number, segmentsTotal: number) => void;
}

/** Visits every record up to each segment's `committedBytes`, in log order. */
export async function replay(
  segments: readonly Segment[],
  scans: Scans,
  visit: Visit,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { hints, seqMax, advice } = options;
  let lastSeq = 0;
  let timeMs = 0;
  const scanned: Segment[] = [];
  const heads = new Map<Segment, HintHead>();
  for (const segment of segments) {
    const head = await hints.peek(segment);
    if (head !== undefined) heads.set(segment, head);
  }
  const [first] = heads.values();
  const hashSeed = first?.seed ?? options.hashSeed;
  options.onBegin?.(expectedRecords(segments, heads, scans), hashSeed);
  for (const [index, segment] of segments.entries()) {
    const hinted = await hints.load(segment);
    if (segment.sealed && hinted === undefined) scanned.push(segment);
    const replayed =
      hinted ?? scans.get(segment.last) ?? (await scanSealed(segment, seqMax, advice));
    // The next hint is read from the disk while `visit` takes in this one.
    hints.begin(segments[index + 1]);
    const { entries, seed } = replayed;
    const isReady = seed?.k0 === hashSeed.k0 && seed.k1 === hashSeed.k1;
    if (!isReady) hashEntries(entries, hashSeed);
    // A hint with another seed has another hash order and is sorted again; a scan is in log order.
    const isStray = seed !== undefined && !isReady;
    visit(isStray ? inHashOrder(entries, 0) : entries, seed !== undefined, segment);
    lastSeq = Math.max(lastSeq, replayed.facts.lastSeq);
    timeMs = Math.max(timeMs, replayed.facts.timeMs);
    options.onProgress?.(index + 1, segments.length);
  }
  return { lastSeq, timeMs, scanned, hashSeed };
}

/** Estimates the number of records: segments without a count get the others' per byte, at most as many in all. */
function expectedRecords(
  segments: readonly Segment[],
  heads: ReadonlyMap<Segment, HintHead>,
  scans: Scans,
): number {
  let records = 0;
  let knownBytes = 0;
  let allBytes = 0;
  for (const segment of segments) {
    const count = scans.get(segment.last)?.entries.count ?? heads.get(segment)?.count ?? 0;
    records += count;
    if (count > 0) knownBytes += segment.committedBytes;
    allBytes += segment.committedBytes;
  }
  return records === 0 ? 0 : Math.round(records * Math.min(2, allBytes / knownBytes));
}

/** Scans a segment that must be whole; throws KV_CORRUPTION with the place of the first defect. */
async function scanSealed(
  segment: Segment,
  seqMax = Infinity,
  advice = 'kv-check names all that is damaged',
): Promise<ReplayedSegment> {
  const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
  const replayed = await scanAll(scanner, segment.committedBytes, seqMax);
  if (scanner.defect === undefined) return replayed;
  const keys = await staleKeysNote(segment, scanner.defect.offset);
  throw new KvError(
    'KV_CORRUPTION',
    `A sealed segment is damaged (${scanner.defect.defect})${keys}; ${advice}`,
    { path: segment.file.path, offset: scanner.defect.offset },
  );
}
