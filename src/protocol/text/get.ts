// The parts of get lines: their prefix and their keys.

/** Spaces that memcached allows before a get of unlimited length. */
const LEADING_SPACES_MAX = 100;
const SPACE = 0x20;

/** Returns the position after `get` or `gets` (which a space follows) at the start of a line; 0: something else. */
export function readGetPrefix(bytes: Buffer, start: number, end: number): number {
  let at = start;
  const spacesEnd = Math.min(end, start + LEADING_SPACES_MAX);
  while (at < spacesEnd && bytes[at] === SPACE) at++;
  // g e t, perhaps s, and a space
  if (bytes[at] !== 0x67 || bytes[at + 1] !== 0x65 || bytes[at + 2] !== 0x74) return 0;
  const nameEnd = bytes[at + 3] === 0x73 ? at + 4 : at + 3;
  return nameEnd < end && bytes[nameEnd] === SPACE ? nameEnd : 0;
}

/** True when no word of bytes[start..end) is longer than a key may be. */
export function keysAreShort(
  bytes: Buffer,
  start: number,
  end: number,
  keyBytesMax: number,
): boolean {
  if (end - start <= keyBytesMax) return true;
  let from = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== SPACE) continue;
    if (at - from > keyBytesMax) return false;
    from = at + 1;
  }
  return true;
}
