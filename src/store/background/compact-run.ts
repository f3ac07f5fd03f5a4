// The task 'compact': copies what is needed of a run of sealed segments into one new file. The main
// thread judges each record (it has the keydir); this side reads, writes and syncs.
//
// Invariants:
// - The output keeps the order of the log, and its times and seqs never go back.
// - It is written under a temporary name and synced before the main thread hears of it.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { assert } from '../../assert.js';
import { KvError } from '../../errors.js';
import { EntryListBuilder } from '../../log/entry-list.js';
import { segmentName } from '../../log/files.js';
import { MARK, RECORD, frameRecord } from '../../log/format.js';
import { SegmentScanner } from '../../log/segment-scanner.js';
import type { TakeFrame } from '../../log/segment-scanner.js';
import { CompactedSegmentWriter } from './compacted-segment-writer.js';
import { VERDICT } from './messages.js';
import type { CompactTask, SegmentPlace } from './messages.js';
import type { Line } from './worker.js';

const NO_VALUE = Buffer.alloc(0);
/** Records are judged in lots of about this many bytes of segment. */
const LOT_BYTES = 256 * 1024;

export async function compactRun(
  fs: Fs,
  dir: string,
  task: CompactTask,
  line: Line,
): Promise<void> {
  const path = join(dir, task.temporaryName);
  await fs.remove(path);
  const file = await fs.open(path, 'create');
  try {
    const writer = await CompactedSegmentWriter.create(file, task);
    for (const [index, segment] of task.run.entries()) {
      await copySegment(fs, dir, segment, index, writer, line);
    }
    const { committedBytes, hint } = await writer.finish();
    const bytes = new Uint8Array(hint);
    line.post({ done: 'compact', committedBytes, hint: bytes }, [bytes.buffer]);
  } finally {
    await file.close();
  }
}

async function copySegment(
  fs: Fs,
  dir: string,
  segment: SegmentPlace,
  runIndex: number,
  writer: CompactedSegmentWriter,
  line: Line,
): Promise<void> {
  const path = join(dir, segmentName(segment.last, segment.generation));
  const file: File = await fs.open(path, 'read');
  try {
    const scanner = new SegmentScanner(file, segment.salt, segment.committedBytes);
    let lot = new Lot();
    const take: TakeFrame = (source, at, offset, bytes) => lot.add(source, at, offset, bytes);
    for (let header = await scanner.nextInto(take); header !== undefined;) {
      writer.noteBatch(header.timeMs, Math.max(header.firstSeq, lot.entries.lastSeq));
      if (lot.bytes >= LOT_BYTES) {
        await copyLot(lot, runIndex, writer, line);
        lot = new Lot();
      }
      header = await scanner.nextInto(take);
    }
    await copyLot(lot, runIndex, writer, line);
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
  readonly frames: { readonly source: Buffer; readonly at: number }[] = [];
  bytes = 0;

  add(source: Buffer, at: number, offset: number, bytes: number): void {
    this.entries.addFrame(source, at, offset);
    this.frames.push({ source, at });
    this.bytes += bytes;
  }
}

async function copyLot(
  { entries, frames }: Lot,
  runIndex: number,
  writer: CompactedSegmentWriter,
  line: Line,
): Promise<void> {
  if (frames.length === 0) return;
  const bytes = new Uint8Array(entries.bytes);
  line.post({ ask: 'judge', runIndex, count: entries.count, entries: bytes }, [bytes.buffer]);
  const answer = await line.answer();
  assert(answer.answer === 'judged', 'A judgement is answered by verdicts');
  for (const [n, { source, at }] of frames.entries()) {
    const written = writeJudged(writer, source, at, answer.verdicts[n]!, answer.expiresAt[n]!);
    if (written !== undefined) await written;
  }
}

/** Writes the record as it is to stand in the output, or not at all. */
function writeJudged(
  writer: CompactedSegmentWriter,
  source: Buffer,
  at: number,
  verdict: number,
  expiresAt: number,
): Promise<void> | undefined {
  if (verdict === VERDICT.drop) return undefined;
  if (verdict === VERDICT.verbatim) return writer.copy(source, at, undefined);
  if (verdict === VERDICT.keep) return writer.copy(source, at, { expiresAt, marks: 0 });
  if (verdict === VERDICT.keepWon) return writer.copy(source, at, { expiresAt, marks: MARK.won });
  const tombstone = { type: RECORD.delete, marks: 0, flags: 0, expiresAt: 0, cas: 0n };
  const { seq, key } = frameRecord(source, at);
  return writer.add({ ...tombstone, seq, key, value: NO_VALUE });
}
