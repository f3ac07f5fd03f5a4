// The end of a command line.

const LF = 0x0a;
/** Most lines are shorter than this, and a loop finds their end faster than a call into the runtime. */
const NEAR_BYTES = 64;

/** Returns the position of the first line feed in bytes[start..end), or -1. */
export function findLineFeed(bytes: Buffer, start: number, end: number): number {
  const near = Math.min(end, start + NEAR_BYTES);
  for (let at = start; at < near; at++) if (bytes[at] === LF) return at;
  if (near === end) return -1;
  const found = bytes.indexOf(LF, near);
  return found < end ? found : -1;
}
