// The bytes of every frame type, of the headers, of a small log, of a hint and of a large value, against the files in
// test/golden/log. These bytes are on users' disks: a difference needs a new format version.

import { expect } from 'chai';

import type { File } from '../../src/env/env.js';
import {
  BATCH_KIND,
  SEGMENT_HEADER_BYTES,
  decodeFrame,
  decodeSegmentHeader,
  encodeSegmentHeader,
} from '../../src/log/bytes/format.js';
import { HintBuilder } from '../../src/log/bytes/hint.js';
import { LargeValueFileWriter, readLargeValue } from '../../src/log/segments/large-value-file.js';
import { composeManifest, parseManifest } from '../../src/log/bytes/manifest.js';
import { SegmentScanner } from '../../src/log/segments/segment-scanner.js';
import {
  FRAME_OFFSET,
  RECORDS,
  SALT,
  SEGMENT_HEADER,
  STORE_ID,
  TIME_MS,
  batchOf,
  frameOf,
  smallLog,
} from '../support/example-log.js';
import { golden } from '../support/golden-file.js';
import { hexDump, parseHexDump } from '../support/hex-dump.js';
import { MemoryFile } from '../support/memory-file.js';

/** Compares with the golden file; returns the bytes that the file holds. */
function expectGolden(name: string, bytes: Buffer): Buffer {
  const dump = hexDump(bytes);
  const expected = golden(`log/${name}.txt`, dump);
  expect(dump).to.equal(expected);
  return parseHexDump(expected);
}

describe('golden log', () => {
  for (const [name, record] of Object.entries(RECORDS)) {
    it(`encodeFrame() writes and decodeFrame() reads ${name} as in log/${name}.txt`, () => {
      const bytes = expectGolden(name, frameOf(record));
      expect(decodeFrame(bytes, 0, SALT, FRAME_OFFSET)).to.deep.equal({
        record,
        bytes: bytes.length,
      });
    });
  }

  it('encodeSegmentHeader() writes and decodeSegmentHeader() reads log/segment-header.txt', () => {
    const bytes = expectGolden('segment-header', encodeSegmentHeader(SEGMENT_HEADER));
    expect(decodeSegmentHeader(bytes)).to.deep.equal({ ok: true, header: SEGMENT_HEADER });
  });

  it('encodeBatchHeader() writes the seals as in log/seal.txt and log/clean-seal.txt', () => {
    expectGolden('seal', batchOf([], SEGMENT_HEADER_BYTES, BATCH_KIND.seal));
    expectGolden('clean-seal', batchOf([], SEGMENT_HEADER_BYTES, BATCH_KIND.cleanSeal));
  });

  it('SegmentScanner reads log/small-log.txt: a put, a delete, a clean seal', async () => {
    const bytes = expectGolden('small-log', smallLog());
    const scanner = new SegmentScanner(new MemoryFile(bytes), SALT, bytes.length);
    const seen: unknown[] = [];
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      const { kind, firstSeq } = batch.header;
      seen.push([kind, firstSeq, batch.frames.map(({ record }) => record.key.toString())]);
    }
    expect(scanner.defect).to.equal(undefined);
    expect(seen).to.deep.equal([
      [BATCH_KIND.records, 1, ['greeting']],
      [BATCH_KIND.records, 2, ['greeting']],
      [BATCH_KIND.cleanSeal, 2, []],
    ]);
  });

  it('HintBuilder writes log/hint.txt for a segment of every record', () => {
    const builder = new HintBuilder();
    let offset = FRAME_OFFSET;
    for (const record of Object.values(RECORDS)) {
      const frame = frameOf(record, offset);
      builder.addFrame(frame, 0, offset);
      offset += frame.length;
    }
    const place = { ...SEGMENT_HEADER, committedBytes: offset };
    expectGolden(
      'hint',
      builder.finish(place, { lastSeq: 15, timeMs: TIME_MS }, { k0: 0x5eed, k1: -2 }),
    );
  });

  it('LargeValueFileWriter writes and readLargeValue() reads log/large-value.txt', async () => {
    const file: MemoryFile = new MemoryFile(Buffer.alloc(0));
    const writer = new LargeValueFileWriter(file, 9, SALT);
    await writer.write(Buffer.from('a value that is said to be large'));
    const reference = await writer.finish();
    const stored: File = new MemoryFile(expectGolden('large-value', file.bytes));
    const value = Buffer.alloc(reference.bytes);
    await readLargeValue(stored, reference, value, 0);
    expect(value.toString()).to.equal('a value that is said to be large');
  });

  it('composeManifest() writes and parseManifest() reads log/manifest.txt', () => {
    const manifest = {
      storeId: STORE_ID.toString('hex'),
      segments: [
        { first: 1, last: 3, generation: 2, salt: SALT, bytes: 52_428_800 },
        { first: 4, last: 4, generation: 0, salt: SALT + 1, bytes: null },
      ],
    };
    const text = composeManifest(manifest);
    const expected = golden('log/manifest.txt', text);
    expect(text).to.equal(expected);
    expect(parseManifest(expected, 'MANIFEST')).to.deep.equal(manifest);
  });
});
