// Large sources: takes a store's large values into a backup. Only a replay could tell which of them a record refers to,
// so all files are taken; a server removes a file when its item is gone.
//
// Invariant: each value that is live at the cut is taken. Its file existed when all files were taken before the cut, or
// its record is newer than that and `lacksLarge` checks it.

import { join } from 'node:path';

import type { Env, File } from '../../env/env.js';
import { isKvError } from '../../errors.js';
import { HISTORY_NAME, parseFileName, parseKeptName } from '../../log/bytes/file-names.js';
import { RECORD_MARK } from '../../log/bytes/format.js';
import {
  LARGE_HEADER_BYTES,
  decodeDescriptor,
  saltOfLarge,
} from '../../log/segments/large-value-file.js';
import { SegmentScanner } from '../../log/segments/segment-scanner.js';
import { openIfThere } from '../../log/segments/whole-file.js';
import type { BackupLargeValue } from './backup-manifest.js';
import type { LogCut } from './log-cut.js';
import type { BackupSink } from './pool.js';

export interface FoundLarge extends BackupLargeValue {
  /** When a value in the store's history left the log. Undefined: the value may be in use. */
  readonly replacedMs: number | undefined;
}

/** Puts all large values in the directory and its history into the pool; returns them. */
export async function takeLargeValues(
  env: Env,
  dir: string,
  pool: BackupSink,
): Promise<FoundLarge[]> {
  const found: FoundLarge[] = [];
  for (const name of await env.fs.list(dir)) {
    const parsed = parseFileName(name);
    if (parsed.kind !== 'large-value') continue;
    await take(env, join(dir, name), parsed.id, undefined, pool, found);
  }
  const history = join(dir, HISTORY_NAME);
  if ((await env.fs.kindOf(history)) !== 'directory') return found;
  for (const name of await env.fs.list(history)) {
    const kept = parseKeptName(name);
    if (kept === undefined || !('id' in kept)) continue;
    await take(env, join(history, name), kept.id, kept.replacedMs, pool, found);
  }
  return found;
}

async function take(
  env: Env,
  path: string,
  id: number,
  replacedMs: number | undefined,
  pool: BackupSink,
  found: FoundLarge[],
): Promise<void> {
  const file = await openIfThere(env.fs, path);
  if (file === undefined) return;
  try {
    const salt = await saltOf(file);
    // A file without a header lost its bytes to a power loss before any record referred to it.
    if (salt === undefined) return;
    found.push({ id, salt, ...(await pool.putLarge({ id, salt }, file)), replacedMs });
  } catch (error) {
    // A server may remove the file while it is read. A file that is really damaged is still in its place.
    if (isKvError(error, 'KV_CORRUPTION') && !(await file.isInPlace())) return;
    throw error;
  } finally {
    await file.close();
  }
}

async function saltOf(file: File): Promise<number | undefined> {
  const header = Buffer.alloc(LARGE_HEADER_BYTES);
  await file.read(header, 0);
  return saltOfLarge(header);
}

/** Checks whether a record after `seq` and before the cut refers to a large value that the pool does not have. */
export async function lacksLarge(cut: LogCut, seq: number, pool: BackupSink): Promise<boolean> {
  for (const { segment, bytes } of cut.segments.toReversed()) {
    const scanner = new SegmentScanner(segment.file, segment.salt, bytes);
    let isOlder = false;
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      for (const { record } of batch.frames) {
        if (record.seq <= seq) isOlder = true;
        else if ((record.marks & RECORD_MARK.largeValue) !== 0) {
          const { id, salt } = decodeDescriptor(record.value);
          if (!pool.hasLarge(id, salt)) return true;
        }
      }
    }
    if (isOlder) break;
  }
  return false;
}
