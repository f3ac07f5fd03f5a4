// Hint files: reads and writes the hint beside a sealed segment (log/bytes/hint.ts describes its content). A hint can
// be rebuilt at any time: a missing, damaged or stale one changes only the start-up time.
//
// Invariant: a hint is used only when it names the segment beside it.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { isKvError } from '../../errors.js';
import { hintName } from '../bytes/file-names.js';
import {
  HINT_HEADER_BYTES,
  decodeHint,
  decodeHintClaim,
  decodeHintHead,
  isHintOf,
} from '../bytes/hint.js';
import type { HintClaim, HintHead, HintPlace, LoadedHint } from '../bytes/hint.js';
import { readWholeFile, replaceFileBy, writeFully } from './whole-file.js';
import type { ReadRoom } from './whole-file.js';

/** Bytes per sync, so that no commit waits for tens of megabytes. */
const PIECE_BYTES = 1024 * 1024;

export async function writeHint(
  fs: Fs,
  dir: string,
  place: HintPlace,
  hint: Buffer,
): Promise<void> {
  await replaceFileBy(fs, dir, hintName(place.last, place.generation), async (file) => {
    for (let at = 0; at < hint.length; at += PIECE_BYTES) {
      await writeFully(file, hint.subarray(at, at + PIECE_BYTES), at);
      await file.sync();
    }
  });
}

/** Reads the segment's hint into `room`; returns undefined when there is no good one. */
export async function loadHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
  room?: ReadRoom,
): Promise<LoadedHint | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const bytes = await readHintFile(fs, path, undefined, room);
  return bytes === undefined ? undefined : decodeHint(bytes, segment);
}

/** See decodeHintClaim; returns undefined when there is no undamaged hint of this name. */
export async function hintClaim(fs: Fs, dir: string, name: string): Promise<HintClaim | undefined> {
  const bytes = await readWholeFile(fs, join(dir, name));
  return bytes === undefined ? undefined : decodeHintClaim(bytes);
}

/** Checks whether a start would use the segment's hint. */
export async function hintState(
  fs: Fs,
  dir: string,
  segment: HintPlace,
): Promise<{ readonly name: string; readonly state: 'good' | 'missing' | 'unusable' }> {
  const name = hintName(segment.last, segment.generation);
  if (!(await fs.list(dir)).includes(name)) return { name, state: 'missing' };
  const bytes = (await readHintFile(fs, join(dir, name))) ?? Buffer.alloc(0);
  return { name, state: isHintOf(bytes, segment) ? 'good' : 'unusable' };
}

/** Returns the header of the segment's hint; undefined when there is none. */
export async function peekHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
): Promise<HintHead | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const head = await readHintFile(fs, path, HINT_HEADER_BYTES);
  return head === undefined ? undefined : decodeHintHead(head, segment);
}

/** Returns undefined also when the hint may not be read, or is no file: a hint is a cache and is rebuilt. */
async function readHintFile(
  fs: Fs,
  path: string,
  bytesMax?: number,
  room?: ReadRoom,
): Promise<Buffer | undefined> {
  try {
    return await readWholeFile(fs, path, bytesMax, room);
  } catch (error) {
    if (!isKvError(error)) throw error;
    return undefined;
  }
}
