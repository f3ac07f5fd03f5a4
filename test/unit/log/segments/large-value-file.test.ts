import { expect } from 'chai';
import * as fc from 'fast-check';

import { isKvError } from '../../../../src/errors.js';
import {
  LARGE_CHUNK_BYTES,
  LARGE_CHUNK_HEADER_BYTES,
  LARGE_HEADER_BYTES,
  LargeValueFileWriter,
  decodeDescriptor,
  encodeDescriptor,
  readLargeValue,
} from '../../../../src/log/segments/large-value-file.js';
import type { LargeReference } from '../../../../src/log/segments/large-value-file.js';
import { MemoryFile } from '../../../support/memory-file.js';
import { seeded } from '../../../support/seed.js';

const STEP = LARGE_CHUNK_HEADER_BYTES + LARGE_CHUNK_BYTES;

function pattern(bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) value[at] = (at * 31 + (at >> 10)) & 255;
  return value;
}

async function written(
  value: Buffer,
  pieceBytes = value.length,
): Promise<{ file: MemoryFile; reference: LargeReference }> {
  const file = new MemoryFile(Buffer.alloc(0));
  const writer = new LargeValueFileWriter(file, 9, 0x1234);
  for (let at = 0; at < value.length; at += pieceBytes) {
    await writer.write(value.subarray(at, at + pieceBytes));
  }
  return { file, reference: await writer.finish() };
}

async function offsetOfDamage(file: MemoryFile, reference: LargeReference): Promise<number> {
  try {
    await readLargeValue(file, reference, Buffer.alloc(reference.bytes), 0);
  } catch (error) {
    if (isKvError(error, 'KV_CORRUPTION')) return error.offset ?? -1;
    throw error;
  }
  return 0;
}

describe('log/segments/large-value-file', () => {
  it('readLargeValue() gives back the written value, for lengths around the sizes of chunks', async () => {
    const sizes = [1, LARGE_CHUNK_BYTES - 1, LARGE_CHUNK_BYTES, LARGE_CHUNK_BYTES + 1];
    for (const size of [...sizes, 3 * LARGE_CHUNK_BYTES, 3 * LARGE_CHUNK_BYTES + 77]) {
      const value = pattern(size);
      const { file, reference } = await written(value, 100_003);
      expect(reference.bytes).to.equal(size);
      const read = Buffer.alloc(size + 10);
      expect(await readLargeValue(file, reference, read, 0)).to.equal(size);
      expect(read.subarray(0, size).equals(value)).to.equal(true);
    }
  });

  it('readLargeValue() reads any part, and fewer bytes only at the end', async () => {
    const value = pattern(2 * LARGE_CHUNK_BYTES + 1000);
    const { file, reference } = await written(value);
    await fc.assert(
      fc.asyncProperty(fc.nat(value.length + 10), fc.nat(400_000), async (position, length) => {
        const target = Buffer.alloc(length);
        const count = await readLargeValue(file, reference, target, position);
        const expected = value.subarray(position, position + length);
        expect(count).to.equal(expected.length);
        expect(target.subarray(0, count).equals(expected)).to.equal(true);
      }),
      seeded('readLargeValue()', 50),
    );
  });

  it('readLargeValue() refuses every damaged chunk and names its offset', async () => {
    const { file, reference } = await written(pattern(2 * LARGE_CHUNK_BYTES + 100));
    for (let chunk = 0; chunk < 3; chunk++) {
      const start = LARGE_HEADER_BYTES + chunk * STEP;
      for (const within of [0, 3, 4, 7, 8, 90, 107]) {
        for (let bit = 0; bit < 8; bit += 3) {
          file.bytes[start + within]! ^= 1 << bit;
          expect(await offsetOfDamage(file, reference)).to.equal(start);
          file.bytes[start + within]! ^= 1 << bit;
        }
      }
    }
    expect(await offsetOfDamage(file, reference)).to.equal(0);
  });

  it('readLargeValue() refuses a chunk at the place of another, of this file or of another file', async () => {
    const { file, reference } = await written(pattern(2 * LARGE_CHUNK_BYTES));
    const [first, second] = [LARGE_HEADER_BYTES, LARGE_HEADER_BYTES + STEP];
    const good = Buffer.from(file.bytes);
    good.copy(file.bytes, first, second, second + STEP);
    good.copy(file.bytes, second, first, first + STEP);
    expect(await offsetOfDamage(file, reference)).to.equal(first);
    file.bytes = good;
    const stranger = { ...reference, salt: reference.salt + 1 };
    expect(await offsetOfDamage(file, stranger)).to.equal(first);
  });

  it('readLargeValue() refuses a file that is cut', async () => {
    const { file, reference } = await written(pattern(LARGE_CHUNK_BYTES + 100));
    await file.truncate(file.bytes.length - 1);
    expect(await offsetOfDamage(file, reference)).to.equal(LARGE_HEADER_BYTES + STEP);
  });

  it('decodeDescriptor() gives back what encodeDescriptor() wrote', () => {
    const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(u48, u48, u32, (id, bytes, salt) => {
        const reference = { id, bytes, salt };
        expect(decodeDescriptor(encodeDescriptor(reference))).to.deep.equal(reference);
      }),
      seeded('encodeDescriptor()', 100),
    );
  });
});
