// SegmentScanner: scans segments that are whole, damaged anywhere, or larger than its window.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { MIB } from '../../../../src/limits.js';
import {
  SEGMENT_HEADER_BYTES,
  decodeBatchHeader,
  encodeBatchHeader,
  encodeSegmentHeader,
} from '../../../../src/log/bytes/format.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import { SegmentScanner } from '../../../../src/log/segments/segment-scanner.js';
import type { ScannedBatch } from '../../../../src/log/segments/segment-scanner.js';
import { RECORDS, SALT, SEGMENT_HEADER, batchOf } from '../../../support/example-log.js';
import { MemoryFile } from '../../../support/memory-file.js';
import { seeded } from '../../../support/seed.js';

const PUT = RECORDS['put']!;

/** Returns a segment with a batch for each of `batches`, the offset of each batch and, last, the end. */
function segmentOf(batches: readonly (readonly LogRecord[])[]): {
  bytes: Buffer;
  starts: number[];
} {
  const parts = [encodeSegmentHeader(SEGMENT_HEADER)];
  const starts: number[] = [];
  let end = SEGMENT_HEADER_BYTES;
  for (const records of batches) {
    starts.push(end);
    parts.push(batchOf(records, end));
    end += parts.at(-1)!.length;
  }
  return { bytes: Buffer.concat(parts), starts: [...starts, end] };
}

function put(seq: number, valueBytes: number): LogRecord {
  return { ...PUT, seq, value: Buffer.alloc(valueBytes, seq) };
}

function scannerOf(bytes: Buffer, end = bytes.length): SegmentScanner {
  return new SegmentScanner(new MemoryFile(bytes), SALT, end);
}

async function allOf(scanner: SegmentScanner): Promise<{ starts: number[]; records: LogRecord[] }> {
  const starts: number[] = [];
  const records: LogRecord[] = [];
  const note = (batch: ScannedBatch): void => {
    starts.push(batch.offset);
    for (const { record } of batch.frames) {
      const { key, value } = record;
      records.push({ ...record, key: Buffer.from(key), value: Buffer.from(value) });
    }
  };
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
    note(batch);
  }
  return { starts, records };
}

const SMALL = segmentOf([
  [put(1, 10), put(2, 100)],
  [put(3, 0)],
  [],
  [put(4, 300), put(5, 7), put(6, 64)],
  [put(7, 1)],
]);

