// Copies of short runs of bytes. Buffer.copy makes a view of the source first, which for a key or a value of a hundred
// bytes costs more than the copy (benchmarks/README.md, "Cost of a read").

/** Up to this many bytes, the loop is faster than Buffer.copy. */
const LOOP_BYTES_MAX = 256;

/** Copies source[start..end) to `at` of `target`, which must have the room. Returns the position behind the copy. */
export function copyBytes(
  target: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): number {
  if (end - start > LOOP_BYTES_MAX) return at + source.copy(target, at, start, end);
  let to = at;
  for (let from = start; from < end; from += 1, to += 1) target[to] = source[from]!;
  return to;
}
