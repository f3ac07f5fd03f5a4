// Decimal numbers in request lines, read from the bytes without making strings. The ranges are
// memcached's: u32, s32 and u64; a single plus sign is accepted, as strtol does.

const ZERO = 0x30;
const NINE = 0x39;
const PLUS = 0x2b;
const MINUS = 0x2d;
/** 15 digits are always below 2^53. */
const SAFE_DIGITS = 15;
const U64_DIGITS_MAX = 20;
const U64_LIMIT = 2n ** 64n;
const INT32_MAX = 2_147_483_647;
const UINT32_MAX = 4_294_967_295;

/** The result of readUnsigned() and readExptime() for bytes that are not such a number. */
const NOT_A_NUMBER = Number.NaN;

/** Reads an unsigned number of at most 15 digits; NaN for anything else. */
export function readUnsigned(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start] === PLUS ? start + 1 : start;
  if (first >= end || end - first > SAFE_DIGITS) return NOT_A_NUMBER;
  let number = 0;
  for (let at = first; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return NOT_A_NUMBER;
    number = number * 10 + (byte - ZERO);
  }
  return number;
}

/**
 * Reads a signed 32-bit number or a Unix time up to the year 2106; NaN for anything else. memcached cuts larger
 * numbers off to 32 bits, which would turn a time in 2040 into one in the past.
 */
export function readExptime(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === MINUS;
  if (negative && bytes[start + 1] === PLUS) return NOT_A_NUMBER;
  const number = readUnsigned(bytes, negative ? start + 1 : start, end);
  if (negative) return number <= INT32_MAX + 1 ? 0 - number : NOT_A_NUMBER;
  return number <= UINT32_MAX ? number : NOT_A_NUMBER;
}

/** Reads an unsigned 64-bit number; undefined for anything else. */
export function readUint64(bytes: Buffer, start: number, end: number): bigint | undefined {
  const small = readUnsigned(bytes, start, end);
  if (!Number.isNaN(small)) return BigInt(small);
  const first = bytes[start] === PLUS ? start + 1 : start;
  if (first >= end || end - first > U64_DIGITS_MAX) return undefined;
  for (let at = first; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return undefined;
  }
  const number = BigInt(bytes.toString('latin1', first, end));
  return number < U64_LIMIT ? number : undefined;
}
