// File descriptors: how many connections may be open so that the log can always open its next segment.
// Running out makes node reset clients without a word and stops rotation (docs/recovery.md).

import fs from 'node:fs';

/** Kept back for segments, hints, large values, compaction and listeners. */
const RESERVED = 64;

/** The connections that `wanted` can really be. */
export function connectionsWithin(wanted: number, limit: number): number {
  return Math.max(1, Math.min(wanted, limit - RESERVED));
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
