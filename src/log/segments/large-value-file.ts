// Large values: a value that is too large for the log has a file of its own; the put record in the log has only its
// descriptor. The file is written once, piece by piece, synced before the record is appended, and never changed
// (docs/format.md, "Large values").
//
//   header 32: 0 magic 8 | 8 version u32 | 12 crc u32 of 16..32 | 16 id u48 | 22 zero u16 | 24 salt u32 | 28 zero u32
//   chunk:     0 crc u32 of all after it | 4 data bytes u32 | 8 data (256 KiB, the last one less)
//
// Invariants:
// - Every chunk but the last is full, so a position is found without an index.
// - A chunk's CRC is seeded with the salt and the chunk's number, so no chunk is valid in the place of another.

import { crc32 } from 'node:zlib';

import { assert } from '../../assert.js';
import type { File } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { FORMAT_VERSION } from '../bytes/format.js';
import { writeFully } from './whole-file.js';
import { LARGE_MAGIC } from '../bytes/magic.js';

export const LARGE_HEADER_BYTES = 32;
export const LARGE_CHUNK_HEADER_BYTES = 8;
export const LARGE_CHUNK_BYTES = 256 * 1024;
export const LARGE_DESCRIPTOR_BYTES = 16;

/** A reference to a large value's file; the put record has it as its value, encoded as a descriptor. */
export interface LargeReference {
  readonly id: number;
  readonly bytes: number;
  readonly salt: number;
}

/** Encodes a descriptor: 0 id u48 | 6 value bytes u48 | 12 salt u32. */
export function encodeDescriptor({ id, bytes, salt }: LargeReference): Buffer {
  const descriptor = Buffer.alloc(LARGE_DESCRIPTOR_BYTES);
  descriptor.writeUIntLE(id, 0, 6);
  descriptor.writeUIntLE(bytes, 6, 6);
  descriptor.writeUInt32LE(salt, 12);
  return descriptor;
}

export function decodeDescriptor(descriptor: Buffer): LargeReference {
  assert(descriptor.length === LARGE_DESCRIPTOR_BYTES, 'A large value has a descriptor');
  return {
    id: descriptor.readUIntLE(0, 6),
    bytes: descriptor.readUIntLE(6, 6),
    salt: descriptor.readUInt32LE(12),
  };
}

/**
 * Throws when the file is not that of the large value `id`: KV_FORMAT_VERSION for an unknown version, KV_CORRUPTION
 * otherwise.
 */
export async function checkLargeHeader(file: File, id: number, salt: number): Promise<void> {
  const header = Buffer.alloc(LARGE_HEADER_BYTES);
  const count = await file.read(header, 0);
  const { path } = file;
  const version = largeVersion(header);
  if (version !== undefined && version !== FORMAT_VERSION) {
    const message = `Format version ${version} is not known to this release; use a newer one`;
    throw new KvError('KV_FORMAT_VERSION', message, { path, offset: 0 });
  }
  if (count === LARGE_HEADER_BYTES && header.equals(encodeHeader(id, salt))) return;
  const message =
    "The header of a large value's file is damaged, or belongs to another large value";
  throw new KvError('KV_CORRUPTION', message, { path, offset: 0 });
}

/** Returns the format version in the start of a file; undefined when the file is no large value. */
export function largeVersion(start: Buffer): number | undefined {
  if (start.length < 12 || start.toString('latin1', 0, 8) !== LARGE_MAGIC) return undefined;
  return start.readUInt32LE(8);
}

/** Returns the salt in the header of a large value's file; undefined when the header is damaged or of another file. */
export function saltOfLarge(header: Buffer): number | undefined {
  const salt = header.readUInt32LE(24);
  return header.equals(encodeHeader(header.readUIntLE(16, 6), salt)) ? salt : undefined;
}

function encodeHeader(id: number, salt: number): Buffer {
  const header = Buffer.alloc(LARGE_HEADER_BYTES);
  header.write(LARGE_MAGIC, 0, 'latin1');
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUIntLE(id, 16, 6);
  header.writeUInt32LE(salt, 24);
  header.writeUInt32LE(crc32(header.subarray(16)), 12);
  return header;
}

