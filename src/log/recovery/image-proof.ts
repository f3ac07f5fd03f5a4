// Image proof: checks whether an image belongs to the log in its directory (docs/recovery.md, "The image").
//
// Invariant: an image is used only when the manifest is that of the clean stop, the last segment with batches still
// ends with that clean seal, and only zeros follow the seal. A batch acknowledged since then would follow the seal, or
// be in a segment that the manifest did not name then. A successor that was blank at the stop stays blank, because
// each start drops it. So an image that was not removed, came back with a power loss or was copied from elsewhere is
// never used with another state of the log.

import type { Fs } from '../../env/env.js';
import { failureText, systemCode } from '../../errors.js';
import { hintName } from '../bytes/file-names.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  SEGMENT_HEADER_BYTES,
  decodeBatchHeader,
} from '../bytes/format.js';
import type { BatchHeader } from '../bytes/format.js';
import { ImageFile, writeImage } from '../segments/image-file.js';
import type { ImageContent, ImagedLog } from '../segments/image-file.js';
import type { HashSeed } from '../bytes/key-hash.js';
import { dirtyBytes } from './replay.js';
import type { ReplayReport, Tail } from './replay.js';
import type { Segment, SegmentTable } from '../segments/segment.js';

/** Fills the store from an image that belongs to the log; returns the reason when it cannot. */
export type Restore = (image: ImageFile) => Promise<string | undefined>;

interface ClosedLog {
  readonly storeId: string;
  readonly table: SegmentTable;
  readonly recovery: { readonly hashSeed: HashSeed };
}

/** The result of a start without a replay. */
interface Restored {
  readonly tail: Tail;
  readonly report: ReplayReport;
}

/** Writes the image of a closed log, if the log ends with a clean seal. */
export async function saveImage(
  fs: Fs,
  dir: string,
  { storeId, table, recovery }: ClosedLog,
  content: ImageContent,
): Promise<void> {
  const tail = table.ordered.findLast((segment) => segment.committedBytes > SEGMENT_HEADER_BYTES);
  if (tail === undefined || tail.sealed) return;
  const seal = await cleanSealAt(tail, tail.committedBytes);
  if (seal === undefined) return;
  const segments = table.ordered.map(({ entry, state }) => ({ ...entry, ...state }));
  const end = { last: tail.last, offset: tail.committedBytes };
  const { firstSeq: lastSeq, timeMs } = seal;
  const { hashSeed } = recovery;
  await writeImage(fs, dir, { storeId, segments, end, lastSeq, timeMs, hashSeed }, content);
}

/** Checks whether a start would use the directory's image; undefined when there is none. Does not change `table`. */
export async function isImageGood(
  fs: Fs,
  dir: string,
  storeId: string,
  table: SegmentTable,
): Promise<boolean | undefined> {
  const image = await ImageFile.open(fs, dir);
  if (image === undefined || typeof image === 'string') return image === undefined ? image : false;
  try {
    return (await provedTail(image.log, storeId, table)) !== undefined && (await image.isWhole());
  } finally {
    await image.close();
  }
}

/**
 * Restores the store from the directory's image by `restore`, and gives the segments the image's slots and accounting.
 * Returns the reason when the image is not used, and undefined when there is none.
 */
export async function restoreImage(
  fs: Fs,
  dir: string,
  storeId: string,
  table: SegmentTable,
  restore: Restore,
): Promise<Restored | string | undefined> {
  try {
    const image = await ImageFile.open(fs, dir);
    if (image === undefined || typeof image === 'string') return image;
    try {
      return await restored(fs, dir, storeId, table, image, restore);
    } finally {
      await image.close();
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return failureText(error);
  }
}

async function restored(
  fs: Fs,
  dir: string,
  storeId: string,
  table: SegmentTable,
  image: ImageFile,
  restore: Restore,
): Promise<Restored | string> {
  const { segments, end, lastSeq, timeMs, hashSeed } = image.log;
  const found = await provedTail(image.log, storeId, table);
  if (found === undefined) return 'it is of another state of the log';
  const names = new Set(await fs.list(dir));
  const whyNot = await restore(image);
  if (whyNot !== undefined) return whyNot;
  found.segment.committedBytes = end.offset;
  table.assign(segments);
  const scanned = table.ordered.filter(
    ({ sealed, last, generation }) => sealed && !names.has(hintName(last, generation)),
  );
  return {
    tail: { ...found, end: end.offset, clean: true, tornBytes: 0, scans: new Map() },
    report: { lastSeq, timeMs, scanned, hashSeed },
  };
}

/** Returns the last segment with batches, and its blank successor, if the log is that of the image. */
async function provedTail(
  log: ImagedLog,
  storeId: string,
  table: SegmentTable,
): Promise<Pick<Tail, 'segment' | 'blank'> | undefined> {
  const { ordered } = table;
  const isSame =
    log.storeId === storeId &&
    log.segments.length === ordered.length &&
    log.segments.every((imaged, index) => isEntryOf(imaged, ordered[index]!));
  const at = ordered.findIndex(({ last }) => last === log.end.last);
  const segment = ordered[at];
  if (!isSame || segment === undefined || segment.sealed) return undefined;
  const seal = await cleanSealAt(segment, log.end.offset);
  if (seal?.firstSeq !== log.lastSeq || seal.timeMs !== log.timeMs) return undefined;
  if ((await dirtyBytes(segment, log.end.offset)) > 0) return undefined;
  return { segment, blank: ordered[at + 1] };
}

function isEntryOf(imaged: ImagedLog['segments'][number], { entry }: Segment): boolean {
  return (
    imaged.first === entry.first &&
    imaged.last === entry.last &&
    imaged.generation === entry.generation &&
    imaged.salt === entry.salt &&
    imaged.bytes === entry.bytes
  );
}

/** Returns the clean seal that ends at `end`, if there is one and it says that all before it was durable. */
async function cleanSealAt(segment: Segment, end: number): Promise<BatchHeader | undefined> {
  const at = end - BATCH_HEADER_BYTES;
  if (at < SEGMENT_HEADER_BYTES) return undefined;
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES);
  const count = await segment.file.read(bytes, at);
  const seal = decodeBatchHeader(bytes.subarray(0, count), 0, segment.salt, at);
  if (typeof seal === 'string' || seal.kind !== BATCH_KIND.cleanSeal) return undefined;
  return seal.durableSegment === segment.last && seal.durableOffset === at ? seal : undefined;
}
