// Are the files of the large values there, and as long as they were? Asked at a start and by whoever reads the
// store, before anything is shown: an incomplete copy leaves such files out (docs/recovery.md, "Cut short").
//
// Invariant: a file is synced before its record is appended and removed after the record's end is durable. So
// one of a live item that is missing or short was on the disk, and no crash explains it.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { largeValueName } from '../../log/bytes/file-names.js';
import { largeFileBytes } from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Flushes } from '../flushes/flushes.js';
import type { Items } from '../items/items.js';

/** So many files are looked at together. */
const TOGETHER = 16;

/** The large values of items that are alive at `nowMs`, when `lastSeq` is the newest record. */
export function liveLargeReferences(
  items: Items,
  flushes: Flushes,
  nowMs: number,
  lastSeq: number,
): LargeReference[] {
  const { keydir } = items;
  // A later flush whose time has come: all that is there is dead.
  if (flushes.promises.nextMs <= nowMs) return [];
  return items.largeRefs().flatMap((ref) => {
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= nowMs) return [];
    if (flushes.killerOf(keydir, ref, lastSeq) !== 0) return [];
    return [items.largeOf(ref)!];
  });
}

/** Throws KV_CORRUPTION, with the number of those that are not right, naming the first. */
export async function requireLargeFiles(
  fs: Fs,
  dir: string,
  references: readonly LargeReference[],
): Promise<void> {
  if (references.length === 0) return;
  const names = new Set(await fs.list(dir));
  let bad = 0;
  let first: KvError | undefined;
  for (let at = 0; at < references.length; at += TOGETHER) {
    const looks = references
      .slice(at, at + TOGETHER)
      .map((reference) => defectOf(fs, dir, reference, names));
    for (const defect of await Promise.all(looks)) {
      if (defect === undefined) continue;
      bad += 1;
      first ??= defect;
    }
  }
  if (first === undefined) return;
  if (bad === 1) throw first;
  const { path = '', message } = first;
  const plain = message.replace(/ \([^()]*\)$/, '');
  throw new KvError('KV_CORRUPTION', `${plain}, and those of ${bad - 1} more are not right`, {
    path,
  });
}

async function defectOf(
  fs: Fs,
  dir: string,
  { id, bytes }: LargeReference,
  names: ReadonlySet<string>,
): Promise<KvError | undefined> {
  const name = largeValueName(id);
  const path = join(dir, name);
  if (!names.has(name)) {
    return new KvError('KV_CORRUPTION', 'The file of a large value is missing', { path });
  }
  const expected = largeFileBytes(bytes);
  const size = await sizeOf(fs, path);
  if (size >= expected) return undefined;
  const message = `The file of a large value is shorter than its ${expected} bytes`;
  return new KvError('KV_CORRUPTION', message, { path, offset: size });
}

async function sizeOf(fs: Fs, path: string): Promise<number> {
  try {
    const file = await fs.open(path, 'read');
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  } catch (error) {
    // A running server removes what is dead by now as it likes.
    if (systemCode(error) !== 'ENOENT') throw error;
    return 0;
  }
}
