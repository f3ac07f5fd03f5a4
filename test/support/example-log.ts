// Fixed records and a small log of them: the bytes in test/golden/log and the example in docs/format.md.
// Nothing here may ever change for an existing format version: users have these bytes on their disks.

import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  DELETE_REASON,
  RECORD_MARK,
  RECORD,
  SEGMENT_HEADER_BYTES,
  encodeBatchHeader,
  encodeFrame,
  encodeSegmentHeader,
  frameBytes,
} from '../../src/log/bytes/format.js';
import type { LogRecord, SegmentHeader } from '../../src/log/bytes/format.js';
import { encodeDescriptor } from '../../src/log/segments/large-value-file.js';

export const SALT = 0x5eed_1234;
export const TIME_MS = 1_700_000_000_000;
export const STORE_ID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

export const SEGMENT_HEADER: SegmentHeader = {
  storeId: STORE_ID,
  first: 1,
  last: 1,
  generation: 0,
  salt: SALT,
  createdAtMs: TIME_MS,
};

const NOTHING = Buffer.alloc(0);

function record(fields: Partial<LogRecord>): LogRecord {
  return {
    type: RECORD.put,
    marks: 0,
    flags: 0,
    seq: 1,
    expiresAt: 0,
    key: Buffer.from('greeting'),
    value: NOTHING,
    cas: 0n,
    ...fields,
  };
}

function seqOf(seq: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeUIntLE(seq, 0, 6);
  return value;
}

/** One record of every kind that is written, keyed by the name of its golden file. */
export const RECORDS: Readonly<Record<string, LogRecord>> = {
  put: record({ value: Buffer.from('hello'), flags: 5 }),
  'put-empty-value': record({ seq: 2 }),
  'put-expiring': record({ seq: 3, value: Buffer.from('soon'), expiresAt: TIME_MS + 60_000 }),
  'put-binary-key': record({
    seq: 4,
    key: Buffer.from('00ff0d0a', 'hex'),
    value: Buffer.from([0]),
  }),
  'put-chosen-cas': record({
    seq: 5,
    marks: RECORD_MARK.chosenCas,
    cas: 0xffff_ffff_ffff_fffen,
    value: Buffer.from('x'),
  }),
  'put-stale-won': record({
    seq: 6,
    marks: RECORD_MARK.stale | RECORD_MARK.won,
    value: Buffer.from('old'),
  }),
  'put-large-value': record({
    seq: 7,
    marks: RECORD_MARK.largeValue,
    value: encodeDescriptor({ id: 9, bytes: 3_000_000_000, salt: SALT }),
  }),
  'put-last-seq': record({ seq: 2 ** 48 - 1, flags: 0xffff_ffff, value: Buffer.from('end') }),
  delete: record({ type: RECORD.delete, seq: 8, flags: DELETE_REASON.deleted }),
  'delete-evicted': record({ type: RECORD.delete, seq: 9, flags: DELETE_REASON.evicted }),
  'delete-expired': record({ type: RECORD.delete, seq: 10, flags: DELETE_REASON.expired }),
  'delete-idle': record({ type: RECORD.delete, seq: 11, flags: DELETE_REASON.idle }),
  touch: record({ type: RECORD.touch, seq: 12, expiresAt: TIME_MS + 1000, value: seqOf(3) }),
  'touch-won': record({ type: RECORD.touch, seq: 13, marks: RECORD_MARK.won, value: seqOf(3) }),
  flush: record({ type: RECORD.flush, seq: 14, key: NOTHING }),
  'delete-prefix': record({ type: RECORD.deletePrefix, seq: 16, key: Buffer.from('user:') }),
  'flush-later': record({ type: RECORD.flush, seq: 15, key: NOTHING, expiresAt: TIME_MS + 5000 }),
  'flush-carried-out': record({
    type: RECORD.flush,
    seq: 17,
    key: NOTHING,
    expiresAt: TIME_MS + 5000,
    value: seqOf(15),
  }),
};

/** The offset at which the frames of RECORDS stand. */
export const FRAME_OFFSET = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES;

export function frameOf(entry: LogRecord, offset = FRAME_OFFSET): Buffer {
  const bytes = Buffer.alloc(frameBytes(entry.key.length, entry.value.length, entry.marks));
  encodeFrame(bytes, 0, entry, entry.seq, SALT, offset);
  return bytes;
}

/** Returns a batch at `offset` whose header says that the log was durable up to that offset. */
export function batchOf(
  records: readonly LogRecord[],
  offset: number,
  kind: number = BATCH_KIND.records,
): Buffer {
  let at = offset + BATCH_HEADER_BYTES;
  const frames = records.map((entry) => {
    const frame = frameOf(entry, at);
    at += frame.length;
    return frame;
  });
  const header = Buffer.alloc(BATCH_HEADER_BYTES);
  const fields = {
    batchBytes: at - offset,
    frameCount: records.length,
    kind,
    durableSegment: 1,
    durableOffset: offset,
    firstSeq: records[0]?.seq ?? 2,
    timeMs: TIME_MS,
  };
  encodeBatchHeader(header, 0, fields, SALT, offset);
  return Buffer.concat([header, ...frames]);
}

/** Returns the log of `set greeting 5 0 5`, `delete greeting` and an orderly stop: the example of docs/format.md. */
export function smallLog(): Buffer {
  const put = record({ value: Buffer.from('hello'), flags: 5 });
  const removal = record({ type: RECORD.delete, seq: 2 });
  let log = encodeSegmentHeader(SEGMENT_HEADER);
  log = Buffer.concat([log, batchOf([put], log.length)]);
  log = Buffer.concat([log, batchOf([removal], log.length)]);
  return Buffer.concat([log, batchOf([], log.length, BATCH_KIND.cleanSeal)]);
}
