// docs/format.md against the code: magics, sizes, names, numbers, the bytes of the example, and every field of
// every layout, read from encoded bytes at the place that the document gives.

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { ENTRY_BYTES } from '../../../src/log/bytes/entry-list.js';
import {
  CONTROL_NAME,
  LOCK_NAME,
  MANIFEST_NAME,
  IMAGE_NAME,
  SNAPSHOT_NAME,
  TEMPORARY_SUFFIX,
  hintName,
  largeValueName,
  segmentName,
} from '../../../src/log/bytes/file-names.js';
import {
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  BATCH_MAGIC,
  CHOSEN_CAS_BYTES,
  DELETE_REASON,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  RECORD_MARK,
  RECORD,
  SEGMENT_HEADER_BYTES,
  encodeBatchHeader,
  encodeFrame,
  encodeSegmentHeader,
} from '../../../src/log/bytes/format.js';
import { hashWords } from '../../../src/log/bytes/key-hash.js';
import { IMAGE_HEADER_BYTES, IMAGE_VERSION } from '../../../src/log/segments/image-file.js';
import { HINT_HEADER_BYTES, HINT_VERSION, HintBuilder } from '../../../src/log/bytes/hint.js';
import {
  LARGE_CHUNK_BYTES,
  LARGE_CHUNK_HEADER_BYTES,
  LARGE_DESCRIPTOR_BYTES,
  LARGE_HEADER_BYTES,
  LargeValueFileWriter,
  encodeDescriptor,
} from '../../../src/log/segments/large-value-file.js';
import {
  HINT_MAGIC,
  IMAGE_MAGIC,
  LARGE_MAGIC,
  SEGMENT_MAGIC,
} from '../../../src/log/bytes/magic.js';
import { composeManifest } from '../../../src/log/bytes/manifest.js';
import { INLINE_VALUE_BYTES_MAX, KEY_BYTES_LIMIT } from '../../../src/limits.js';
import { STORE_ID, frameOf, smallLog } from '../../support/example-log.js';
import { PROJECT_DIR, golden } from '../../support/golden-file.js';
import { hexDump, parseHexDump } from '../../support/hex-dump.js';
import { MemoryFile } from '../../support/memory-file.js';

const DOC = readFileSync(join(PROJECT_DIR, 'docs', 'format.md'), 'utf8');

interface Field {
  readonly at: number;
  readonly bytes: number;
}

/** Returns the first layout table after `heading` as name → place; bytes is 0 where the size is not fixed. */
function layoutAfter(heading: string): Map<string, Field> {
  const start = DOC.indexOf(heading);
  expect(start, heading).to.be.at.least(0);
  const fields = new Map<string, Field>();
  let inTable = false;
  for (const line of DOC.slice(start).split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells[1] === 'at') inTable = true;
    else if (inTable && cells.length < 4) break;
    const [, at = '', bytes = '', name = ''] = cells;
    if (!inTable || !/^\d+$/.test(at)) continue;
    const place = { at: Number(at), bytes: Number(bytes) };
    fields.set(fields.has(name) ? `${name} at ${at}` : name, place);
  }
  return fields;
}

/** Checks that every byte of the layout, up to `size`, belongs to one field. */
function expectGapless(fields: ReadonlyMap<string, Field>, size: number): void {
  let end = 0;
  for (const [name, { at, bytes }] of fields) {
    expect(at, name).to.equal(end);
    end = at + bytes;
    if (end >= size) break;
  }
  expect(end).to.equal(size);
}

/** Returns the number at the place that the document gives to `name`. */
function fieldOf(bytes: Buffer, fields: ReadonlyMap<string, Field>, name: string): number {
  const field = fields.get(name);
  if (field === undefined) throw new Error(`docs/format.md has no field ${name}`);
  const view = bytes.subarray(field.at, field.at + field.bytes);
  return view.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

function expectFields(
  bytes: Buffer,
  fields: ReadonlyMap<string, Field>,
  values: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(values)) {
    expect(fieldOf(bytes, fields, name), name).to.equal(value);
  }
}

