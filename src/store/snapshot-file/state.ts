// State of a JSON snapshot: checks whether the file is whole, by reading it to its last line, which has the checksum.

import type { File, Fs } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { SnapshotParser } from './parser.js';

const CHUNK_BYTES = 1024 * 1024;
const HEAD_BYTES = 256;
const HEAD =
  /^\{"format":"cairn-snapshot","version":1,"seq":(\d+),"createdAt":(\d+)[.\d]*,"storeId":"([0-9a-f]{32})",/;
/** The last time that a Date can hold. */
const TIME_MAX_MS = 8.64e15;

export type SnapshotState =
  | { readonly state: 'none' }
  | {
      readonly state: 'good';
      readonly keys: number;
      readonly seq: number | undefined;
      /** Unix ms. */
      readonly createdAt: number | undefined;
    }
  | { readonly state: 'damaged'; readonly what: string };

export async function snapshotState(fs: Fs, path: string): Promise<SnapshotState> {
  let file: File;
  try {
    file = await fs.open(path, 'read');
  } catch (error: unknown) {
    if (systemCode(error) === 'ENOENT') return { state: 'none' };
    if (!isKvError(error)) throw error;
    return { state: 'damaged', what: (error as Error).message };
  }
  try {
    return await parsed(file);
  } catch (error: unknown) {
    if (!isKvError(error) && systemCode(error) !== 'EIO') throw error;
    return { state: 'damaged', what: (error as Error).message };
  } finally {
    await file.close();
  }
}

/** Returns the first line's fields, unchecked; undefined when the line is not of a snapshot that a server wrote. */
export async function snapshotHead(
  fs: Fs,
  path: string,
): Promise<{ storeId: string; seq: number; createdAt: number } | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  const file = await fs.open(path, 'read');
  try {
    await file.read(head, 0);
  } finally {
    await file.close();
  }
  const found = HEAD.exec(head.toString('latin1'));
  if (found === null) return undefined;
  const [, seq, createdAt, storeId = ''] = found;
  return { storeId, seq: Number(seq), createdAt: Math.min(Number(createdAt), TIME_MAX_MS) };
}

async function parsed(file: File): Promise<SnapshotState> {
  const parser = new SnapshotParser(file.path);
  for (let position = 0; ;) {
    // A new chunk each time, because the parser keeps views.
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = await file.read(chunk, position);
    if (count === 0) break;
    position += count;
    drain(parser.push(chunk.subarray(0, count)));
  }
  drain(parser.end());
  const { count, seq, createdAt } = parser.summary();
  return { state: 'good', keys: count, seq, createdAt };
}

/** Reads all entries, which checks them, and drops them. */
function drain(entries: Iterable<unknown>): void {
  const iterator = entries[Symbol.iterator]();
  while (iterator.next().done !== true);
}
