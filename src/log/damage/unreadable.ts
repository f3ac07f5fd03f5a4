// Unreadable bytes: reads a file of which the disk can no longer read some blocks. It replaces these with zeros, which
// fail every checksum, so that the data around them is still found. It reports their places.

import type { File } from '../../env/env.js';
import { systemCode } from '../../errors.js';

/** A file system's block: a disk fails to read at least this much at a time. */
const PIECE_BYTES = 4096;

/** Called once for each piece that could not be read. */
type OnUnreadable = (path: string, offset: number, bytes: number) => void;

/** Returns a File that reads from `file`; on EIO it calls `onUnreadable` and goes on. */
export function readingAround(file: File, onUnreadable: OnUnreadable): File {
  const told = new Set<number>();
  const tell = (offset: number, bytes: number): void => {
    if (told.has(offset)) return;
    told.add(offset);
    onUnreadable(file.path, offset, bytes);
  };
  return {
    path: file.path,
    read: (target, position) => readAround(file, target, position, tell),
    write: () => Promise.reject(new Error('This file is only read')),
    writeNow: () => Promise.reject(new Error('This file is only read')),
    sync: () => file.sync(),
    truncate: () => Promise.reject(new Error('This file is only read')),
    size: () => file.size(),
    links: () => file.links(),
    isInPlace: () => file.isInPlace(),
    close: () => file.close(),
  };
}

async function readAround(
  file: File,
  target: Uint8Array,
  position: number,
  tell: (offset: number, bytes: number) => void,
): Promise<number> {
  const whole = await attempt(file, target, position);
  if (whole !== undefined) return whole;
  const end = Math.min(target.length, Math.max(0, (await file.size()) - position));
  for (let at = 0; at < end;) {
    const boundary = PIECE_BYTES - ((position + at) % PIECE_BYTES);
    const piece = target.subarray(at, Math.min(end, at + boundary));
    if ((await attempt(file, piece, position + at)) === undefined) {
      piece.fill(0);
      tell(position + at, piece.length);
    }
    at += piece.length;
  }
  return end;
}

async function attempt(
  file: File,
  target: Uint8Array,
  position: number,
): Promise<number | undefined> {
  try {
    return await file.read(target, position);
  } catch (error: unknown) {
    if (systemCode(error) !== 'EIO') throw error;
    return undefined;
  }
}
