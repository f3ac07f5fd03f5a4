// The log as a picture: its segments in log order. Neighbours are grouped when there are too many to show each.

import type { SegmentView } from '../../store/store.js';
import type { SegmentGroup } from './wire.js';

/** As many groups as a page can show, and as an answer each second may hold. */
const GROUPS_MAX = 400;

const LIVELINESS = ['next', 'sealed', 'compacting', 'active'] as const;

export function groupsOf(segments: readonly SegmentView[], groupsMax = GROUPS_MAX): SegmentGroup[] {
  const size = Math.max(1, Math.ceil(segments.length / groupsMax));
  const groups: SegmentGroup[] = [];
  for (let at = 0; at < segments.length; at += size) {
    groups.push(groupOf(segments.slice(at, at + size)));
  }
  return groups;
}

/** Requires that `segments` is not empty. */
function groupOf(segments: readonly SegmentView[]): SegmentGroup {
  const sum = (sizeOf: (segment: SegmentView) => number): number =>
    segments.reduce((bytes, segment) => bytes + sizeOf(segment), 0);
  const states = segments.map(({ state }) => LIVELINESS.indexOf(state));
  return {
    first: segments[0]!.first,
    last: segments.at(-1)!.last,
    count: segments.length,
    state: LIVELINESS[Math.max(...states)]!,
    bytes: sum(({ bytes }) => bytes),
    live: sum(({ liveBytes }) => liveBytes),
    dead: sum(({ deadBytes }) => deadBytes),
    compacted: sum(({ compactedBytes }) => compactedBytes),
  };
}
