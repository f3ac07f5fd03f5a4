// Hints: what the replay of one sealed segment would add to the keydir, without the values. A hint can be rebuilt at
// any time: a missing, damaged or stale one changes only the start-up time (docs/format.md).
//
//   | header 64 | entry | entry | … |        entries as in entry-list.ts, in the order of entry-order.ts
//
// Invariant: a hint is used only when its numbers, generation, salt and length are those of the segment beside it
// and the checksum over all entries is right.

import { crc32 } from 'node:zlib';

import { EntryListBuilder } from './entry-list.js';
import type { EntryList } from './entry-list.js';
import { hashEntries, inHashOrder } from './entry-order.js';
import { FRAME_HEADER_BYTES } from './format.js';
import type { HashSeed } from './key-hash.js';
import { HINT_MAGIC } from './magic.js';

export const HINT_HEADER_BYTES = 64;
/** Hints have a format version of their own: a hint of another version is rebuilt. */
export const HINT_VERSION = 2;

/** The last seq and time that a replay of the segment would give. */
export interface HintFacts {
  readonly lastSeq: number;
  /** Highest batch time, Unix ms. */
  readonly timeMs: number;
}

/** A hint that was checked. */
export interface LoadedHint extends ReplayedSegment {
  readonly seed: HashSeed;
}

/** The result of a replay of one segment. */
export interface ReplayedSegment {
  /** The seed of the entries' hashes; set when the entries are in hash order. */
  readonly seed?: HashSeed;
  readonly facts: HintFacts;
  readonly entries: EntryList;
}

/** The fields by which a hint names its segment. */
export interface HintPlace {
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
  readonly committedBytes: number;
}

/** The fields of an undamaged hint, not compared with any segment. */
export interface HintClaim extends HintFacts, HintPlace {}

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

  /** The highest seq that was added. */
  get lastSeq(): number {
    return this.#entries.lastSeq;
  }

  /**
   * Header: 0 magic 8 | 8 version u32 | 12 crc u32 of all after it | 16 first u32 | 20 last u32
   * 24 generation u32 | 28 salt u32 | 32 segment bytes u48 | 38 last seq u48 | 44 time u48 | 50 zero u16
   * 52 entries u32 | 56 hash seed, two u32
   *
   * `areHashed`: all entries were added with their hashes. The returned buffer owns its memory.
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

/** Decodes the hint of `segment`; returns undefined when it is damaged or belongs to another segment. */
export function decodeHint(bytes: Buffer, segment: HintPlace): LoadedHint | undefined {
  if (!isHintOf(bytes, segment)) return undefined;
  return { facts: factsOf(bytes), entries: hintEntries(bytes), seed: seedOf(bytes) };
}

/** Decodes what a hint says about its segment; returns undefined when the hint is damaged. */
export function decodeHintClaim(bytes: Buffer): HintClaim | undefined {
  if (!isWholeHint(bytes)) return undefined;
  return {
    first: bytes.readUInt32LE(16),
    last: bytes.readUInt32LE(20),
    generation: bytes.readUInt32LE(24),
    salt: bytes.readUInt32LE(28),
    committedBytes: bytes.readUIntLE(32, 6),
    ...factsOf(bytes),
  };
}

/** Returns the entries of an undamaged hint. */
export function hintEntries(hint: Buffer): EntryList {
  return { bytes: hint, start: HINT_HEADER_BYTES, count: hint.readUInt32LE(52) };
}

/** The header of a hint, before any check of the rest. */
export interface HintHead {
  /** Number of entries, at most as many as the segment could hold; used to allocate memory. */
  readonly count: number;
  readonly seed: HashSeed;
}

/** Returns undefined when `head` is too short or of another hint version. */
export function decodeHintHead(head: Buffer, segment: HintPlace): HintHead | undefined {
  if (head.length < HINT_HEADER_BYTES || head.readUInt32LE(8) !== HINT_VERSION) return undefined;
  return {
    count: Math.min(head.readUInt32LE(52), Math.floor(segment.committedBytes / FRAME_HEADER_BYTES)),
    seed: seedOf(head),
  };
}

function factsOf(bytes: Buffer): HintFacts {
  return { lastSeq: bytes.readUIntLE(38, 6), timeMs: bytes.readUIntLE(44, 6) };
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

/** Checks whether the bytes are an undamaged hint of `segment`. */
export function isHintOf(bytes: Buffer, segment: HintPlace): boolean {
  return (
    isWholeHint(bytes) &&
    bytes.readUInt32LE(16) === segment.first &&
    bytes.readUInt32LE(20) === segment.last &&
    bytes.readUInt32LE(24) === segment.generation &&
    bytes.readUInt32LE(28) === segment.salt &&
    bytes.readUIntLE(32, 6) === segment.committedBytes
  );
}
