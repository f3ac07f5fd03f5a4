// Recovery: makes a data directory ready for writing. It creates a store, or finds where the log ends, removes leftovers
// and, after an unclean stop, rewrites the last segment (docs/recovery.md, the decision table).
//
// Invariants:
// - Idempotent: a crash at any step leaves a directory that recovers to the same records.
// - A file that has a second name is not written to: that name may be in another store (cp -al).
// - After an unclean stop nothing is served from the last segment before its bytes were written again and
//   synced: the page cache may show bytes that the disk lacks (a failed sync is reported only once).

import { join } from 'node:path';

import type { Env, File, Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { findLeftovers, openSegments } from '../segments/directory.js';
import { IMAGE_NAME, hintName, parseFileName, segmentName } from '../bytes/file-names.js';
import {
  BATCH_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  STORE_ID_BYTES,
  encodeSegmentHeader,
} from '../bytes/format.js';
import type { SegmentHeader } from '../bytes/format.js';
import type { HintReader } from '../segments/hint-reader.js';
import { restoreImage } from './image-proof.js';
import type { Restore } from './image-proof.js';
import { readManifest, writeManifest } from '../segments/manifest-file.js';
import type { Manifest, ManifestEntry } from '../bytes/manifest.js';
import { refuseRemnants } from './remnants.js';
import { isOurs, removeOurs, requireFile } from '../segments/ownership.js';
import { findTail } from './replay.js';
import type { ReplayReport, Scans, Tail } from './replay.js';
import type { Segment, SegmentTable } from '../segments/segment.js';
import { replaceFile, replaceFileBy, writeFully } from '../segments/whole-file.js';

const COPY_BYTES = 1024 * 1024;

export interface Recovered {
  readonly storeId: string;
  readonly created: boolean;
  readonly clean: boolean;
  /** Bytes of an incomplete last batch that were cut off. */
  readonly tornBytes: number;
  readonly leftovers: readonly string[];
  /** Scans of the last segments, which the replay need not read again. */
  readonly scans: Scans;
  /** The report from an image, which replaces a replay. */
  readonly restored: ReplayReport | undefined;
  /** Removes leftovers, and rewrites a tail that was not closed in order; the table then has the new segment. */
  readonly mend: () => Promise<void>;
  /** Removes the image and closes removed files; does no harm when it runs while the store already serves. */
  readonly tidy: () => Promise<void>;
}

/**
 * Reads the directory and changes nothing, except that it makes a store where there is none. The caller calls `mend`
 * when the replay has found no damage either. `table` gets the segments, opened for reading; the last one is the tail.
 * `hints` is the reader that the replay will use. Requires: the directory's lock. Throws KV_CORRUPTION,
 * KV_FORMAT_VERSION, KV_NOT_A_STORE.
 */
export async function recover(
  env: Env,
  dir: string,
  table: SegmentTable,
  hints: HintReader,
  restore: Restore | undefined,
): Promise<Recovered> {
  const { fs } = env;
  const found = await readManifest(fs, dir);
  const manifest = found ?? (await createStore(env, dir));
  const leftovers = await findLeftovers(fs, dir, manifest);
  await openSegments(fs, dir, manifest, table);
  const { storeId } = manifest;
  const restored =
    restore && (await table.closedOnFailure(restoreImage(fs, dir, storeId, table, restore)));
  if (typeof restored === 'string') {
    env.logger.warn(`The image of the keydir is not used, the log is replayed: ${restored}`);
  }
  const image = typeof restored === 'object' ? restored : undefined;
  const tail = image?.tail ?? (await table.closedOnFailure(findTailAhead(table, hints)));
  const { clean, scans } = tail;
  const tornBytes = clean ? 0 : tail.tornBytes;
  let close: (() => Promise<void>) | undefined;
  const mend = async (): Promise<void> => {
    for (const name of leftovers) await fs.remove(join(dir, name));
    const links = await tail.segment.file.links();
    if (links > 1) {
      env.logger.warn(
        `The last segment has ${links} names, as after cp -al: it goes on in a file of its own`,
        { path: tail.segment.file.path },
      );
    }
    // A file that another directory shares is never written to.
    if (clean && links === 1) {
      await confirmSeal(fs, dir, tail);
      close = await dropBlank(fs, dir, storeId, table, tail.blank);
    } else close = await rewriteTail(env, dir, storeId, table, tail);
  };
  // Closing a removed file frees its blocks, and so does removing the image: both take a while.
  const tidy = async (): Promise<void> => {
    await removeOurs(fs, dir, IMAGE_NAME);
    await close?.();
  };
  const report = { storeId, created: found === undefined, clean, tornBytes, leftovers };
  return { ...report, scans, restored: image?.report, mend, tidy };
}

/** Finds the end of the log, and meanwhile reads the hint that the replay needs first. */
async function findTailAhead(table: SegmentTable, hints: HintReader): Promise<Tail> {
  hints.begin(table.ordered[0]);
  try {
    return await findTail(table);
  } finally {
    await hints.settled();
  }
}

async function createStore(env: Env, dir: string): Promise<Manifest> {
  const { fs, random } = env;
  await refuseOrphans(fs, dir);
  await refuseRemnants(fs, dir);
  const storeId = random.bytes(STORE_ID_BYTES);
  const entry = { first: 1, last: 1, generation: 0, salt: newSalt(env), bytes: null };
  await createSegment(fs, dir, { ...entry, storeId, createdAtMs: env.clock.wallMs() });
  const manifest = { storeId: storeId.toString('hex'), segments: [entry] };
  await writeManifest(fs, dir, manifest);
  return manifest;
}

/** Throws for segments without a manifest, except the empty segment of an interrupted creation. */
async function refuseOrphans(fs: Fs, dir: string): Promise<void> {
  for (const name of await fs.list(dir)) {
    if (parseFileName(name).kind !== 'segment') continue;
    const path = join(dir, name);
    await requireFile(fs, path);
    if (name === segmentName(1, 0) && (await isOurs(fs, dir, name)) && (await isUnused(fs, path)))
      continue;
    throw new KvError(
      'KV_CORRUPTION',
      'There are segments but no manifest; restore MANIFEST from a backup or read them with kv-dump',
      { path },
    );
  }
}

/** Checks whether there are zeros where the first batch would be. */
async function isUnused(fs: Fs, path: string): Promise<boolean> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES + 4);
    await file.read(bytes, 0);
    return bytes.readUInt32LE(SEGMENT_HEADER_BYTES) === 0;
  } finally {
    await file.close();
  }
}

