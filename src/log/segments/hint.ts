// A hint: what replaying one sealed segment would tell the keydir, without the values. Rebuildable at
// any time: a missing, damaged or stale one changes nothing but the start-up time (docs/format.md).
//
//   | header 64 | entry | entry | … |        entries as in entry-list.ts, in the order of entry-order.ts
//
// Invariant: a hint is used only when it names the very segment beside it: store, numbers, generation,
// salt and length; and when the checksum over all entries holds.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Fs } from '../../env/env.js';
import { isKvError } from '../../errors.js';
import { EntryListBuilder } from '../bytes/entry-list.js';
import type { EntryList } from '../bytes/entry-list.js';
import { hintName } from '../bytes/file-names.js';
import { hashEntries, inHashOrder } from '../bytes/entry-order.js';
import { FRAME_HEADER_BYTES } from '../bytes/format.js';
import type { HashSeed } from '../bytes/key-hash.js';
import type { Segment } from './segment.js';
import { readWholeFile, replaceFileBy, writeFully } from './whole-file.js';
import type { ReadRoom } from './whole-file.js';
import { HINT_MAGIC } from '../bytes/magic.js';

export const HINT_HEADER_BYTES = 64;
/** Of its own: a hint of another version is made anew. */
export const HINT_VERSION = 2;

/** Synced so often: no commit waits for tens of megabytes. */
const PIECE_BYTES = 1024 * 1024;

/** What the segment was when its hint was made, and what else its replay would have told. */
export interface HintFacts {
  readonly lastSeq: number;
  /** Highest batch time, Unix ms. */
  readonly timeMs: number;
}

/** A hint that was found good. */
export interface LoadedHint extends ReplayedSegment {
  readonly seed: HashSeed;
}

/** All that a replay of one segment tells. */
export interface ReplayedSegment {
  /** Of the entries' hashes, when they are in hash order. */
  readonly seed?: HashSeed;
  readonly facts: HintFacts;
  readonly entries: EntryList;
}

type HintPlace = Pick<Segment, 'first' | 'last' | 'generation' | 'salt' | 'committedBytes'>;

/** Makes the hint of one segment from its frames. */
export class HintBuilder {
  readonly #entries = new EntryListBuilder();

  /** See EntryListBuilder. */
  addFrame(source: Buffer, at: number, offset: number, hash = 0): void {
    this.#entries.addFrame(source, at, offset, hash);
  }

  /** See EntryListBuilder. */
  addEntry(words: Uint32Array, at: number, offset: number): void {
    this.#entries.addEntry(words, at, offset);
  }

  /** The highest that was added. */
  get lastSeq(): number {
    return this.#entries.lastSeq;
  }

  /**
   * Header: 0 magic 8 | 8 version u32 | 12 crc u32 of all after it | 16 first u32 | 20 last u32
   * 24 generation u32 | 28 salt u32 | 32 segment bytes u48 | 38 last seq u48 | 44 time u48 | 50 zero u16
   * 52 entries u32 | 56 hash seed, two u32
   *
   * `areHashed`: all entries were added with their hashes. The bytes own their memory.
   */
  finish(place: HintPlace, facts: HintFacts, seed: HashSeed, areHashed = false): Buffer {
    if (!areHashed) hashEntries(this.#entries, seed);
    const { bytes, count } = inHashOrder(this.#entries, HINT_HEADER_BYTES);
    bytes.write(HINT_MAGIC, 0, 'latin1');
    bytes.writeUInt32LE(HINT_VERSION, 8);
    bytes.writeUInt32LE(place.first, 16);
    bytes.writeUInt32LE(place.last, 20);
    bytes.writeUInt32LE(place.generation, 24);
    bytes.writeUInt32LE(place.salt, 28);
    bytes.writeUIntLE(place.committedBytes, 32, 6);
    bytes.writeUIntLE(facts.lastSeq, 38, 6);
    bytes.writeUIntLE(Math.floor(facts.timeMs), 44, 6);
    bytes.writeUInt32LE(count, 52);
    bytes.writeInt32LE(seed.k0, 56);
    bytes.writeInt32LE(seed.k1, 60);
    bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
    return bytes;
  }
}

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

/** What the segment's hint tells, read into `room`; undefined when there is no good one. */
export async function loadHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
  room?: ReadRoom,
): Promise<LoadedHint | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const bytes = await readHintFile(fs, path, undefined, room);
  if (bytes === undefined || !isHintOf(bytes, segment)) return undefined;
  return {
    facts: { lastSeq: bytes.readUIntLE(38, 6), timeMs: bytes.readUIntLE(44, 6) },
    entries: hintEntries(bytes),
    seed: seedOf(bytes),
  };
}

/** What a whole hint tells of its segment, whatever that is; undefined when it is damaged. */
export async function hintClaim(
  fs: Fs,
  dir: string,
  name: string,
): Promise<({ first: number; last: number; salt: number } & HintFacts) | undefined> {
  const bytes = await readWholeFile(fs, join(dir, name));
  if (bytes === undefined || !isWholeHint(bytes)) return undefined;
  return {
    first: bytes.readUInt32LE(16),
    last: bytes.readUInt32LE(20),
    salt: bytes.readUInt32LE(28),
    lastSeq: bytes.readUIntLE(38, 6),
    timeMs: bytes.readUIntLE(44, 6),
  };
}

/** The entries in a whole hint. */
export function hintEntries(hint: Buffer): EntryList {
  return { bytes: hint, start: HINT_HEADER_BYTES, count: hint.readUInt32LE(52) };
}

/** Whether a start would use the segment's hint. */
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

/** What the head of a hint says, which nothing has proved yet. */
export interface HintHead {
  /** No more than the segment could hold: good for making room. */
  readonly count: number;
  readonly seed: HashSeed;
}

/** The head of the segment's hint; undefined when there is none. */
export async function peekHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
): Promise<HintHead | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const head = await readHintFile(fs, path, HINT_HEADER_BYTES);
  if (head === undefined || head.length < HINT_HEADER_BYTES) return undefined;
  if (head.readUInt32LE(8) !== HINT_VERSION) return undefined;
  return {
    count: Math.min(head.readUInt32LE(52), Math.floor(segment.committedBytes / FRAME_HEADER_BYTES)),
    seed: seedOf(head),
  };
}

/** Undefined also for one that may not be read, or is no file: it is a cache, and made anew. */
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

function seedOf(head: Buffer): HashSeed {
  return { k0: head.readInt32LE(56), k1: head.readInt32LE(60) };
}

function isWholeHint(bytes: Buffer): boolean {
  return (
    bytes.length >= HINT_HEADER_BYTES &&
    bytes.toString('latin1', 0, 8) === HINT_MAGIC &&
    bytes.readUInt32LE(8) === HINT_VERSION &&
    bytes.readUInt32LE(12) === crc32(bytes.subarray(16))
  );
}

function isHintOf(bytes: Buffer, segment: HintPlace): boolean {
  return (
    isWholeHint(bytes) &&
    bytes.readUInt32LE(16) === segment.first &&
    bytes.readUInt32LE(20) === segment.last &&
    bytes.readUInt32LE(24) === segment.generation &&
    bytes.readUInt32LE(28) === segment.salt &&
    bytes.readUIntLE(32, 6) === segment.committedBytes
  );
}
