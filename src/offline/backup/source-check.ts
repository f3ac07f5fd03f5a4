// Source check: checks a backup's sources before they are copied, because a copy of damaged bytes with a good checksum
// of its own would be worse than no copy.

import type { File } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { SEGMENT_HEADER_BYTES } from '../../log/bytes/format.js';
import {
  LARGE_CHUNK_BYTES,
  LARGE_CHUNK_HEADER_BYTES,
  LARGE_HEADER_BYTES,
  checkLargeHeader,
  readLargeValue,
} from '../../log/segments/large-value-file.js';
import { SegmentScanner } from '../../log/segments/segment-scanner.js';
import type { Pace } from './pace.js';

const PIECE_BYTES = 1024 * 1024;

/** Throws KV_CORRUPTION unless all batches from `start`, where a batch begins, to `end` are whole. */
export async function checkSegmentBytes(
  file: File,
  salt: number,
  end: number,
  start: number,
  pace: Pace,
): Promise<void> {
  const scanner = new SegmentScanner(file, salt, end, Math.max(start, SEGMENT_HEADER_BYTES));
  scanner.reusesWindow = true;
  let rested = scanner.position;
  while ((await scanner.nextInto(() => undefined)) !== undefined) {
    if (scanner.position - rested < PIECE_BYTES) continue;
    await pace.rest();
    rested = scanner.position;
  }
  if (scanner.defect === undefined) return;
  const { offset, defect } = scanner.defect;
  const message = `A segment is damaged (${defect}), so no backup was made; kv-check names all that is damaged`;
  throw new KvError('KV_CORRUPTION', message, { path: file.path, offset });
}

/** Throws KV_CORRUPTION unless the file of a large value is whole. Returns its length. */
export async function checkLargeFile(
  file: File,
  { id, salt }: { readonly id: number; readonly salt: number },
  pace: Pace,
): Promise<number> {
  await checkLargeHeader(file, id, salt);
  const size = await file.size();
  const chunks = Math.ceil(
    (size - LARGE_HEADER_BYTES) / (LARGE_CHUNK_HEADER_BYTES + LARGE_CHUNK_BYTES),
  );
  const bytes = size - LARGE_HEADER_BYTES - chunks * LARGE_CHUNK_HEADER_BYTES;
  const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, Math.max(1, bytes)));
  for (let at = 0; at < bytes;) {
    at += await readLargeValue(file, { id, bytes, salt }, piece, at);
    await pace.rest();
  }
  return size;
}
