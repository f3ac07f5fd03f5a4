// A hint: what replaying one sealed segment would tell the keydir, without the values. Rebuildable at
// any time: a missing, damaged or stale one changes nothing but the start-up time (docs/format.md).
//
//   | header 64 | entry | entry | … |        entries as in entry-list.ts, in the order of entry-order.ts
//
// Invariant: a hint is used only when it names the very segment beside it: store, numbers, generation,
// salt and length; and when the checksum over all entries holds.

import { crc32 } from 'node:zlib';

import { EntryListBuilder } from './entry-list.js';
import type { EntryList } from './entry-list.js';
import { hashEntries, inHashOrder } from './entry-order.js';
import { FRAME_HEADER_BYTES } from './format.js';
import type { HashSeed } from './key-hash.js';
import { HINT_MAGIC } from './magic.js';

export const HINT_HEADER_BYTES = 64;
/** Of its own: a hint of another version is made again. */
export const HINT_VERSION = 2;

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

/** The segment that a hint is of. */
export interface HintPlace {
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
  readonly committedBytes: number;
}

/** What a whole hint tells of its segment, whatever that is. */
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

/** What the segment's hint tells; undefined when it is not a good one. */
export function decodeHint(bytes: Buffer, segment: HintPlace): LoadedHint | undefined {
  if (!isHintOf(bytes, segment)) return undefined;
  return { facts: factsOf(bytes), entries: hintEntries(bytes), seed: seedOf(bytes) };
}

/** Undefined when the hint is damaged. */
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

/** The entries in a whole hint. */
export function hintEntries(hint: Buffer): EntryList {
  return { bytes: hint, start: HINT_HEADER_BYTES, count: hint.readUInt32LE(52) };
}

/** What the head of a hint says, which nothing has proved yet. */
export interface HintHead {
  /** No more than the segment could hold: good for making room. */
  readonly count: number;
  readonly seed: HashSeed;
}

/** Undefined when it is of no hint that this release knows. */
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

/** Whether it is whole and of that very segment. */
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
