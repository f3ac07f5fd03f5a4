// Ownership: decides which files Cairn may remove or replace: plain files with a name that Cairn gives and a beginning
// that Cairn writes. All other files belong to others, whatever their names, and stay (docs/format.md, "Files of
// others").
//
// Invariant: a file that is not known to be ours is not ours; the check costs at most one small read.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, isKvError } from '../../errors.js';
import { MANIFEST_NAME, parseFileName, temporaryName } from '../bytes/file-names.js';
import type { FileKind } from '../bytes/file-names.js';
import { HINT_MAGIC, IMAGE_MAGIC, LARGE_MAGIC, SEGMENT_MAGIC } from '../bytes/magic.js';

const START_BYTES = 64;
/** Size of the header of an image and of a large value, which is written last. */
const HEADER_BYTES = 32;
const MANIFEST_START = '{"format":"cairn-manifest"';
const SNAPSHOT_START = '{"format":"cairn-snapshot"';
const IMAGE_DESCRIPTION_START = '{"log":{"storeId":"';

const STARTS: ReadonlyMap<FileKind['kind'], string> = new Map([
  ['manifest', MANIFEST_START],
  ['segment', SEGMENT_MAGIC],
  ['hint', HINT_MAGIC],
  ['image', IMAGE_MAGIC],
  ['large-value', LARGE_MAGIC],
  ['snapshot', SNAPSHOT_START],
]);

/** Checks whether the file `name` is ours and may be removed or replaced. Returns false when there is none. */
export async function isOurs(fs: Fs, dir: string, name: string): Promise<boolean> {
  const path = join(dir, name);
  const parsed = parseFileName(name);
  if (parsed.kind === 'other' || (await fs.kindOf(path)) !== 'file') return false;
  // A file that a crash cut short may have any bytes, so its mark decides. LOCK and the socket never have a mark.
  if (parsed.kind === 'temporary' && parsed.isMarked) return STARTS.has(parsed.of);
  const start = await startIfReadable(fs, path);
  if (start === undefined) return false;
  return parsed.kind === 'temporary'
    ? isWrittenAs(parsed.of, start)
    : startsAs(parsed.kind, start) || isBlank(headOf(parsed.kind, start));
}

/** Returns the first free temporary name for the file `name`. Requires: nobody else writes to the directory. */
export async function freeTemporaryName(fs: Fs, dir: string, name: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const free = temporaryName(name, number.toString(16));
    if ((await fs.kindOf(join(dir, free))) === undefined) return free;
  }
}

/** Removes the file `name` if it is ours. */
export async function removeOurs(fs: Fs, dir: string, name: string): Promise<void> {
  if (await isOurs(fs, dir, name)) await fs.remove(join(dir, name));
}

/** Checks whether our file may get this name: nothing has it, or our file has it. */
async function mayPut(fs: Fs, dir: string, name: string): Promise<boolean> {
  const found = await fs.kindOf(join(dir, name));
  // The manifest in the directory was read and checked at the start.
  if (found === 'file' && name === MANIFEST_NAME) return true;
  return found === undefined || (await isOurs(fs, dir, name));
}

/** Throws KV_CORRUPTION when another program's file has the name that our file should get. */
export async function requireMayPut(fs: Fs, dir: string, name: string): Promise<void> {
  if (await mayPut(fs, dir, name)) return;
  const what =
    "Another program's file lies where a file of the store belongs; it was not touched: move it away";
  throw new KvError('KV_CORRUPTION', what, { path: join(dir, name) });
}

/** Throws KV_CORRUPTION when something that is no file has this path. */
export async function requireFile(fs: Fs, path: string): Promise<void> {
  const found = await fs.kindOf(path);
  if (found === undefined || found === 'file') return;
  const what = `A ${found === 'other' ? 'pipe, a socket or a device' : found} lies where a file of the store belongs`;
  throw new KvError('KV_CORRUPTION', `${what}; it was not touched: move it away`, { path });
}

/** Returns the first bytes of a file; undefined when this user may not read it. */
async function startIfReadable(fs: Fs, path: string): Promise<Buffer | undefined> {
  try {
    return await startOf(fs, path);
  } catch (error) {
    if (!isKvError(error, 'KV_NO_PERMISSION')) throw error;
    return undefined;
  }
}

/** Returns the first bytes of a file. Throws the system's errors. */
export async function startOf(fs: Fs, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(START_BYTES);
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/** Returns the kind of a store's file that begins with `start`; undefined when it is no such file. */
export function kindOfBytes(start: Buffer): FileKind['kind'] | undefined {
  for (const [kind, text] of STARTS) {
    if (kind !== 'snapshot' && startsWith(start, text)) return kind;
  }
  return undefined;
}

/** Returns the bytes that may be zero after a power loss, or after an upload to an older release was cut short. */
function headOf(kind: FileKind['kind'], start: Buffer): Buffer {
  return kind === 'large-value' ? start.subarray(0, HEADER_BYTES) : start;
}

/** Checks whether the store's own snapshot.json may replace a file that begins with `start`. */
export function isSnapshotOrBlank(start: Buffer): boolean {
  return startsAs('snapshot', start) || isBlank(start);
}

function isWrittenAs(kind: FileKind['kind'], start: Buffer): boolean {
  if (startsAs(kind, start)) return true;
  const header = start.subarray(0, HEADER_BYTES);
  const description = start.subarray(HEADER_BYTES);
  return kind === 'image' && isBlank(header) && startsWith(description, IMAGE_DESCRIPTION_START);
}

function startsAs(kind: FileKind['kind'], start: Buffer): boolean {
  const text = STARTS.get(kind);
  return text !== undefined && startsWith(start, text);
}

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.toString('latin1', 0, text.length) === text;
}

/** Checks whether there are no bytes or only zeros: after a power loss a file may have its name but not its bytes. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
