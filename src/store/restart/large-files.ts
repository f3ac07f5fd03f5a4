// Files of large values: checks that they are there and not too short (docs/recovery.md, "Incomplete copies"). A start,
// and a tool that reads the directory, do this before they show anything, because an incomplete copy may lack such
// files.
//
// Invariant: a file is synced before its record is appended, and removed after the end of the item is durable. So no
// crash explains a file of a live item that is missing or short: it was on the disk.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { largeValueName } from '../../log/bytes/file-names.js';
import { largeFileBytes } from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Flushes } from '../flushes/flushes.js';
import type { Items } from '../items/items.js';

/** So many files are checked at a time. */
const FILES_AT_A_TIME = 16;

/** Returns the large values of items that are alive at `nowMs`, when `lastSeq` is the newest record. */
export function liveLargeReferences(
  items: Items,
  flushes: Flushes,
  nowMs: number,
  lastSeq: number,
): LargeReference[] {
  const { keydir } = items;
  // The time of a flush promise has come: every item is dead.
  if (flushes.promises.nextMs <= nowMs) return [];
  return items.largeRefs().flatMap((ref) => {
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= nowMs) return [];
    if (flushes.killerOf(keydir, ref, lastSeq) !== 0) return [];
    return [items.largeOf(ref)!];
  });
}

/** Throws KV_CORRUPTION when files are missing or short; the error names the first and counts the others. */
export async function requireLargeFiles(
  fs: Fs,
  dir: string,
  references: readonly LargeReference[],
): Promise<void> {
  if (references.length === 0) return;
  const names = new Set(await fs.list(dir));
  let bad = 0;
  let first: KvError | undefined;
  for (let at = 0; at < references.length; at += FILES_AT_A_TIME) {
    const checks = references
      .slice(at, at + FILES_AT_A_TIME)
      .map((reference) => defectOf(fs, dir, reference, names));
    for (const defect of await Promise.all(checks)) {
      if (defect === undefined) continue;
      bad += 1;
      first ??= defect;
    }
  }
  if (first === undefined) return;
  if (bad === 1) throw first;
  const { path = '', message } = first;
  const plain = message.replace(/ \([^()]*\)$/, '');
  const others = bad === 2 ? 'one more is' : `${bad - 1} more are`;
  throw new KvError('KV_CORRUPTION', `${plain}, and ${others} missing or too short`, { path });
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
    // A running server may have removed the file meanwhile, because the item is dead now.
    if (systemCode(error) !== 'ENOENT') throw error;
    return 0;
  }
}
