// A hint: what replaying one sealed segment would tell the keydir, without the values. Rebuildable at
// any time: a missing, damaged or stale one changes nothing but the start-up time (docs/format.md).
//
//   | header 64 | entry | entry | … |        entries as in entry-list.ts
//
// Invariant: a hint is used only when it names the very segment beside it: store, numbers, generation,
// salt and length; and when the checksum over all entries holds.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { Fs } from '../env/env.js';
import { EntryListBuilder } from './entry-list.js';
import type { EntryList } from './entry-list.js';
import { hintName } from './files.js';
import { FORMAT_VERSION, FRAME_HEADER_BYTES } from './format.js';
import type { Segment } from './segment.js';
import { readWholeFile, replaceFile } from './whole-file.js';

export const HINT_MAGIC = 'CAIRNHNT';
export const HINT_HEADER_BYTES = 64;

/** What the segment was when its hint was made, and what else its replay would have told. */
export interface HintFacts {
  readonly lastSeq: number;
  /** Highest batch time, Unix ms. */
  readonly timeMs: number;
}

/** All that a replay of one segment tells. */
export interface ReplayedSegment {
  readonly facts: HintFacts;
  readonly entries: EntryList;
}

type HintPlace = Pick<Segment, 'first' | 'last' | 'generation' | 'salt' | 'committedBytes'>;

/** Makes the hint of one segment from its frames. */
export class HintBuilder {
  readonly #entries = new EntryListBuilder(HINT_HEADER_BYTES);

  /** See EntryListBuilder. */
  addFrame(source: Buffer, at: number, offset: number): void {
    this.#entries.addFrame(source, at, offset);
  }

  /** The highest that was added. */
  get lastSeq(): number {
    return this.#entries.lastSeq;
  }

  /**
   * Header: 0 magic 8 | 8 version u32 | 12 crc u32 of all after it | 16 first u32 | 20 last u32
   * 24 generation u32 | 28 salt u32 | 32 segment bytes u48 | 38 last seq u48 | 44 time u48 | 50 zero u16
   * 52 entries u32 | 56 zero u64
   */
  finish(place: HintPlace, facts: HintFacts): Buffer {
    const { bytes, count } = this.#entries;
    bytes.write(HINT_MAGIC, 0, 'latin1');
    bytes.writeUInt32LE(FORMAT_VERSION, 8);
    bytes.writeUInt32LE(place.first, 16);
    bytes.writeUInt32LE(place.last, 20);
    bytes.writeUInt32LE(place.generation, 24);
    bytes.writeUInt32LE(place.salt, 28);
    bytes.writeUIntLE(place.committedBytes, 32, 6);
    bytes.writeUIntLE(facts.lastSeq, 38, 6);
    bytes.writeUIntLE(Math.floor(facts.timeMs), 44, 6);
    bytes.writeUInt32LE(count, 52);
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
  await replaceFile(fs, dir, hintName(place.last, place.generation), hint);
}

/** What the segment's hint tells; undefined when there is no good one. */
export async function loadHint(
  fs: Fs,
  dir: string,
  segment: HintPlace,
): Promise<ReplayedSegment | undefined> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const bytes = await readWholeFile(fs, path);
  if (bytes === undefined || !isHintOf(bytes, segment)) return undefined;
  return {
    facts: { lastSeq: bytes.readUIntLE(38, 6), timeMs: bytes.readUIntLE(44, 6) },
    entries: hintEntries(bytes),
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
  const bytes = await readWholeFile(fs, join(dir, name));
  if (bytes === undefined) return { name, state: 'missing' };
  return { name, state: isHintOf(bytes, segment) ? 'good' : 'unusable' };
}

/**
 * How many entries the segment's hint has, by the unproved word of its header but no more than the
 * segment could hold; 0 when there is none. Good for making room.
 */
export async function peekHintCount(fs: Fs, dir: string, segment: HintPlace): Promise<number> {
  const path = join(dir, hintName(segment.last, segment.generation));
  const header = await readWholeFile(fs, path, HINT_HEADER_BYTES);
  if (header === undefined || header.length < HINT_HEADER_BYTES) return 0;
  return Math.min(header.readUInt32LE(52), Math.floor(segment.committedBytes / FRAME_HEADER_BYTES));
}

function isHintOf(bytes: Buffer, segment: HintPlace): boolean {
  return (
    bytes.length >= HINT_HEADER_BYTES &&
    bytes.toString('latin1', 0, 8) === HINT_MAGIC &&
    bytes.readUInt32LE(8) === FORMAT_VERSION &&
    bytes.readUInt32LE(12) === crc32(bytes.subarray(16)) &&
    bytes.readUInt32LE(16) === segment.first &&
    bytes.readUInt32LE(20) === segment.last &&
    bytes.readUInt32LE(24) === segment.generation &&
    bytes.readUInt32LE(28) === segment.salt &&
    bytes.readUIntLE(32, 6) === segment.committedBytes
  );
}
