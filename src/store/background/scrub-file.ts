// The task 'scrub': reads again a piece of a sealed segment, or of a large value's file, and checks whether it is
// still what was written. The task only reads; damage is an answer, not a failure.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { checkIdentity, readHeader } from '../../log/segments/directory.js';
import { largeValueName, segmentName } from '../../log/bytes/file-names.js';
import { SEGMENT_HEADER_BYTES } from '../../log/bytes/format.js';
import {
  LARGE_CHUNK_BYTES,
  checkLargeHeader,
  readLargeValue,
} from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import { SegmentScanner } from '../../log/segments/segment-scanner.js';
import type { Line, ScrubDone, ScrubTask, SegmentPlace } from './messages.js';

type Piece = Pick<ScrubDone, 'bytes' | 'next' | 'damage'>;

export async function scrubFile(fs: Fs, dir: string, task: ScrubTask, line: Line): Promise<void> {
  const { target } = task;
  const name =
    'id' in target ? largeValueName(target.id) : segmentName(target.last, target.generation);
  const path = join(dir, name);
  let file: File | undefined;
  try {
    file = await fs.open(path, 'read');
    const piece =
      'id' in target
        ? await scrubLarge(file, target, task)
        : await scrubSegment(file, target, task);
    line.post({ done: 'scrub', isMissing: false, ...piece });
  } catch (error: unknown) {
    line.post(answerOf(error));
  } finally {
    await file?.close();
  }
}

/** Skips the rest of the file in this pass: after such an error, no place to continue at is known. */
function answerOf(error: unknown): ScrubDone {
  const none = { done: 'scrub', bytes: 0, next: undefined } as const;
  if (systemCode(error) === 'ENOENT') return { ...none, isMissing: true, damage: undefined };
  if (isKvError(error)) {
    const { offset = 0, message } = error;
    return { ...none, isMissing: false, damage: { offset, what: message } };
  }
  if (systemCode(error) !== 'EIO') throw error;
  return {
    ...none,
    isMissing: false,
    damage: { offset: 0, what: 'The disk cannot read it (EIO)' },
  };
}

async function scrubSegment(
  file: File,
  place: SegmentPlace,
  { from, bytesMax, storeId }: ScrubTask,
): Promise<Piece> {
  const start = Math.max(from, SEGMENT_HEADER_BYTES);
  if (from === 0) {
    const { committedBytes: bytes, ...entry } = place;
    checkIdentity(await readHeader(file), { ...entry, bytes }, storeId, file.path);
  }
  const scanner = new SegmentScanner(file, place.salt, place.committedBytes, start);
  while (scanner.position - start < bytesMax) {
    if ((await scanner.nextInto(() => undefined)) !== undefined) continue;
    const { defect } = scanner;
    if (defect === undefined)
      return { bytes: scanner.position - start, next: undefined, damage: undefined };
    const later = await scanner.resync();
    const end = later?.offset ?? place.committedBytes;
    const what = `A sealed segment is damaged (${defect.defect})`;
    const damage = { offset: defect.offset, what };
    return { bytes: end - start, next: later?.offset, damage };
  }
  return { bytes: scanner.position - start, next: scanner.position, damage: undefined };
}

async function scrubLarge(
  file: File,
  reference: LargeReference,
  { from, bytesMax }: ScrubTask,
): Promise<Piece> {
  if (from === 0) await checkLargeHeader(file, reference.id, reference.salt);
  const piece = Buffer.allocUnsafe(LARGE_CHUNK_BYTES);
  let at = from;
  while (at < reference.bytes && at - from < bytesMax) {
    at += await readLargeValue(file, reference, piece, at);
  }
  return { bytes: at - from, next: at < reference.bytes ? at : undefined, damage: undefined };
}
