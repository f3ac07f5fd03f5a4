import { expect } from 'chai';

import { MIB } from '../../../../src/limits.js';
import { Batch, forgetSpareBatches } from '../../../../src/log/commit/batch.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  decodeBatchHeader,
  decodeFrame,
  sourceBytes,
} from '../../../../src/log/bytes/format.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import type { Undo } from '../../../../src/log/commit/batch.js';
import { Segment } from '../../../../src/log/segments/segment.js';
import { RECORDS, SALT } from '../../../support/example-log.js';
import { MemoryFile } from '../../../support/memory-file.js';

const OFFSET = 4096;
const DURABLE = { segment: 3, offset: 800 };

function segment(): Segment {
  const place = { first: 4, last: 4, generation: 0, salt: SALT };
  return new Segment(0, place, new MemoryFile(Buffer.alloc(0)));
}

function put(seq: number, key: string, valueBytes = 10): LogRecord {
  const value = Buffer.alloc(valueBytes, key);
  return { ...RECORDS['put']!, seq, key: Buffer.from(key), value };
}

const nothing: Undo = () => {};

function add(batch: Batch, record: LogRecord, undo = nothing): number {
  return batch.add(record, record.seq, sourceBytes(record), undo);
}

/** Returns the memory of a batch that was written. */
function memoryOf(): ArrayBufferLike {
  const batch = new Batch(segment(), OFFSET);
  const { buffer } = batch.compose(DURABLE, 0, 1234);
  batch.recycle();
  return buffer;
}

describe('Batch', () => {
  it('forgetSpareBatches() frees the memory that the next batch would use again', () => {
    forgetSpareBatches();
    const first = memoryOf();
    expect(memoryOf(), 'used again').to.equal(first);
    forgetSpareBatches();
    expect(memoryOf()).not.to.equal(first);
  });

  it('add() gives each record the place at which compose() then puts it', () => {
    const batch = new Batch(segment(), OFFSET);
    const records = [put(5, 'a'), put(6, 'bb', 100), put(7, 'ccc', 0)];
    const places = records.map((record) => add(batch, record));
    const bytes = batch.compose(DURABLE, 0, 1234);
    expect(bytes.length).to.equal(batch.end - OFFSET);
    places.forEach((place, at) => {
      const frame = decodeFrame(bytes, place - OFFSET, SALT, place);
      if (typeof frame === 'string') throw new Error(frame);
      expect(frame.record).to.deep.equal(records[at]);
    });
    expect(decodeBatchHeader(bytes, 0, SALT, OFFSET)).to.deep.equal({
      batchBytes: batch.bytes,
      frameCount: 3,
      kind: BATCH_KIND.records,
      durableSegment: 3,
      durableOffset: 800,
      firstSeq: 5,
      timeMs: 1234,
    });
    expect(batch.lastSeq).to.equal(7);
  });

  it('takeBack() undoes the newest record first, and each with its own key', () => {
    const batch = new Batch(segment(), OFFSET);
    const undone: string[] = [];
    for (const [at, key] of ['a', 'b', 'a', 'c'].entries()) {
      add(batch, put(at + 1, key), (own) => undone.push(`${at}${own.toString()}`));
    }
    batch.takeBack();
    expect(undone).to.deep.equal(['3c', '2a', '1b', '0a']);
  });

  it('add() grows the buffer for larger records and keeps the earlier ones', () => {
    const batch = new Batch(segment(), OFFSET);
    const places = [10, 70_000, MIB, 10].map((size, at) => add(batch, put(at + 1, 'k', size)));
    const bytes = batch.compose(DURABLE, 0, 0);
    const sizes = places.map((place) => {
      const frame = decodeFrame(bytes, place - OFFSET, SALT, place);
      return typeof frame === 'string' ? frame : frame.record.value.length;
    });
    expect(sizes).to.deep.equal([10, 70_000, MIB, 10]);
  });

  it('hasRoom() ends at half of the largest batch, but a first record always fits', () => {
    const batch = new Batch(segment(), OFFSET);
    expect(batch.hasRoom(7 * MIB)).to.equal(true);
    add(batch, put(1, 'k', MIB));
    expect(batch.hasRoom(2 * MIB)).to.equal(true);
    expect(batch.hasRoom(3 * MIB)).to.equal(false);
  });

  it('frameAt() finds the frames of the batch and nothing else', () => {
    const own = segment();
    const batch = new Batch(own, OFFSET);
    const place = add(batch, put(1, 'k'));
    const size = batch.end - place;
    const frame = batch.frameAt(own, place, size);
    expect(decodeFrame(frame ?? Buffer.alloc(0), 0, SALT, place)).to.be.an('object');
    expect(batch.frameAt(segment(), place, size)).to.equal(undefined);
    expect(batch.frameAt(own, OFFSET - 8, size)).to.equal(undefined);
    expect(batch.frameAt(own, batch.end, size)).to.equal(undefined);
  });

  it('a seal takes no record and holds the last seq that was given out', () => {
    const seal = new Batch(segment(), OFFSET, BATCH_KIND.cleanSeal);
    expect(() => add(seal, put(1, 'k'))).to.throw('A seal holds no record');
    const bytes = seal.compose(DURABLE, 77, 5);
    expect(bytes.length).to.equal(BATCH_HEADER_BYTES);
    const header = decodeBatchHeader(bytes, 0, SALT, OFFSET);
    expect(header).to.include({ firstSeq: 77, frameCount: 0, kind: BATCH_KIND.cleanSeal });
  });
});
