// Reads around damage, for `kv-dump --salvage`: what is left of a log whose manifest, segments or batches
// are gone in part (docs/recovery.md). Reads only.
//
// What the damaged places said is unknown: if one was a delete, the key is back; if one was a newer value,
// the older one is shown. Whoever salvages is told each place and decides.

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { KvError, isKvError } from '../errors.js';
import { checkIdentity, readHeader } from '../log/directory.js';
import { parseFileName, segmentName } from '../log/files.js';
import type { SegmentHeader } from '../log/format.js';
import { replaysValue, type ReplayEntry } from '../log/entry-list.js';
import { readManifest, type ManifestEntry } from '../log/manifest.js';
import { SegmentTable, type Segment } from '../log/segment.js';
import { SegmentScanner, type ScannedBatch } from '../log/segment-scanner.js';

const NO_VALUE = Buffer.alloc(0);

/** Told each damaged place, once for each time that it is passed. */
export type OnDamage = (error: unknown) => void;

/** Opens what can be opened of the segments that the manifest names; without one, of those that lie there. */
export async function openSalvageable(
  env: Env,
  dir: string,
  onDamage: OnDamage,
): Promise<SegmentTable> {
  const table = new SegmentTable();
  for (const entry of await entriesOf(env, dir, onDamage)) {
    const path = join(dir, segmentName(entry.last, entry.generation));
    try {
      const file = await env.fs.open(path, 'read');
      const segment = table.add(entry, file);
      segment.committedBytes = Math.min(entry.bytes ?? Infinity, await file.size());
      segment.sealed = entry.bytes !== null;
    } catch (error: unknown) {
      onDamage(error);
    }
  }
  return table;
}

/** Every whole batch of a segment; damage between them is told and passed. */
export async function* batchesAround(
  segment: Segment,
  onDamage: OnDamage,
): AsyncGenerator<ScannedBatch> {
  const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
  for (;;) {
    const batch = await scanner.next();
    if (batch !== undefined) {
      yield batch;
      continue;
    }
    if (scanner.defect === undefined) return;
    const { offset, defect } = scanner.defect;
    const later = await scanner.resync();
    // Behind the last batch of an open segment lie the zeros that were written ahead, or a torn tail.
    if (later !== undefined || segment.sealed) {
      const { path } = segment.file;
      onDamage(new KvError('KV_CORRUPTION', `A batch is damaged: ${defect}`, { path, offset }));
    }
    if (later === undefined) return;
    yield later;
  }
}

/** Visits every record of the whole batches, in log order. Returns the highest seq and time. */
export async function replayAround(
  table: SegmentTable,
  visit: (entry: ReplayEntry, segment: Segment) => void,
  onDamage: OnDamage,
): Promise<{ readonly lastSeq: number; readonly timeMs: number }> {
  let lastSeq = 0;
  let timeMs = 0;
  for (const segment of table.ordered) {
    for await (const { header, frames } of batchesAround(segment, onDamage)) {
      timeMs = Math.max(timeMs, header.timeMs);
      // A seal has no record, but says which was the last before it: compaction may have dropped that one.
      if (frames.length === 0) lastSeq = Math.max(lastSeq, header.firstSeq);
      for (const { record, offset, bytes } of frames) {
        lastSeq = Math.max(lastSeq, record.seq);
        const value = replaysValue(record) ? record.value : NO_VALUE;
        visit({ ...record, value, offset, bytes }, segment);
      }
    }
  }
  return { lastSeq, timeMs };
}

async function entriesOf(
  env: Env,
  dir: string,
  onDamage: OnDamage,
): Promise<readonly ManifestEntry[]> {
  try {
    const manifest = await readManifest(env.fs, dir);
    if (manifest !== undefined) {
      const checked: ManifestEntry[] = [];
      for (const entry of manifest.segments) {
        if (await isRight(env, dir, entry, manifest.storeId, onDamage)) checked.push(entry);
      }
      return checked;
    }
    const message = 'There is no manifest: the segments that lie here are read';
    onDamage(new KvError('KV_CORRUPTION', message, { path: dir }));
  } catch (error: unknown) {
    if (!isKvError(error)) throw error;
    onDamage(error);
  }
  return entriesLyingHere(env, dir, onDamage);
}

async function isRight(
  env: Env,
  dir: string,
  entry: ManifestEntry,
  storeId: string,
  onDamage: OnDamage,
): Promise<boolean> {
  const path = join(dir, segmentName(entry.last, entry.generation));
  try {
    const file = await env.fs.open(path, 'read');
    try {
      checkIdentity(await readHeader(file), entry, storeId, path);
    } finally {
      await file.close();
    }
    return true;
  } catch (error: unknown) {
    onDamage(error);
    return false;
  }
}

/** By their own headers; a file that a newer generation stands for is left out. */
async function entriesLyingHere(
  env: Env,
  dir: string,
  onDamage: OnDamage,
): Promise<readonly ManifestEntry[]> {
  const headers: SegmentHeader[] = [];
  for (const name of await env.fs.list(dir)) {
    if (parseFileName(name).kind !== 'segment') continue;
    const file = await env.fs.open(join(dir, name), 'read');
    try {
      headers.push(await readHeader(file));
    } catch (error: unknown) {
      onDamage(error);
    } finally {
      await file.close();
    }
  }
  const isReplaced = (old: SegmentHeader): boolean =>
    headers.some(
      (other) =>
        other.generation > old.generation && other.first <= old.first && other.last >= old.last,
    );
  return headers
    .filter((header) => !isReplaced(header))
    .map(({ first, last, generation, salt }) => ({ first, last, generation, salt, bytes: null }))
    .sort((a, b) => a.first - b.first);
}
