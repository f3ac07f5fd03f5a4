// File descriptors: how many connections may be open so that the log can always open its next segment. Each segment
// has one open for as long as it is there, so a store that grows leaves fewer to clients.
// Running out makes node reset clients without a word and stops rotation (docs/recovery.md).

import fs from 'node:fs';

/**
 * Kept back for Node itself, the spare ones (env/spare-descriptors.ts), hints, large values, compaction, listeners,
 * control and refusals: an eighth of all, within these bounds.
 */
const RESERVED_MIN = 64;
const RESERVED_MAX = 128;

/** The connections that `wanted` can really be beside so many segments. */
export function connectionsWithin(wanted: number, limit: number, segments: number): number {
  const reserved = Math.min(RESERVED_MAX, Math.max(RESERVED_MIN, Math.floor(limit / 8)));
  return Math.max(1, Math.min(wanted, limit - reserved - segments));
}

/** RLIMIT_NOFILE of this process; Infinity where the system does not say. */
export function descriptorLimit(readLimits: () => string = readProc): number {
  const match = /^Max open files\s+(\d+)/m.exec(readLimits());
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}

function readProc(): string {
  try {
    return fs.readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // No /proc (macOS): the limit is not known, and -c alone holds.
    return '';
  }
}
