// Files that options name: passwords, tokens, certificates and settings. They are read whole, and up to a bound, because
// a path such as /dev/zero has no end and would fill the memory.

import fs from 'node:fs';

import { KvError } from '../errors.js';
import { MIB } from '../limits.js';
import { optionFileFailure } from './file-failure.js';

const OPTION_FILE_BYTES_MAX = 16 * MIB;
const PIECE_BYTES = 64 * 1024;

/** `what` names the file in messages. Throws KV_BAD_OPTION or KV_NO_PERMISSION when it cannot be read or is too large. */
export function readOptionFile(what: string, path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readAtMost(path, OPTION_FILE_BYTES_MAX + 1);
  } catch (cause) {
    throw optionFileFailure(what, path, cause);
  }
  if (bytes.length <= OPTION_FILE_BYTES_MAX) return bytes;
  const message = `${what} is larger than 16 MiB or has no end: name another`;
  throw new KvError('KV_BAD_OPTION', message, { path });
}

/** Reads the first `bytesMax` bytes, or all if there are fewer. Throws the system's error. */
export function readAtMost(path: string, bytesMax: number): Buffer {
  const descriptor = fs.openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < bytesMax) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytesMax - length));
      const got = fs.readSync(descriptor, piece);
      if (got === 0) break;
      pieces.push(piece.subarray(0, got));
      length += got;
    }
    return Buffer.concat(pieces);
  } finally {
    fs.closeSync(descriptor);
  }
}
