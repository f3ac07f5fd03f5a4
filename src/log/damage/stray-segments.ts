// Stray segments: makes a manifest for a log that has lost its own, from the headers of the segments found. Only
// checking and salvaging use it; no server ever starts from it (docs/recovery.md).

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { readHeader } from '../segments/directory.js';
import { hintName, parseFileName } from '../bytes/file-names.js';
import type { SegmentHeader } from '../bytes/format.js';
import { hintClaim } from '../segments/hint-file.js';
import type { Manifest, ManifestEntry } from '../bytes/manifest.js';

interface StrayLog {
  /**
   * A segment counts as open when it has no hint, because only the hint and the lost manifest have a sealed segment's
   * length. Numbers that no file stands for have an entry whose file is missing.
   */
  readonly manifest: Manifest;
  /** Files with an unreadable header, or with the header of another store. */
  readonly unreadable: readonly string[];
}

/** Finds the segments in `dir`. Throws KV_FORMAT_VERSION for a segment of an unknown format version. */
export async function findStrayLog(fs: Fs, dir: string): Promise<StrayLog> {
  const headers: { path: string; header: SegmentHeader }[] = [];
  const unreadable: string[] = [];
  let newestName = 0;
  for (const name of await fs.list(dir)) {
    const parsed = parseFileName(name);
    if (parsed.kind !== 'segment') continue;
    newestName = Math.max(newestName, parsed.last);
    const path = join(dir, name);
    if ((await fs.kindOf(path)) !== 'file') {
      unreadable.push(path);
      continue;
    }
    const file = await fs.open(path, 'read');
    try {
      headers.push({ path, header: await readHeader(file) });
    } catch (error: unknown) {
      if (!isKvError(error, 'KV_CORRUPTION') && systemCode(error) !== 'EIO') throw error;
      unreadable.push(path);
    } finally {
      await file.close();
    }
  }
  const storeId = commonest(headers.map(({ header }) => header.storeId.toString('hex')));
  const ours = headers.filter(({ header }) => header.storeId.toString('hex') === storeId);
  const strangers = headers.filter((each) => !ours.includes(each)).map(({ path }) => path);
  const found = newest(ours.map(({ header }) => header));
  const entries = await Promise.all(found.map((header) => entryOf(fs, dir, header)));
  const segments = withGaps(entries, newestName);
  return { manifest: { storeId, segments }, unreadable: [...unreadable, ...strangers] };
}

/** Returns the headers in log order, without those whose numbers a file of a newer generation covers. */
function newest(headers: readonly SegmentHeader[]): SegmentHeader[] {
  const isReplaced = (old: SegmentHeader): boolean =>
    headers.some(
      (other) =>
        other.generation > old.generation && other.first <= old.first && other.last >= old.last,
    );
  return headers.filter((header) => !isReplaced(header)).sort((a, b) => a.first - b.first);
}

/** Returns the segment's entry: sealed when it has an undamaged hint, because only sealed segments get one. */
async function entryOf(
  fs: Fs,
  dir: string,
  { first, last, generation, salt }: SegmentHeader,
): Promise<ManifestEntry> {
  const hint = await hintClaim(fs, dir, hintName(last, generation)).catch((error: unknown) => {
    if (isKvError(error) || systemCode(error) === 'EIO') return undefined;
    throw error;
  });
  const isItsOwn = hint?.salt === salt && hint.first === first && hint.generation === generation;
  return { first, last, generation, salt, bytes: isItsOwn ? hint.committedBytes : null };
}

function withGaps(found: readonly ManifestEntry[], newestName: number): ManifestEntry[] {
  const entries: ManifestEntry[] = [];
  let expected = 1;
  const fill = (last: number): void => {
    if (last < expected) return;
    entries.push({ first: expected, last, generation: 0, salt: 0, bytes: null });
  };
  for (const entry of found) {
    fill(entry.first - 1);
    entries.push(entry);
    expected = entry.last + 1;
  }
  fill(newestName);
  return entries;
}

function commonest(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? '';
}
