// Compaction plan: chooses the sealed segments to compact next. Pure policy over their sizes
// (docs/decisions/0026-compaction-contiguous-runs.md).
//
// Invariants of a chosen run:
// - The run is contiguous in the log, so that one file can replace it.
// - The bytes to copy fit into one segment, so that a compaction needs bounded room and time.

/** The sizes of a sealed segment. */
export interface SegmentSizes {
  /** Durable length of the file, without the overhead that no compaction can free. */
  readonly bytes: number;
  /** Frames that the keydir points to. */
  readonly liveBytes: number;
  /** Other frames that an earlier compaction had to keep: needed unless the run begins with the oldest segment. */
  readonly keptBytes: number;
}

interface PlanOptions {
  readonly segmentBytesMax: number;
  /** The least share of dead bytes in a run. */
  readonly ratio: number;
  /** While fewer bytes than this are dead in all, only small segments are joined. */
  readonly minBytes: number;
}

/** `from` inclusive, `to` exclusive. */
interface Run {
  readonly from: number;
  readonly to: number;
}

const RUN_SEGMENTS_MAX = 64;
/** Segments of at most this share of the full size are joined even without dead bytes. */
const SMALL_SHARE = 1 / 8;
const SMALL_RUN_MIN = 8;

/** Returns the run that frees the most, or undefined when no run is worth it. `segments` are in log order. */
export function planRun(segments: readonly SegmentSizes[], options: PlanOptions): Run | undefined {
  const dead = segments.reduce((sum, segment) => sum + segment.bytes - neededBytes(segment, 1), 0);
  const small = smallRun(segments, options);
  if (dead < options.minBytes) return small;
  let best: Run | undefined;
  let bestFreed = 0;
  for (let from = 0; from < segments.length; from += 1) {
    let bytes = 0;
    let needed = 0;
    const end = Math.min(segments.length, from + RUN_SEGMENTS_MAX);
    for (let to = from + 1; to <= end; to += 1) {
      const segment = segments[to - 1]!;
      bytes += segment.bytes;
      needed += neededBytes(segment, from);
      if (needed > options.segmentBytesMax && to > from + 1) break;
      const freed = bytes - needed;
      if (freed >= options.ratio * bytes && freed > bestFreed) {
        best = { from, to };
        bestFreed = freed;
      }
    }
  }
  return best ?? small;
}

/** Returns the bytes of the segment that a run from index `from` has to keep. */
function neededBytes({ liveBytes, keptBytes }: SegmentSizes, from: number): number {
  return from === 0 ? liveBytes : liveBytes + keptBytes;
}

/** Returns a run of many small neighbours, which are joined so that the number of files stays bounded. */
function smallRun(segments: readonly SegmentSizes[], options: PlanOptions): Run | undefined {
  const limit = options.segmentBytesMax * SMALL_SHARE;
  let from = 0;
  for (let to = 0; to <= segments.length; to += 1) {
    const isSmall = to < segments.length && segments[to]!.bytes <= limit;
    if (isSmall && to - from < SMALL_RUN_MIN) continue;
    if (to - from >= SMALL_RUN_MIN) return { from, to };
    from = to + (isSmall ? 0 : 1);
  }
  return undefined;
}

/**
 * Returns the first run of a full compaction from the segment `start` on: as many neighbours as fit into one segment.
 * Undefined when nothing there is dead or can be joined.
 */
export function planAll(
  segments: readonly SegmentSizes[],
  segmentBytesMax: number,
  start: number,
): Run | undefined {
  for (let from = start; from < segments.length; from += 1) {
    let needed = neededBytes(segments[from]!, from);
    let bytes = segments[from]!.bytes;
    let to = from + 1;
    while (to < segments.length && needed + neededBytes(segments[to]!, from) <= segmentBytesMax) {
      needed += neededBytes(segments[to]!, from);
      bytes += segments[to]!.bytes;
      to += 1;
    }
    if (bytes > needed || to - from > 1) return { from, to };
  }
  return undefined;
}
