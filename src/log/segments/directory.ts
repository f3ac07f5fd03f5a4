// A data directory's files: opens every segment that the manifest names, checks that each is the right file, and tells
// leftovers from files that should not be there (docs/recovery.md, the table).
// It only reads: kv-dump uses it on a directory that a server has open.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { parseFileName, segmentName } from '../bytes/file-names.js';
import { FORMAT_VERSION, SEGMENT_HEADER_BYTES, decodeSegmentHeader } from '../bytes/format.js';
import type { DecodedHeader, SegmentHeader } from '../bytes/format.js';
import { LARGE_HEADER_BYTES, largeVersion } from './large-value-file.js';
import type { Manifest, ManifestEntry } from '../bytes/manifest.js';
import { isOurs, requireFile } from './ownership.js';
import { SegmentScanner } from './segment-scanner.js';
import { SegmentTable } from './segment.js';
import { readWholeFile } from './whole-file.js';

/**
 * Opens all segments of the manifest for reading and adds them to `table`, which must be empty. Throws KV_CORRUPTION
 * with the path of the first wrong file.
 */
export async function openSegments(
  fs: Fs,
  dir: string,
  manifest: Manifest,
  table = new SegmentTable(),
): Promise<SegmentTable> {
  try {
    for (const entry of manifest.segments)
      await openSegment(fs, dir, manifest.storeId, entry, table);
    return table;
  } catch (error) {
    await table.close();
    throw error;
  }
}

async function openSegment(
  fs: Fs,
  dir: string,
  storeId: string,
  entry: ManifestEntry,
  table: SegmentTable,
): Promise<void> {
  const path = join(dir, segmentName(entry.last, entry.generation));
  const segment = table.add(entry, await openNamed(fs, path));
  checkIdentity(await readHeader(segment.file), entry, storeId, path);
  if (entry.bytes === null) return;
  segment.sealed = true;
  segment.committedBytes = entry.bytes;
  if ((await segment.file.size()) < entry.bytes) {
    throw new KvError('KV_CORRUPTION', `The segment is shorter than its ${entry.bytes} bytes`, {
      path,
      offset: await segment.file.size(),
    });
  }
}

/**
 * Returns the finding for an open segment whose file of `size` bytes was cut; undefined when it was not. If the log
 * ends with a clean seal, only zeros were lost.
 */
export function cutText({ bytes, zeroed }: ManifestEntry, size: number): string | undefined {
  if (bytes !== null || zeroed === undefined || size >= zeroed) return undefined;
  return (
    `The segment had been ${zeroed} bytes long and has ${size}: it was cut, as by a copy that was interrupted, ` +
    'and what was written last may be missing; copy it again'
  );
}

async function openNamed(fs: Fs, path: string): Promise<File> {
  try {
    return await fs.open(path, 'read');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new KvError('KV_CORRUPTION', 'A segment that the manifest names is missing', {
      path,
      cause: error,
    });
  }
}

export async function readHeader(file: File): Promise<SegmentHeader> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const count = await file.read(bytes, 0);
  const decoded = decodeSegmentHeader(bytes.subarray(0, count));
  if (decoded.ok) return decoded.header;
  throw headerError(decoded, file.path);
}

function headerError(decoded: DecodedHeader & { ok: false }, path: string): KvError {
  if (decoded.defect === 'version') {
    return new KvError(
      'KV_FORMAT_VERSION',
      `Format version ${decoded.version} is not known to this release; use a newer one`,
      { path },
    );
  }
  return new KvError('KV_CORRUPTION', `The segment's header is damaged: ${decoded.defect}`, {
    path,
    offset: 0,
  });
}