describe('docs/format.md', () => {
  it('shows the example that the encoder writes, and the manifest', () => {
    expect(DOC).to.include(hexDump(smallLog()));
    const manifest = {
      storeId: STORE_ID.toString('hex'),
      segments: [
        { first: 1, last: 3, generation: 2, salt: 1592594996, bytes: 52428800 },
        { first: 4, last: 4, generation: 0, salt: 1592594997, bytes: null },
      ],
    };
    expect(DOC).to.include(composeManifest(manifest));
  });

  it('names every file', () => {
    const names = [segmentName(7, 0), hintName(7, 0), largeValueName(42)];
    names.push(
      MANIFEST_NAME,
      IMAGE_NAME,
      SNAPSHOT_NAME,
      LOCK_NAME,
      CONTROL_NAME,
      `*.cairn-*${TEMPORARY_SUFFIX}`,
    );
    for (const name of names) expect(DOC).to.include(`| \`${name}\``);
  });

  it('gives the sizes, limits and magics', () => {
    const texts = [
      `The version is ${FORMAT_VERSION}.`,
      `### Segment header, ${SEGMENT_HEADER_BYTES} bytes`,
      `### Batch header, ${BATCH_HEADER_BYTES} bytes`,
      `### Frame, ${FRAME_HEADER_BYTES} bytes and its content`,
      `8 MiB (${BATCH_BYTES_LIMIT} bytes)`,
      `\`BTCH\` (0x${BATCH_MAGIC.toString(16)})`,
      `1 to ${KEY_BYTES_LIMIT}`,
      `over 1 MiB (${INLINE_VALUE_BYTES_MAX} bytes)`,
      `the descriptor, ${LARGE_DESCRIPTOR_BYTES} bytes`,
      `a header of ${LARGE_HEADER_BYTES} bytes, then chunks`,
      `Each chunk has ${LARGE_CHUNK_HEADER_BYTES} bytes before its data`,
      `256 KiB (${LARGE_CHUNK_BYTES} bytes) of data`,
      `Header, ${HINT_HEADER_BYTES} bytes:`,
      `Entry, ${ENTRY_BYTES} bytes and its content`,
      `\`${SEGMENT_MAGIC}\``,
      `\`${HINT_MAGIC}\``,
      `\`${LARGE_MAGIC}\``,
      `\`${IMAGE_MAGIC}\``,
      `Header, ${IMAGE_HEADER_BYTES} bytes:`,
      `versions of\n  their own: ${HINT_VERSION} and ${IMAGE_VERSION}.`,
    ];
    for (const text of texts) expect(DOC).to.include(text);
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(BATCH_MAGIC);
    expect(magic.toString('latin1')).to.equal('BTCH');
  });

  it('gives the record types, marks, reasons and kinds of batch', () => {
    const types = Object.entries(RECORD).map(([name, type]) => `${type} ${name}`);
    expect(DOC).to.include(types.join(', '));
    for (const type of types) expect(DOC).to.match(new RegExp(`^\\| ${type} +\\|`, 'm'));
    const words = {
      chosenCas: 'chosen CAS',
      stale: 'stale',
      won: 'won',
      largeValue: 'large value',
    };
    for (const [name, bit] of Object.entries(RECORD_MARK)) {
      const word = words[name as keyof typeof words];
      expect(DOC).to.match(new RegExp(`^\\| ${bit} +\\| ${word} +\\|`, 'm'));
    }
    const reasons = Object.entries(DELETE_REASON).map(([name, reason]) => `${reason} ${name}`);
    expect(DOC).to.include(reasons.join(', '));
    const { records, seal, cleanSeal } = BATCH_KIND;
    expect(DOC).to.include(`${records} records, ${seal} seal, ${cleanSeal} clean seal`);
  });

  it('places every field of the header of an image where the golden image has it', () => {
    const fields = layoutAfter('## IMAGE');
    expectGapless(fields, IMAGE_HEADER_BYTES);
    const image = parseHexDump(golden('log/image.txt', ''));
    const end = IMAGE_HEADER_BYTES + fieldOf(image, fields, 'description bytes');
    expectFields(image, fields, {
      version: IMAGE_VERSION,
      CRC: crc32(image.subarray(16, end)),
      'CRC of the words': crc32(image.subarray(end)),
      'words bytes': image.length - end,
    });
    expect(image[end - 1]).to.equal('\n'.charCodeAt(0));
    const { log, store } = JSON.parse(image.toString('latin1', IMAGE_HEADER_BYTES, end)) as {
      log: object;
      store: { items: object; flushes: object; keydir: { entries: object; index: object } };
    };
    const { keydir, ...others } = store;
    const { entries, index, ...rest } = keydir;
    const names = [log, others, others.items, rest].flatMap(Object.keys);
    names.push(...Object.keys(index).filter((name) => name !== 'buckets'));
    const section = DOC.slice(DOC.indexOf('## IMAGE'), DOC.indexOf('## JSON snapshot'));
    for (const name of [...names, ...Object.keys(entries)]) {
      expect(section).to.match(new RegExp(`[\`.]${name}\``), name);
    }
  });

  it('places every field of a segment header where encodeSegmentHeader() writes it', () => {
    const fields = layoutAfter('### Segment header');
    expectGapless(fields, SEGMENT_HEADER_BYTES);
    const header = {
      first: 5,
      last: 9,
      generation: 3,
      salt: 0xdeadbeef,
      createdAtMs: 0x123456789ab,
    };
    const bytes = encodeSegmentHeader({ ...header, storeId: STORE_ID });
    const { createdAtMs, ...same } = header;
    expectFields(bytes, fields, { ...same, version: FORMAT_VERSION, predecessor: 4, zero: 0 });
    expectFields(bytes, fields, { 'created at': createdAtMs });
    const { at } = fields.get('store id')!;
    expect(bytes.subarray(at, at + 16).equals(STORE_ID)).to.equal(true);
  });

  it('places every field of a batch header where encodeBatchHeader() writes it', () => {
    const fields = layoutAfter('### Batch header');
    expectGapless(fields, BATCH_HEADER_BYTES);
    const bytes = Buffer.alloc(BATCH_HEADER_BYTES);
    const [batchBytes, frameCount, kind, durableSegment] = [0x1238, 7, 1, 11];
    const [durableOffset, firstSeq, timeMs] = [0x1_0000_0020, 0x2_0000_0030, 0x123_4567_89ab];
    const batch = { batchBytes, frameCount, kind, durableSegment, durableOffset, firstSeq, timeMs };
    encodeBatchHeader(bytes, 0, batch, 1, 64);
    expectFields(bytes, fields, {
      magic: BATCH_MAGIC,
      'batch bytes': batchBytes,
      'frame count': frameCount,
      'durable segment': durableSegment,
      'durable offset': durableOffset,
      'first seq': firstSeq,
      kind,
      time: timeMs,
    });
  });

  it('places every field of a frame where encodeFrame() writes it', () => {
    const fields = layoutAfter('### Frame');
    expectGapless(fields, FRAME_HEADER_BYTES + CHOSEN_CAS_BYTES);
    const bytes = Buffer.alloc(64);
    const record = {
      type: RECORD.put,
      marks: RECORD_MARK.chosenCas | RECORD_MARK.won,
      flags: 0xcafe,
      seq: 0x1234_5678_9abc,
      expiresAt: 0x123_4567_89ab,
      key: Buffer.from('key'),
      value: Buffer.from('value'),
      cas: 77n,
    };
    const frameBytes = encodeFrame(bytes, 0, record, record.seq, 1, 64);
    expectFields(bytes, fields, {
      'frame bytes': frameBytes,
      type: record.type,
      marks: record.marks,
      'key bytes': 3,
      'value bytes': 5,
      flags: record.flags,
      seq: record.seq,
      'expires at': record.expiresAt,
      'chosen CAS': 77,
    });
    expect(bytes.toString('latin1', 40, frameBytes)).to.equal('keyvalue');
  });

  it('places every field of a hint where HintBuilder writes it', () => {
    const header = layoutAfter('Header, 64 bytes');
    expectGapless(header, HINT_HEADER_BYTES);
    const entry = layoutAfter('Entry, 32 bytes');
    expectGapless(entry, ENTRY_BYTES);
    const builder = new HintBuilder();
    const record = {
      type: RECORD.touch,
      marks: RECORD_MARK.won,
      flags: 0,
      seq: 0x1234_5678_9abc,
      expiresAt: 0x123_4567_89ab,
      key: Buffer.from('key'),
      value: Buffer.from('8 bytes.'),
      cas: 0n,
    };
    builder.addFrame(frameOf(record, 800), 0, 800);
    const place = { first: 5, last: 9, generation: 3, salt: 0xdeadbeef };
    const facts = { lastSeq: 0x2345_6789_abcd, timeMs: 0x123_4567_89ab };
    const seed = { k0: 0x1357_9bdf, k1: 0x2468_ace0 };
    const bytes = builder.finish({ ...place, committedBytes: 0x1_2345_6789 }, facts, seed);
    const hash = hashWords(Uint32Array.of(0x79656b), 0, 3, seed) >>> 0;
    expectFields(bytes, header, {
      ...place,
      version: HINT_VERSION,
      'segment bytes': 0x1_2345_6789,
      'last seq': facts.lastSeq,
      time: facts.timeMs,
      entries: 1,
      'seed, first word': seed.k0,
      'second word': seed.k1,
    });
    expectFields(bytes.subarray(HINT_HEADER_BYTES), entry, {
      'offset / 8': 100,
      'bytes / 8': 6,
      seq: record.seq,
      'expires at': record.expiresAt,
      type: record.type,
      marks: record.marks,
      'key bytes': 3,
      'value bytes': 8,
      hash,
    });
  });

  it('places every field of a large value where its writer puts it', async () => {
    const descriptor = layoutAfter('## Large values');
    expectGapless(descriptor, LARGE_DESCRIPTOR_BYTES);
    const reference = { id: 0x1234_5678_9abc, bytes: 0x2345_6789_abcd, salt: 0xdeadbeef };
    const { id, bytes, salt } = reference;
    expectFields(encodeDescriptor(reference), descriptor, { id, 'value bytes': bytes, salt });

    const header = layoutAfter('The file has a header of 32 bytes');
    expectGapless(header, LARGE_HEADER_BYTES);
    const file = new MemoryFile(Buffer.alloc(0));
    const writer = new LargeValueFileWriter(file, id, salt);
    await writer.write(Buffer.from('data'));
    await writer.finish();
    expectFields(file.bytes, header, { id, salt, version: FORMAT_VERSION });
  });
});
