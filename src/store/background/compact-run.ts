// The task 'compact': copies the records that are still needed of a run of sealed segments into one new file. The
// main thread judges each record (it has the keydir); the worker reads, writes and syncs.
//
// Invariants:
// - The output keeps the order of the log, and its times and seqs never go back.
// - The worker writes the output under a temporary name and syncs it before it tells the main thread.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { assert } from '../../assert.js';
import { KvError } from '../../errors.js';
import {
  EntryListBuilder,
  addMarksAt,
  expiresAtAt,
  nextWord,
  offsetAt,
  wordsOf,
} from '../../log/bytes/entry-list.js';
import { hashEntries } from '../../log/bytes/entry-order.js';
import { segmentName } from '../../log/bytes/file-names.js';
import {
  RECORD_MARK,
  RECORD,
  frameExpiresAt,
  frameRecord,
  placeSeed,
} from '../../log/bytes/format.js';
import type { HashSeed } from '../../log/bytes/key-hash.js';
import { SegmentScanner } from '../../log/segments/segment-scanner.js';
import type { TakeFrame } from '../../log/segments/segment-scanner.js';
import { CompactedSegmentWriter } from '../../log/segments/compacted-segment-writer.js';
import { VERDICT } from './messages.js';
import type { CompactTask, Line, SegmentPlace } from './messages.js';

const NO_VALUE = Buffer.alloc(0);
/** Records are judged in lots of about this many bytes of segment. */
const LOT_BYTES = 1024 * 1024;
/** Bound of a lot: judging so many nearly always takes one turn of the main thread, well below a millisecond. */
const LOT_RECORDS = 1500;

export async function compactRun(
  fs: Fs,
  dir: string,
  task: CompactTask,
  line: Line,
): Promise<void> {
  const path = join(dir, task.temporaryName);
  const file = await fs.open(path, 'create');
  try {
    const writer = await CompactedSegmentWriter.create(file, task);
    for (const segment of task.run) await copySegment(fs, dir, segment, task, writer, line);
    const finished = await writer.finish();
    line.post({ done: 'compact', ...finished }, [finished.hint.buffer as ArrayBuffer]);
  } finally {
    await file.close();
  }
}

async function copySegment(
  fs: Fs,
  dir: string,
  segment: SegmentPlace,
  { hashSeed }: CompactTask,
  writer: CompactedSegmentWriter,
  line: Line,
): Promise<void> {
  const path = join(dir, segmentName(segment.last, segment.generation));
  const file: File = await fs.open(path, 'read');
  try {
    const scanner = new SegmentScanner(file, segment.salt, segment.committedBytes);
    let gathering = new Lot();
    let full: Lot[] = [];
    const take: TakeFrame = (source, at, offset, bytes) => {
      if (gathering.isFull) {
        full.push(gathering);
        gathering = new Lot();
      }
      gathering.add(source, at, offset, bytes);
    };
    const copyFull = async (): Promise<void> => {
      for (const lot of full) await copyLot(lot, segment.salt, hashSeed, writer, line);
      full = [];
    };
    for (let header = await scanner.nextInto(take); header !== undefined;) {
      writer.noteBatch(header.timeMs, header.firstSeq);
      await copyFull();
      header = await scanner.nextInto(take);
    }
    full.push(gathering);
    await copyFull();
    if (scanner.defect === undefined) return;
    throw new KvError('KV_CORRUPTION', `A sealed segment is damaged (${scanner.defect.defect})`, {
      path,
      offset: scanner.defect.offset,
    });
  } finally {
    await file.close();
  }
}

/** Frames that are judged together; they stay where they were read. */
class Lot {
  readonly entries = new EntryListBuilder();
  readonly sources: Buffer[] = [];
  readonly places: number[] = [];
  bytes = 0;

  get isFull(): boolean {
    return this.bytes >= LOT_BYTES || this.entries.count >= LOT_RECORDS;
  }

  add(source: Buffer, at: number, offset: number, bytes: number): void {
    this.entries.addFrame(source, at, offset);
    this.sources.push(source);
    this.places.push(at);
    this.bytes += bytes;
  }
}

async function copyLot(
  { entries, sources, places, bytes }: Lot,
  salt: number,
  hashSeed: HashSeed,
  writer: CompactedSegmentWriter,
  line: Line,
): Promise<void> {
  const { count, lastSeq } = entries;
  if (count === 0) return;
  writer.noteBatch(0, lastSeq);
  hashEntries(entries, hashSeed);
  const list = entries.bytes;
  line.post({ ask: 'judge', count, entries: list, bytes }, [list.buffer as ArrayBuffer]);
  const answer = await line.answer();
  assert(answer.answer === 'judged', 'A judgement is answered by verdicts');
  writer.noteJudged(answer.nowMs);
  const judged = answer.entries;
  const words = wordsOf({
    bytes: Buffer.from(judged.buffer, judged.byteOffset, judged.length),
  });
  let entry = 0;
  for (let n = 0; n < count; n += 1) {
    const verdict = answer.verdicts[n]!;
    if (verdict !== VERDICT.drop) {
      const seed = placeSeed(salt, offsetAt(words, entry));
      const written = writeJudged(writer, sources[n]!, places[n]!, seed, verdict, words, entry);
      if (written !== undefined) await written;
    }
    entry = nextWord(words, entry);
  }
}

/** Writes to the output what the verdict makes of the record. */
function writeJudged(
  writer: CompactedSegmentWriter,
  source: Buffer,
  at: number,
  seed: number,
  verdict: number,
  words: Uint32Array,
  entry: number,
): Promise<void> | undefined {
  if (verdict === VERDICT.tombstone) {
    const tombstone = { type: RECORD.delete, marks: 0, flags: 0, expiresAt: 0, cas: 0n };
    const { seq, key } = frameRecord(source, at);
    return writer.add({ ...tombstone, seq, key, value: NO_VALUE });
  }
  const marks = verdict === VERDICT.keepWon ? RECORD_MARK.won : 0;
  const expiresAt = expiresAtAt(words, entry);
  const isSame = marks === 0 && expiresAt === frameExpiresAt(source, at);
  if (marks !== 0) addMarksAt(words, entry, marks);
  return writer.copy(source, at, seed, isSame ? undefined : { expiresAt, marks }, words, entry);
}
