// The file RECENCY: who was used when, written at an orderly stop and read at the next start, so that
// eviction and --max-idle go on where they were (docs/recovery.md, "Recency"). A convenience: when it is
// missing or damaged, items count as used in the order in which they were written.
//
//   header 16: 0 magic 8 | 8 version u32 | 12 crc u32 of all after it
//   entry: 0 last used, Unix seconds u32 | 4 key bytes u16 | 6 key      least recently used first

import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Fs } from '../env/env.js';
import { RECENCY_NAME } from '../log/files.js';
import { FORMAT_VERSION } from '../log/format.js';
import { readWholeFile, replaceFile } from '../log/whole-file.js';
import type { Keydir } from './keydir.js';

export const RECENCY_MAGIC = 'CAIRNREC';
export const RECENCY_HEADER_BYTES = 16;
export const RECENCY_ENTRY_BYTES = 6;

const WALK_KEYS = 10_000;

/** Writes the order of use; without one, last uses in any order. */
export async function saveRecency(fs: Fs, dir: string, keydir: Keydir): Promise<void> {
  const entries = new RecencyEntries(keydir);
  if (keydir.oldest !== 0) {
    for (let ref = keydir.oldest; ref !== 0; ref = keydir.newer(ref)) entries.add(ref);
  } else {
    let cursor = 0;
    do cursor = keydir.walk(cursor, WALK_KEYS, (ref) => entries.add(ref));
    while (cursor !== 0);
  }
  await replaceFile(fs, dir, RECENCY_NAME, entries.finish());
}

/** Takes the uses over into the keydir and removes the file: it is true only once. */
export async function loadRecency(fs: Fs, dir: string, keydir: Keydir): Promise<void> {
  const path = join(dir, RECENCY_NAME);
  const bytes = await readWholeFile(fs, path);
  if (bytes === undefined) return;
  await fs.remove(path);
  if (!isIntact(bytes)) return;
  for (let at = RECENCY_HEADER_BYTES; at < bytes.length;) {
    const keyAt = at + RECENCY_ENTRY_BYTES;
    const end = keyAt + bytes.readUInt16LE(at + 4);
    const ref = keydir.find(bytes.subarray(keyAt, end));
    if (ref !== 0) {
      keydir.setLastUsedSeconds(ref, bytes.readUInt32LE(at));
      keydir.touch(ref);
    }
    at = end;
  }
}

function isIntact(bytes: Buffer): boolean {
  return (
    bytes.length >= RECENCY_HEADER_BYTES &&
    bytes.toString('latin1', 0, 8) === RECENCY_MAGIC &&
    bytes.readUInt32LE(8) === FORMAT_VERSION &&
    bytes.readUInt32LE(12) === crc32(bytes.subarray(RECENCY_HEADER_BYTES))
  );
}

class RecencyEntries {
  readonly #keydir: Keydir;
  #bytes: Buffer;
  #end = RECENCY_HEADER_BYTES;

  constructor(keydir: Keydir) {
    this.#keydir = keydir;
    this.#bytes = Buffer.alloc(RECENCY_HEADER_BYTES + keydir.count * 32);
  }

  add(ref: number): void {
    const keydir = this.#keydir;
    const keyBytes = keydir.keyLength(ref);
    const end = this.#end + RECENCY_ENTRY_BYTES + keyBytes;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(end * 2);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    this.#bytes.writeUInt32LE(keydir.lastUsedSeconds(ref), this.#end);
    this.#bytes.writeUInt16LE(keyBytes, this.#end + 4);
    keydir.copyKey(ref, this.#bytes.subarray(this.#end + RECENCY_ENTRY_BYTES));
    this.#end = end;
  }

  finish(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#end);
    bytes.write(RECENCY_MAGIC, 0, 'latin1');
    bytes.writeUInt32LE(FORMAT_VERSION, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(RECENCY_HEADER_BYTES)), 12);
    return bytes;
  }
}
