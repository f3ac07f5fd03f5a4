// The image: the keydir as it was at a clean stop, so that the next start copies it into memory instead of
// replaying the log (docs/format.md, "IMAGE"). It is derived data: an image that is missing, damaged or of another
// state of the log changes only the start-up time. Only the store knows what the words and the state mean.
//
//   header 32: 0 magic 8 | 8 version u32 | 12 crc u32 of 16..31 and the description | 16 description bytes u32
//              20 crc u32 of the words | 24 bytes of the words u48 | 30 zero u16
//   description: a line of JSON, `log` and `store`      words: 32 bits each, without gaps
//
// Invariant: the header is written last and the file gets its name when it is whole. The image is not synced, because
// the stop would have to wait for the disk: after a power loss the checksums show whether it is whole.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { File, Fs } from '../../env/env.js';
import { IMAGE_NAME } from '../bytes/file-names.js';
import type { HashSeed } from '../bytes/key-hash.js';
import type { ManifestEntry } from '../bytes/manifest.js';
import type { SegmentState } from './segment.js';
import { freeTemporaryName, requireMayPut } from './ownership.js';
import { openIfThere, writeFully } from './whole-file.js';
import { IMAGE_MAGIC } from '../bytes/magic.js';

export const IMAGE_HEADER_BYTES = 32;
/** Rises with any change of the words or of the state. An image of another version is not used. */
export const IMAGE_VERSION = 4;

const CHECKED_FROM = 16;
const CHECK_BYTES = 1024 * 1024;

/** A segment with the keydir's accounting of it. */
type ImagedSegment = ManifestEntry & SegmentState;

/** The log that an image belongs to. */
export interface ImagedLog {
  readonly storeId: string;
  readonly segments: readonly ImagedSegment[];
  /** The end of the clean seal that ends the log. */
  readonly end: { readonly last: number; readonly offset: number };
  /** From the clean seal, as is timeMs. */
  readonly lastSeq: number;
  readonly timeMs: number;
  readonly hashSeed: HashSeed;
}

/** The store's part of an image. `state` is saved as JSON. */
export interface ImageContent {
  readonly state: unknown;
  readonly words: readonly Uint32Array[];
}

/** Writes the image. The words are written from their own memory, one array at a time. */
export async function writeImage(
  fs: Fs,
  dir: string,
  log: ImagedLog,
  content: ImageContent,
): Promise<void> {
  await requireMayPut(fs, dir, IMAGE_NAME);
  const temporary = join(dir, await freeTemporaryName(fs, dir, IMAGE_NAME));
  try {
    const file = await fs.open(temporary, 'create');
    try {
      await writeParts(file, log, content);
    } finally {
      await file.close();
    }
    await fs.rename(temporary, join(dir, IMAGE_NAME));
  } catch (error) {
    // The temporary file may use the last room of a full disk. A failed removal must not hide the first error.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
}

async function writeParts(
  file: File,
  log: ImagedLog,
  { state, words }: ImageContent,
): Promise<void> {
  const description = Buffer.from(`${JSON.stringify({ log, store: state })}\n`);
  await writeFully(file, description, IMAGE_HEADER_BYTES);
  const start = IMAGE_HEADER_BYTES + description.length;
  let end = start;
  let sum = 0;
  for (const piece of words) {
    const bytes = bytesOf(piece);
    sum = crc32(bytes, sum);
    await writeFully(file, bytes, end);
    end += bytes.length;
  }
  const header = Buffer.alloc(IMAGE_HEADER_BYTES);
  header.write(IMAGE_MAGIC, 0, 'latin1');
  header.writeUInt32LE(IMAGE_VERSION, 8);
  header.writeUInt32LE(description.length, 16);
  header.writeUInt32LE(sum, 20);
  header.writeUIntLE(end - start, 24, 6);
  header.writeUInt32LE(crc32(description, crc32(header.subarray(CHECKED_FROM))), 12);
  await writeFully(file, header, 0);
}

/** An image whose description was checked; `fill` reads and checks the words. */
export class ImageFile {
  readonly log: ImagedLog;
  readonly state: unknown;
  readonly #file: File;
  readonly #start: number;
  readonly #wordsBytes: number;
  readonly #sum: number;

  private constructor(file: File, header: Buffer, description: Buffer) {
    this.#file = file;
    this.#start = IMAGE_HEADER_BYTES + description.length;
    this.#sum = header.readUInt32LE(20);
    this.#wordsBytes = header.readUIntLE(24, 6);
    const { log, store } = JSON.parse(description.toString()) as { log: ImagedLog; store: unknown };
    this.log = log;
    this.state = store;
  }

  /**
   * Opens the directory's image. Returns the reason when it cannot be used, and undefined when there is none. Throws
   * the system's errors.
   */
  static async open(fs: Fs, dir: string): Promise<ImageFile | string | undefined> {
    const file = await openIfThere(fs, join(dir, IMAGE_NAME));
    if (file === undefined) return undefined;
    let image: ImageFile | string = 'it is damaged';
    try {
      image = await ImageFile.#read(file);
      return image;
    } finally {
      if (typeof image === 'string') await file.close();
    }
  }

  static async #read(file: File): Promise<ImageFile | string> {
    const header = Buffer.alloc(IMAGE_HEADER_BYTES);
    const count = await file.read(header, 0);
    if (count < IMAGE_HEADER_BYTES || header.toString('latin1', 0, 8) !== IMAGE_MAGIC)
      return 'it is damaged';
    if (header.readUInt32LE(8) !== IMAGE_VERSION) return 'it is of another release';
    const bytes = header.readUInt32LE(16);
    if (bytes > (await file.size())) return 'it is damaged';
    const description = Buffer.alloc(bytes);
    await file.read(description, IMAGE_HEADER_BYTES);
    const sum = crc32(description, crc32(header.subarray(CHECKED_FROM)));
    return sum === header.readUInt32LE(12)
      ? new ImageFile(file, header, description)
      : 'it is damaged';
  }

  /** Checks whether the words are as they were written. Throws the system's errors. */
  async isWhole(): Promise<boolean> {
    const bytes = Buffer.alloc(Math.min(CHECK_BYTES, this.#wordsBytes));
    let sum = 0;
    for (let done = 0; done < this.#wordsBytes; done += bytes.length) {
      const piece = bytes.subarray(0, Math.min(bytes.length, this.#wordsBytes - done));
      if ((await this.#file.read(piece, this.#start + done)) < piece.length) return false;
      sum = crc32(piece, sum);
    }
    return sum === this.#sum;
  }

  /** Reads all words into `target`; returns false when they are damaged or do not fill it. Throws the system's errors. */
  async fill(target: readonly Uint32Array[]): Promise<boolean> {
    const total = target.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (total !== this.#wordsBytes) return false;
    let position = this.#start;
    // All reads start at once: pool threads read while this thread checks the arrays that have come.
    const reads = target.map((piece) => {
      position += piece.byteLength;
      return this.#file.read(bytesOf(piece), position - piece.byteLength);
    });
    const over = Promise.allSettled(reads);
    let sum = 0;
    try {
      for (const [index, piece] of target.entries()) {
        if ((await reads[index]!) < piece.byteLength) return false;
        sum = crc32(bytesOf(piece), sum);
      }
    } finally {
      await over;
    }
    return sum === this.#sum;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}
