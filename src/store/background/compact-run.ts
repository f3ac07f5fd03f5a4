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
import { segmentName } from '../../log/files.js';
import { MARK, RECORD } from '../../log/format.js';
import type { LogRecord } from '../../log/format.js';
import { HintEntries } from '../../log/hint.js';
import { SegmentScanner } from '../../log/segment-scanner.js';
import type { ScannedBatch } from '../../log/segment-scanner.js';
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
    let lot: ScannedBatch[] = [];
    let lotBytes = 0;
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      lot.push(batch);
      lotBytes += batch.header.batchBytes;
      if (lotBytes < LOT_BYTES) continue;
      await copyLot(lot, runIndex, writer, line);
      lot = [];
      lotBytes = 0;
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

async function copyLot(
  lot: readonly ScannedBatch[],
  runIndex: number,
  writer: CompactedSegmentWriter,
  line: Line,
): Promise<void> {
  const entries = new HintEntries();
  for (const { header, frames } of lot) {
    writer.noteBatch(header.timeMs, frames.at(-1)?.record.seq ?? header.firstSeq);
    for (const frame of frames) entries.add(frame);
  }
  if (entries.count === 0) return;
  const bytes = new Uint8Array(entries.bytes);
  line.post({ ask: 'judge', runIndex, count: entries.count, entries: bytes }, [bytes.buffer]);
  const answer = await line.answer();
  assert(answer.answer === 'judged', 'A judgement is answered by verdicts');
  let at = 0;
  for (const { frames } of lot) {
    for (const { record } of frames) {
      const next = rewritten(record, answer.verdicts[at]!, answer.expiresAt[at]!);
      if (next !== undefined) await writer.add(next);
      at += 1;
    }
  }
}

/** The record as it is to stand in the output; undefined: not at all. */
function rewritten(record: LogRecord, verdict: number, expiresAt: number): LogRecord | undefined {
  if (verdict === VERDICT.drop) return undefined;
  if (verdict === VERDICT.verbatim) return record;
  if (verdict === VERDICT.keep) return { ...record, expiresAt };
  if (verdict === VERDICT.keepWon) {
    return { ...record, expiresAt, marks: record.marks | MARK.won };
  }
  const tombstone = { type: RECORD.delete, marks: 0, flags: 0, expiresAt: 0, cas: 0n };
  return { ...tombstone, seq: record.seq, key: record.key, value: NO_VALUE };
}
