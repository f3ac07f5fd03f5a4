// Frames, batch headers and segment headers: the errors that they detect, and the fields that they give back.

import { expect } from 'chai';
import * as fc from 'fast-check';
import { crc32 } from 'node:zlib';

import { KEY_BYTES_LIMIT, SEQ_MAX } from '../../../../src/limits.js';
import {
  ALIGNMENT_BYTES,
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  RECORD_MARK,
  RECORD,
  SEGMENT_HEADER_BYTES,
  casOf,
  decodeBatchHeader,
  decodeFrame,
  decodeSegmentHeader,
  encodeBatchHeader,
  encodeFrame,
  encodeSegmentHeader,
  frameBytes,
} from '../../../../src/log/bytes/format.js';
import type { BatchHeader, LogRecord } from '../../../../src/log/bytes/format.js';
import {
  FRAME_OFFSET,
  RECORDS,
  SALT,
  SEGMENT_HEADER,
  frameOf,
} from '../../../support/example-log.js';
import { seeded } from '../../../support/seed.js';

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((each) => Buffer.from(each));

const record: fc.Arbitrary<LogRecord> = fc
  .record({
    type: fc.constantFrom(...Object.values(RECORD)),
    marks: fc.integer({ min: 0, max: 15 }),
    flags: fc.integer({ min: 0, max: 0xffff_ffff }),
    seq: fc.integer({ min: 1, max: SEQ_MAX }),
    expiresAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    key: bytes(0, 300),
    value: bytes(0, 600),
    cas: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  })
  .map((each) => ((each.marks & RECORD_MARK.chosenCas) === 0 ? { ...each, cas: 0n } : each));
const salt = fc.integer({ min: 0, max: 0xffff_ffff });
const place = fc.integer({ min: 8, max: 2 ** 29 }).map((each) => each * ALIGNMENT_BYTES);

/** The batch header of the tests, at offset `SEGMENT_HEADER_BYTES` of a segment with SALT. */
const BATCH: BatchHeader = {
  batchBytes: 4096,
  frameCount: 7,
  kind: 0,
  durableSegment: 3,
  durableOffset: 0x1_0000_0040,
  firstSeq: 2 ** 40 + 1,
  timeMs: 1_700_000_000_000,
};

function batchHeader(header: Partial<BatchHeader> = {}): Buffer {
  const target = Buffer.alloc(BATCH_HEADER_BYTES);
  encodeBatchHeader(target, 0, { ...BATCH, ...header }, SALT, SEGMENT_HEADER_BYTES);
  return target;
}

/** Calls `call` with each copy of `whole` in which one bit is flipped. */
function forEachFlip(whole: Buffer, call: (flipped: Buffer, bit: number) => void): void {
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    call(flipped, bit);
  }
}

describe('log/bytes/format frames', () => {
  it('decodeFrame() gives back what encodeFrame() wrote, anywhere in a buffer', () => {
    fc.assert(
      fc.property(record, salt, place, fc.nat(5), (each, seed, offset, before) => {
        const size = frameBytes(each.key.length, each.value.length, each.marks);
        const at = before * ALIGNMENT_BYTES;
        const target = Buffer.alloc(at + size + 16, 0xaa);
        expect(encodeFrame(target, at, each, each.seq, seed, offset)).to.equal(size);
        expect(decodeFrame(target, at, seed, offset)).to.deep.equal({ record: each, bytes: size });
        expect(target.subarray(at + size).every((byte) => byte === 0xaa)).to.equal(true);
        expect(size % ALIGNMENT_BYTES).to.equal(0);
      }),
      seeded('encodeFrame()', 300),
    );
  });

  it('decodeFrame() refuses every single-bit error in each type of record', () => {
    for (const [name, each] of Object.entries(RECORDS)) {
      forEachFlip(frameOf(each), (flipped, bit) => {
        const decoded = decodeFrame(flipped, 0, SALT, FRAME_OFFSET);
        expect(decoded, `${name}, bit ${bit}`).to.be.a('string');
      });
    }
  });

  it('decodeFrame() refuses a frame at another offset or of another segment', () => {
    const frame = frameOf(RECORDS['put']!);
    for (let shift = 1; shift <= 64; shift++) {
      const offset = FRAME_OFFSET + shift * ALIGNMENT_BYTES;
      expect(decodeFrame(frame, 0, SALT, offset)).to.equal('checksum');
    }
    for (let bit = 0; bit < 32; bit++) {
      const other = (SALT ^ (1 << bit)) >>> 0;
      expect(decodeFrame(frame, 0, other, FRAME_OFFSET)).to.equal('checksum');
    }
  });

  it('decodeFrame() refuses a frame that is cut at any byte', () => {
    const frame = frameOf(RECORDS['put']!);
    for (let length = 0; length < frame.length; length++) {
      const cut = frame.subarray(0, length);
      expect(decodeFrame(cut, 0, SALT, FRAME_OFFSET)).to.equal('length');
    }
  });

  it('decodeFrame() gives content for an unknown type and for lengths that do not add up', () => {
    const unknown = { ...RECORDS['put']!, type: 77 as LogRecord['type'] };
    expect(decodeFrame(frameOf(unknown), 0, SALT, FRAME_OFFSET)).to.equal('content');
    const frame = frameOf(RECORDS['put']!);
    frame.writeUInt16LE(80, 10);
    const crc = crc32(frame.subarray(4), (SALT ^ (FRAME_OFFSET / ALIGNMENT_BYTES)) >>> 0);
    frame.writeUInt32LE(crc, 0);
    expect(decodeFrame(frame, 0, SALT, FRAME_OFFSET)).to.equal('content');
  });

  it('encodeFrame() throws for a key, seq or mark beyond the limits', () => {
    const put = RECORDS['put']!;
    const key = Buffer.alloc(KEY_BYTES_LIMIT + 1);
    expect(() => frameOf({ ...put, key })).to.throw('A key fits');
    expect(() => frameOf({ ...put, seq: 0 })).to.throw('A seq is positive');
    expect(() => frameOf({ ...put, seq: SEQ_MAX + 1 })).to.throw('A seq is positive');
    expect(() => frameOf({ ...put, marks: 16 })).to.throw('Only known marks');
    const largest = frameOf({ ...put, key: Buffer.alloc(KEY_BYTES_LIMIT, 'k') });
    expect(decodeFrame(largest, 0, SALT, FRAME_OFFSET)).to.be.an('object');
  });

  it('casOf() is the seq unless a client chose one', () => {
    expect(casOf(RECORDS['put']!)).to.equal(1n);
    expect(casOf(RECORDS['put-chosen-cas']!)).to.equal(0xffff_ffff_ffff_fffen);
  });

  it('frameBytes() is a multiple of 8, also for a value of more than 32 bits of bytes', () => {
    const bytes = [0, 1, 7, 8, 9, 2 ** 33 - 1].map((value) => frameBytes(0, value, 0) - 32);
    expect(bytes).to.deep.equal([0, 8, 8, 8, 16, 2 ** 33]);
  });
});

