// Which files are Cairn's to remove or to replace: those with a name that it gives, that are plain files, and whose
// bytes begin as it begins them. All others are a stranger's, whatever they are called, and stay (docs/format.md,
// "Files of others").
//
// Invariant: what is not known to be ours is not ours; no name with an answer here costs more than one small read.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, isKvError } from '../../errors.js';
import { MANIFEST_NAME, parseFileName, temporaryName } from '../bytes/file-names.js';
import type { FileKind } from '../bytes/file-names.js';
import { HINT_MAGIC, IMAGE_MAGIC, LARGE_MAGIC, SEGMENT_MAGIC } from '../bytes/magic.js';

const START_BYTES = 64;
/** Of an image and a large value the header is written last. */
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

/** Whether the file of that name may be removed or replaced; false when there is none. */
export async function isOurs(fs: Fs, dir: string, name: string): Promise<boolean> {
  const path = join(dir, name);
  const parsed = parseFileName(name);
  if (parsed.kind === 'other' || (await fs.kindOf(path)) !== 'file') return false;
  // Of what a crash cut short the bytes may be anything: the mark has to do. LOCK and the socket are never written so.
  if (parsed.kind === 'temporary' && parsed.isMarked) return STARTS.has(parsed.of);
  const start = await startIfReadable(fs, path);
  if (start === undefined) return false;
  return parsed.kind === 'temporary'
    ? isWrittenAs(parsed.of, start)
    : startsAs(parsed.kind, start) || isBlank(headOf(parsed.kind, start));
}

/** The first temporary name for a file in a store that nothing has. Requires: nobody else writes there. */
export async function freeTemporaryName(fs: Fs, dir: string, name: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const free = temporaryName(name, number.toString(16));
    if ((await fs.kindOf(join(dir, free))) === undefined) return free;
  }
}

/** Removes the file of that name when it is ours, and nothing else. */
export async function removeOurs(fs: Fs, dir: string, name: string): Promise<void> {
  if (await isOurs(fs, dir, name)) await fs.remove(join(dir, name));
}

/** Whether a file is missing or ours, so that ours may be put there. */
async function mayPut(fs: Fs, dir: string, name: string): Promise<boolean> {
  const found = await fs.kindOf(join(dir, name));
  // The manifest that lies there was read and proved at the start.
  if (found === 'file' && name === MANIFEST_NAME) return true;
  return found === undefined || (await isOurs(fs, dir, name));
}

/** Throws KV_CORRUPTION when a stranger's file lies where ours is to be put. */
export async function requireMayPut(fs: Fs, dir: string, name: string): Promise<void> {
  if (await mayPut(fs, dir, name)) return;
  const what =
    'What lies where a file of the store belongs is not one; it was not touched: move it away';
  throw new KvError('KV_CORRUPTION', what, { path: join(dir, name) });
}

/** Throws KV_CORRUPTION when something else than a file lies there. */
export async function requireFile(fs: Fs, path: string): Promise<void> {
  const found = await fs.kindOf(path);
  if (found === undefined || found === 'file') return;
  const what = `What lies where a file of the store belongs is a ${found === 'other' ? 'pipe, a socket or a device' : found}`;
  throw new KvError('KV_CORRUPTION', `${what}; it was not touched: move it away`, { path });
}

/** Undefined when this user may not read it. */
async function startIfReadable(fs: Fs, path: string): Promise<Buffer | undefined> {
  try {
    return await startOf(fs, path);
  } catch (error) {
    if (!isKvError(error, 'KV_NO_PERMISSION')) throw error;
    return undefined;
  }
}

/** The first bytes of a file. Throws the system's errors. */
export async function startOf(fs: Fs, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(START_BYTES);
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/** What the bytes say a file is that begins so; undefined when it is none of a store's. */
export function kindOfBytes(start: Buffer): FileKind['kind'] | undefined {
  for (const [kind, text] of STARTS) {
    if (kind !== 'snapshot' && startsWith(start, text)) return kind;
  }
  return undefined;
}

/** What a power loss, or the end of an upload to an older release, may have left of zeros. */
function headOf(kind: FileKind['kind'], start: Buffer): Buffer {
  return kind === 'large-value' ? start.subarray(0, HEADER_BYTES) : start;
}

/** Whether a file that begins so may be replaced by a snapshot that nobody asked for. */
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

/** Nothing, or zeros: a power loss took the bytes of a file that kept its name. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