/** Throws KV_CORRUPTION when the file is not the segment of the manifest's entry. */
export function checkIdentity(
  header: SegmentHeader,
  entry: ManifestEntry,
  storeId: string,
  path: string,
): void {
  const problem = (text: string): KvError =>
    new KvError('KV_CORRUPTION', text, { path, offset: 0 });
  if (header.storeId.toString('hex') !== storeId) {
    throw problem('The segment belongs to another store');
  }
  const same =
    header.first === entry.first &&
    header.last === entry.last &&
    header.generation === entry.generation &&
    header.salt === entry.salt;
  if (!same) {
    throw problem(
      `The segment is not the one that the manifest means: it says ${header.first}-${header.last}, generation ${header.generation}`,
    );
  }
}

/**
 * Returns Cairn's files that an interrupted rotation or compaction left: they are safe to remove. Throws KV_CORRUPTION
 * for any other segment that the manifest does not name (a copy, another store's, a manifest older than the log).
 */
export async function findLeftovers(fs: Fs, dir: string, manifest: Manifest): Promise<string[]> {
  const named = new Set(
    manifest.segments.map((entry) => segmentName(entry.last, entry.generation)),
  );
  const newest = manifest.segments.at(-1)?.last ?? 0;
  const leftovers: string[] = [];
  for (const name of await fs.list(dir)) {
    const parsed = parseFileName(name);
    if (parsed.kind === 'temporary' && (await isOurs(fs, dir, name))) leftovers.push(name);
    if (parsed.kind === 'large-value' && (await isOurs(fs, dir, name)))
      await refuseNewer(fs, join(dir, name));
    if (parsed.kind !== 'segment' && parsed.kind !== 'hint') continue;
    const segment = segmentName(parsed.last, parsed.generation);
    if (named.has(segment)) continue;
    if (parsed.kind === 'segment') await explainUnnamed(fs, dir, name, manifest.storeId, newest);
    else if (!(await isOurs(fs, dir, name))) continue;
    leftovers.push(name);
  }
  return leftovers;
}

/** Refuses a large value of a newer release before any file is changed: only its own header has its version. */
async function refuseNewer(fs: Fs, path: string): Promise<void> {
  const start = (await readWholeFile(fs, path, LARGE_HEADER_BYTES)) ?? Buffer.alloc(0);
  const version = largeVersion(start);
  if (version === undefined || version === FORMAT_VERSION) return;
  const message = `Format version ${version} is not known to this release; use a newer one`;
  throw new KvError('KV_FORMAT_VERSION', message, { path, offset: 0 });
}

async function explainUnnamed(
  fs: Fs,
  dir: string,
  name: string,
  storeId: string,
  newest: number,
): Promise<void> {
  const path = join(dir, name);
  await requireFile(fs, path);
  const file = await fs.open(path, 'read');
  try {
    const parsed = parseFileName(name);
    const [last, generation] =
      parsed.kind === 'segment' ? [parsed.last, parsed.generation] : [0, 0];
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const count = await file.read(bytes, 0);
    const decoded = decodeSegmentHeader(bytes.subarray(0, count));
    // A successor of an older release whose creation was cut short: its header never reached the disk.
    const isVoid = bytes.every((byte) => byte === 0);
    if (isVoid && last === newest + 1 && generation === 0) return;
    const ours = decoded.ok && decoded.header.storeId.toString('hex') === storeId;
    const { last: says, generation: saysGeneration, salt = 0 } = decoded.ok ? decoded.header : {};
    // A copy under another name is no leftover. Zeros ahead may have reached the disk garbled, so the check is
    // for a whole batch, not for zeros.
    if (ours && says === last && saysGeneration === generation) {
      if (last <= newest || !(await hasBatch(file, salt))) return;
    }
  } finally {
    await file.close();
  }
  throw new KvError(
    'KV_CORRUPTION',
    "A segment lies here that the manifest does not name: it is a copy, another store's, or newer than the manifest; move it away if you know that it does not belong here",
    { path },
  );
}

async function hasBatch(file: File, salt: number): Promise<boolean> {
  const scanner = new SegmentScanner(file, salt, await file.size());
  return (await scanner.next()) !== undefined;
}