/** Gathers pieces into chunks and writes them; uses the memory of one chunk. */
export class LargeValueFileWriter {
  readonly #file: File;
  readonly #id: number;
  readonly #salt: number;
  readonly #chunk = Buffer.allocUnsafeSlow(LARGE_CHUNK_HEADER_BYTES + LARGE_CHUNK_BYTES);
  #filled = 0;
  #chunks = 0;

  /** `file` is new and empty. */
  constructor(file: File, id: number, salt: number) {
    this.#file = file;
    this.#id = id;
    this.#salt = salt;
  }

  async write(piece: Buffer): Promise<void> {
    let taken = 0;
    while (taken < piece.length) {
      const room = LARGE_CHUNK_BYTES - this.#filled;
      const part = piece.subarray(taken, taken + room);
      part.copy(this.#chunk, LARGE_CHUNK_HEADER_BYTES + this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === LARGE_CHUNK_BYTES) await this.#flush();
    }
  }

  /** Writes the last chunk and the header, and syncs the file; the caller makes its name durable. */
  async finish(): Promise<LargeReference> {
    const bytes = this.#chunks * LARGE_CHUNK_BYTES + this.#filled;
    if (this.#filled > 0) await this.#flush();
    await writeFully(this.#file, encodeHeader(this.#id, this.#salt), 0);
    await this.#file.sync();
    return { id: this.#id, bytes, salt: this.#salt };
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk.subarray(0, LARGE_CHUNK_HEADER_BYTES + this.#filled);
    chunk.writeUInt32LE(this.#filled, 4);
    chunk.writeUInt32LE(crc32(chunk.subarray(4), (this.#salt ^ this.#chunks) >>> 0), 0);
    await writeFully(this.#file, chunk, chunkOffset(this.#chunks));
    this.#chunks += 1;
    this.#filled = 0;
  }
}

/** Returns the length of the file for a value of `valueBytes` bytes. */
export function largeFileBytes(valueBytes: number): number {
  const chunks = Math.ceil(valueBytes / LARGE_CHUNK_BYTES);
  return LARGE_HEADER_BYTES + chunks * LARGE_CHUNK_HEADER_BYTES + valueBytes;
}

function chunkOffset(chunk: number): number {
  return LARGE_HEADER_BYTES + chunk * (LARGE_CHUNK_HEADER_BYTES + LARGE_CHUNK_BYTES);
}

/**
 * Reads from byte `position` of the value into `target` and checks each chunk. Returns the count, which is less than
 * target.length only at the value's end. Throws KV_CORRUPTION with the chunk's offset.
 */
export async function readLargeValue(
  file: File,
  reference: LargeReference,
  target: Buffer,
  position: number,
): Promise<number> {
  let filled = 0;
  while (filled < target.length && position + filled < reference.bytes) {
    const at = position + filled;
    const chunk = await readChunk(file, reference, Math.floor(at / LARGE_CHUNK_BYTES));
    filled += chunk.copy(target, filled, at % LARGE_CHUNK_BYTES);
  }
  return filled;
}

async function readChunk(file: File, reference: LargeReference, chunk: number): Promise<Buffer> {
  const bytes = Math.min(LARGE_CHUNK_BYTES, reference.bytes - chunk * LARGE_CHUNK_BYTES);
  const buffer = Buffer.allocUnsafe(LARGE_CHUNK_HEADER_BYTES + bytes);
  const offset = chunkOffset(chunk);
  const count = await file.read(buffer, offset);
  const crc = crc32(buffer.subarray(4), (reference.salt ^ chunk) >>> 0);
  if (
    count === buffer.length &&
    buffer.readUInt32LE(0) === crc &&
    buffer.readUInt32LE(4) === bytes
  ) {
    return buffer.subarray(LARGE_CHUNK_HEADER_BYTES);
  }
  throw new KvError('KV_CORRUPTION', 'A large value is damaged', { path: file.path, offset });
}