export function newSalt(env: Env): number {
  return env.random.bytes(4).readUInt32LE(0);
}

/**
 * Creates a segment file with its header and `rest` after it. The file gets its name when it is durable, so no file
 * of that name has half a header.
 */
export async function createSegment(
  fs: Fs,
  dir: string,
  header: SegmentHeader,
  rest: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const bytes = Buffer.concat([encodeSegmentHeader(header), rest]);
  await replaceFile(fs, dir, segmentName(header.last, header.generation), bytes);
}

/**
 * Copies the durable part of the last segment to its next generation and makes the manifest name the copy. Returns a
 * function that closes the removed files.
 */
async function rewriteTail(
  env: Env,
  dir: string,
  storeId: string,
  table: SegmentTable,
  tail: Tail,
): Promise<() => Promise<void>> {
  const { fs } = env;
  const { segment: old, blank } = tail;
  const { zeroed: _, ...place } = old.entry;
  // The copy has every record of the old file, so it has the same horizon.
  const horizon = old.horizon === Infinity ? {} : { horizon: old.horizon };
  const entry: ManifestEntry = {
    ...place,
    ...horizon,
    generation: old.generation + 1,
    bytes: null,
  };
  const name = segmentName(entry.last, entry.generation);
  await replaceFileBy(fs, dir, name, async (copy) => {
    const header = encodeSegmentHeader({
      ...entry,
      storeId: Buffer.from(storeId, 'hex'),
      createdAtMs: env.clock.wallMs(),
    });
    await writeFully(copy, header, 0);
    await copyBytes(old.file, copy, SEGMENT_HEADER_BYTES, tail.end);
  });
  const kept = table.ordered.filter((segment) => segment !== old && segment !== blank);
  const manifest = { storeId, segments: [...kept.map((segment) => segment.entry), entry] };
  await writeManifest(fs, dir, manifest);
  for (const gone of [old, ...(blank === undefined ? [] : [blank])]) {
    await fs.remove(join(dir, gone.name));
    await removeOurs(fs, dir, hintName(gone.last, gone.generation));
  }
  table.regenerate(old, entry, await fs.open(join(dir, name), 'read'));
  if (blank !== undefined) table.drop(blank);
  return async () => {
    await old.file.close();
    if (blank !== undefined) await table.retire(blank);
  };
}

/**
 * Writes the clean seal again: when its own write failed, the page cache may show it although the disk lacks
 * it, and the next batch will say that it was durable.
 */
async function confirmSeal(fs: Fs, dir: string, { segment, end }: Tail): Promise<void> {
  const file = await fs.open(join(dir, segment.name), 'write-through');
  try {
    const seal = Buffer.alloc(BATCH_HEADER_BYTES);
    const at = end - BATCH_HEADER_BYTES;
    await file.read(seal, at);
    await writeFully(file, seal, at);
  } finally {
    await file.close();
  }
}

/**
 * Removes a successor that was prepared and never used, so that the tail is the last segment again. Returns a function
 * that closes the removed file.
 */
async function dropBlank(
  fs: Fs,
  dir: string,
  storeId: string,
  table: SegmentTable,
  blank: Segment | undefined,
): Promise<(() => Promise<void>) | undefined> {
  if (blank === undefined) return undefined;
  table.drop(blank);
  await writeManifest(fs, dir, { storeId, segments: table.ordered.map(({ entry }) => entry) });
  await fs.remove(join(dir, blank.name));
  return () => table.retire(blank);
}

async function copyBytes(from: File, to: File, start: number, end: number): Promise<void> {
  const chunk = Buffer.alloc(Math.min(COPY_BYTES, end - start));
  for (let offset = start; offset < end; offset += COPY_BYTES) {
    const wanted = chunk.subarray(0, Math.min(COPY_BYTES, end - offset));
    const count = await from.read(wanted, offset);
    if (count !== wanted.length) {
      throw new KvError('KV_IO', 'The last segment became shorter while it was copied', {
        path: from.path,
        offset: offset + count,
      });
    }
    await writeFully(to, wanted, offset);
  }
}
