// File descriptors: bounds the connections so that the log can always open its next segment. Each segment keeps one
// descriptor open for as long as it exists, so a growing store leaves fewer to clients.
// Without free descriptors, Node resets clients without a reply and rotation stops (docs/recovery.md).

import fs from 'node:fs';

/**
 * Descriptors reserved for Node itself, the spare ones (env/spare-descriptors.ts), hints, large values, compaction,
 * listeners, the control socket and refusals: an eighth of all, within these bounds.
 */
const RESERVED_MIN = 64;
const RESERVED_MAX = 128;

/** Returns how many of the `wanted` connections fit beside `segments` open segments; at least 1. */
export function connectionsWithin(wanted: number, limit: number, segments: number): number {
  const reserved = Math.min(RESERVED_MAX, Math.max(RESERVED_MIN, Math.floor(limit / 8)));
  return Math.max(1, Math.min(wanted, limit - reserved - segments));
}

/** Returns RLIMIT_NOFILE of this process; Infinity where the system does not report it. */
export function descriptorLimit(readLimits: () => string = readProc): number {
  const match = /^Max open files\s+(\d+)/m.exec(readLimits());
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}

function readProc(): string {
  try {
    return fs.readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Without /proc (macOS) the limit is unknown, and only -c bounds the connections.
    return '';
  }
}
