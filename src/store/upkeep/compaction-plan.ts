// Which sealed segments to compact next: pure policy over their sizes
// (docs/decisions/0026-compaction-contiguous-runs.md).
//
// Invariants of what is chosen:
// - The run is contiguous in the log, so that one file can stand where it stood.
// - What must be copied fits one segment, so that a compaction needs bounded room and time.

/** What the policy sees of a sealed segment, in log order. */
export interface SegmentSizes {
  /** Durable length of the file, less the headers that cannot be spared. */
  readonly bytes: number;
  /** Frames that the keydir points to. */
  readonly liveBytes: number;
  /** Frames that an earlier compaction had to keep beside those: needed unless the run is the oldest. */
  readonly keptBytes: number;
}

interface PlanOptions {
  readonly segmentBytesMax: number;
  /** Share of dead bytes in the run. */
  readonly ratio: number;
  /** Nothing is chosen while fewer bytes are dead in all. */
  readonly minBytes: number;
}

/** `from` inclusive, `to` exclusive. */
interface Run {
  readonly from: number;
  readonly to: number;
}

const RUN_SEGMENTS_MAX = 64;
/** Segments that are this much smaller than they may be are gathered even without dead bytes. */
const SMALL_SHARE = 1 / 8;
const SMALL_RUN_MIN = 8;

/** The run that frees the most, or undefined when none is worth it. */
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

/** What a run that starts at `from` has to keep of the segment. */
function neededBytes({ liveBytes, keptBytes }: SegmentSizes, from: number): number {
  return from === 0 ? liveBytes : liveBytes + keptBytes;
}

/** Many small neighbours become one, so that the number of files stays bounded. */
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
 * The first run of a full compaction from the segment `start` on: neighbours as long as what is needed fits one
 * segment. Undefined when nothing there is dead or can be joined.
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