describe('log/bytes/format headers', () => {
  it('decodeBatchHeader() gives back what encodeBatchHeader() wrote', () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const u53 = fc.maxSafeNat();
    const arbitrary = fc.record({
      batchBytes: fc.integer({ min: 6, max: BATCH_BYTES_LIMIT / 8 }).map((each) => each * 8),
      frameCount: u32,
      kind: u32,
      durableSegment: u32,
      durableOffset: u53,
      firstSeq: u53,
      timeMs: u53,
    });
    fc.assert(
      fc.property(arbitrary, salt, place, (header, seed, offset) => {
        const target = Buffer.alloc(BATCH_HEADER_BYTES + 8);
        encodeBatchHeader(target, 8, header, seed, offset);
        expect(decodeBatchHeader(target, 8, seed, offset)).to.deep.equal(header);
      }),
      seeded('encodeBatchHeader()', 300),
    );
  });

  it('decodeBatchHeader() refuses every single-bit error, another offset and another segment', () => {
    const whole = batchHeader();
    forEachFlip(whole, (flipped, bit) => {
      const decoded = decodeBatchHeader(flipped, 0, SALT, SEGMENT_HEADER_BYTES);
      expect(decoded, `bit ${bit}`).to.equal(bit < 32 ? 'magic' : 'checksum');
    });
    expect(decodeBatchHeader(whole, 0, SALT, SEGMENT_HEADER_BYTES + 8)).to.equal('checksum');
    expect(decodeBatchHeader(whole, 0, SALT + 1, SEGMENT_HEADER_BYTES)).to.equal('checksum');
    const cut = whole.subarray(0, BATCH_HEADER_BYTES - 1);
    expect(decodeBatchHeader(cut, 0, SALT, SEGMENT_HEADER_BYTES)).to.equal('length');
  });

  it('decodeBatchHeader() refuses a length outside the limits, although the checksum is right', () => {
    for (const batchBytes of [0, 40, BATCH_HEADER_BYTES + 1, BATCH_BYTES_LIMIT + 8, 0xffff_fff8]) {
      const header = batchHeader({ batchBytes });
      expect(decodeBatchHeader(header, 0, SALT, SEGMENT_HEADER_BYTES)).to.equal('length');
    }
  });

  it('encodeBatchHeader() throws for a number that is no safe integer', () => {
    expect(() => batchHeader({ durableOffset: 2 ** 53 })).to.throw('safe integer');
    expect(() => batchHeader({ firstSeq: -1 })).to.throw('safe integer');
  });

  it('decodeSegmentHeader() refuses every single-bit error and a header that is cut', () => {
    const whole = encodeSegmentHeader(SEGMENT_HEADER);
    forEachFlip(whole, (flipped, bit) => {
      const decoded = decodeSegmentHeader(flipped);
      const defect = bit < 64 ? 'magic' : bit < 96 ? 'version' : 'checksum';
      expect(decoded, `bit ${bit}`).to.include({ ok: false, defect });
    });
    const cut = whole.subarray(0, SEGMENT_HEADER_BYTES - 1);
    expect(decodeSegmentHeader(cut)).to.deep.equal({ ok: false, defect: 'length' });
  });

  it('decodeSegmentHeader() refuses an impossible run or predecessor', () => {
    for (const [at, value] of [
      [32, 0],
      [32, 2],
      [48, 5],
    ] as const) {
      const header = encodeSegmentHeader(SEGMENT_HEADER);
      header.writeUInt32LE(value, at);
      header.writeUInt32LE(crc32(header.subarray(16)), 12);
      expect(decodeSegmentHeader(header)).to.deep.equal({ ok: false, defect: 'content' });
    }
    expect(() => encodeSegmentHeader({ ...SEGMENT_HEADER, first: 2 })).to.throw('a run');
  });
});
