// Defaults of the engine: the one place for the defaults that the server's flags (src/config/config.ts) and the
// embeddable library share. Limits that nobody may change are in limits.ts.

import { KIB, MIB } from './limits.js';

/** A segment is sealed when it would grow over this. */
export const SEGMENT_BYTES_DEFAULT = 64 * MIB;
/** A commit of at least this size is faster when it is appended than when it overwrites zeros written ahead. */
export const APPEND_BYTES_DEFAULT = 512 * KIB;
/** Memory for hot values; memcached's `-m` default. */
export const CACHE_BYTES_DEFAULT = 64 * MIB;
/** Segments whose share of dead bytes reaches this are compacted. */
export const COMPACT_RATIO_DEFAULT = 0.4;
/** Compaction waits until this many bytes are dead in all. */
export const COMPACT_MIN_BYTES_DEFAULT = 32 * MIB;
/** With `--snapshot compact`: the shortest time between two snapshots, in ms. */
export const SNAPSHOT_PAUSE_MS_DEFAULT = 600_000;