describe('SegmentScanner', () => {
  it('next() gives every batch, also across the borders of its window', async () => {
    const sizes = [700_000, 10, MIB, MIB - 100, 300, 900_000, 900_000, 5];
    const batches = [...sizes.map((size, at) => [put(at + 1, size)]), [put(90, MIB), put(91, MIB)]];
    const { bytes, starts } = segmentOf(batches);
    const scanner = scannerOf(bytes);
    const found = await allOf(scanner);
    expect(scanner.defect).to.equal(undefined);
    expect(found.starts).to.deep.equal(starts.slice(0, -1));
    const expected = batches.flat();
    expect(found.records.length).to.equal(expected.length);
    found.records.forEach((record, at) => {
      expect(record.seq).to.equal(expected[at]!.seq);
      expect(record.value.equals(expected[at]!.value)).to.equal(true);
    });
  });

  it('next() stops before the first bad batch and names its offset, whichever byte is wrong', async () => {
    const { bytes, starts } = SMALL;
    for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (at & 7);
      const scanner = scannerOf(flipped);
      const found = await allOf(scanner);
      const bad = starts.findLastIndex((start) => start <= at);
      expect(found.starts, `byte ${at}`).to.deep.equal(starts.slice(0, bad));
      expect(scanner.defect?.offset).to.equal(starts[bad]);
      expect(scanner.position).to.equal(starts[bad]);
    }
  });

  it('resync() finds the next whole batch, and next() goes on from there', async () => {
    const { bytes, starts } = SMALL;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: SEGMENT_HEADER_BYTES, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const damaged = Buffer.from(bytes);
          damaged[at]! ^= mask;
          const scanner = scannerOf(damaged);
          await allOf(scanner);
          const bad = starts.findLastIndex((start) => start <= at);
          const later = await scanner.resync();
          const rest = later === undefined ? [] : [later.offset, ...(await allOf(scanner)).starts];
          expect(rest).to.deep.equal(starts.slice(bad + 1, -1));
        },
      ),
      seeded('resync()', 200),
    );
  });

  it('resync() searches beyond its window, past garbage and past magics without a batch', async () => {
    const { bytes, starts } = segmentOf([[put(1, 10)], [put(2, 3 * MIB)], [put(3, 10)]]);
    const second = starts[1]!;
    bytes.fill('BTCH', second + 1, second + 2 * MIB);
    const scanner = scannerOf(bytes);
    expect((await allOf(scanner)).starts).to.deep.equal([starts[0]]);
    expect((await scanner.resync())?.offset).to.equal(starts[2]);
    expect(await scanner.next()).to.equal(undefined);
    expect(scanner.defect).to.equal(undefined);
  });

  it('resync() takes no batch from a value, even when the value was copied from a segment', async () => {
    const forged = batchOf([put(99, 20)], SEGMENT_HEADER_BYTES);
    const value = Buffer.concat([forged, forged, forged]);
    const { bytes, starts } = segmentOf([[{ ...PUT, key: Buffer.from('12345678'), value }]]);
    bytes[starts[0]! + 60]! ^= 1;
    const scanner = scannerOf(bytes);
    expect((await allOf(scanner)).starts).to.deep.equal([]);
    expect(await scanner.resync()).to.equal(undefined);
  });

  it('next() reads nothing beyond the given end', async () => {
    const { bytes, starts } = SMALL;
    const whole = scannerOf(bytes, starts[3]);
    expect((await allOf(whole)).starts).to.deep.equal(starts.slice(0, 3));
    expect(whole.defect).to.equal(undefined);
    const cut = scannerOf(bytes, starts[3]! - 8);
    expect((await allOf(cut)).starts).to.deep.equal(starts.slice(0, 2));
    expect(cut.defect).to.deep.equal({ offset: starts[2], defect: 'length' });
  });

  it('next() refuses a batch with fewer frames than its header says', async () => {
    const batch = batchOf([put(1, 8)], SEGMENT_HEADER_BYTES);
    const header = decodeBatchHeader(batch, 0, SALT, SEGMENT_HEADER_BYTES);
    if (typeof header === 'string') throw new Error(header);
    encodeBatchHeader(batch, 0, { ...header, frameCount: 2 }, SALT, SEGMENT_HEADER_BYTES);
    const bytes = Buffer.concat([encodeSegmentHeader(SEGMENT_HEADER), batch]);
    const scanner = scannerOf(bytes);
    expect(await scanner.next()).to.equal(undefined);
    expect(scanner.defect).to.deep.equal({ offset: SEGMENT_HEADER_BYTES, defect: 'content' });
  });

  it('reusesWindow makes nextInto() give the same frames from one piece of memory', async () => {
    const { bytes } = segmentOf(Array.from({ length: 40 }, (_, n) => [put(n + 1, 100_000)]));
    const seqsOf = async (reuses: boolean): Promise<{ seqs: number[]; sources: number }> => {
      const scanner = scannerOf(bytes);
      scanner.reusesWindow = reuses;
      const seqs: number[] = [];
      const sources = new Set<ArrayBufferLike>();
      const take = (source: Buffer, at: number): void => {
        seqs.push(source.readUIntLE(at + 20, 6));
        sources.add(source.buffer);
      };
      while ((await scanner.nextInto(take)) !== undefined);
      return { seqs, sources: sources.size };
    };
    const fresh = await seqsOf(false);
    const reused = await seqsOf(true);
    expect(reused.seqs).to.deep.equal(fresh.seqs);
    expect(reused.sources).to.equal(1);
    expect(fresh.sources).to.be.above(1);
  });
});
