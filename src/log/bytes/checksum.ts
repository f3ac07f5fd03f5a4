// CRC-32 of a part of a buffer, equal to zlib's. zlib's own is the fastest for many bytes. For the few bytes of a
// usual frame, its call and the view that it needs cost three times the sum itself
// (docs/decisions/0033-short-checksums.md).
//
// Checksums are linear: when bytes move to a place with another seed, their checksum changes by a difference that
// depends only on their number and the two seeds.
//
// Invariant: the tables and zlib give the same checksum.

import { crc32 } from 'node:zlib';

/** Up to this many bytes the tables are faster than zlib. */
const TABLES_BYTES_MAX = 512;
const STEP = 8;

/** STEP tables of 256 entries: table n has the checksum of a byte that is followed by n bytes. */
const TABLES = makeTables();

/** Returns the CRC-32 of the bytes from `from` to before `to`; `seed` is the running value that it starts from. */
export function checksum(bytes: Buffer, from: number, to: number, seed: number): number {
  if (to - from > TABLES_BYTES_MAX) return crc32(bytes.subarray(from, to), seed);
  let sum = ~seed;
  let at = from;
  for (const last = to - STEP; at <= last; at += STEP) {
    sum =
      TABLES[1792 + ((sum ^ bytes[at]!) & 0xff)]! ^
      TABLES[1536 + (((sum >>> 8) ^ bytes[at + 1]!) & 0xff)]! ^
      TABLES[1280 + (((sum >>> 16) ^ bytes[at + 2]!) & 0xff)]! ^
      TABLES[1024 + ((sum >>> 24) ^ bytes[at + 3]!)]! ^
      TABLES[768 + bytes[at + 4]!]! ^
      TABLES[512 + bytes[at + 5]!]! ^
      TABLES[256 + bytes[at + 6]!]! ^
      TABLES[bytes[at + 7]!]!;
  }
  for (; at < to; at += 1) sum = (sum >>> 8) ^ TABLES[(sum ^ bytes[at]!) & 0xff]!;
  return ~sum >>> 0;
}

/** Returns the checksum of the same `byteCount` bytes with another seed, without reading them. */
export function reseeded(sum: number, byteCount: number, seed: number, newSeed: number): number {
  let change = seed ^ newSeed;
  for (let step = 0, left = byteCount; left !== 0; step += 1, left >>>= 1) {
    if ((left & 1) !== 0) change = passed(advances[step] ?? makeAdvance(step), change);
  }
  return (sum ^ change) >>> 0;
}

/** For each step, what a difference between two running sums becomes 2^step bytes later: one table per byte. */
const advances: Int32Array[] = [];

function passed(advance: Int32Array, change: number): number {
  return (
    advance[change & 0xff]! ^
    advance[256 + ((change >>> 8) & 0xff)]! ^
    advance[512 + ((change >>> 16) & 0xff)]! ^
    advance[768 + (change >>> 24)]!
  );
}

function makeAdvance(step: number): Int32Array {
  const half = step === 0 ? undefined : (advances[step - 1] ?? makeAdvance(step - 1));
  const table = new Int32Array(4 * 256);
  for (let at = 0; at < table.length; at += 1) {
    const change = (at & 0xff) << ((at >>> 8) << 3);
    table[at] =
      half === undefined
        ? (change >>> 8) ^ TABLES[change & 0xff]!
        : passed(half, passed(half, change));
  }
  advances[step] = table;
  return table;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1)
      sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0xedb88320;
    tables[byte] = sum;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}
