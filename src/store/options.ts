// What an operator or an embedding program may set for a store, with the defaults of src/defaults.ts.

import {
  APPEND_BYTES_DEFAULT,
  CACHE_BYTES_DEFAULT,
  COMPACT_MIN_BYTES_DEFAULT,
  COMPACT_RATIO_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  SNAPSHOT_PAUSE_MS_DEFAULT,
} from '../defaults.js';
import { VALUE_BYTES_LIMIT } from '../limits.js';

export interface StoreOptions {
  /** A segment is sealed when it would grow over this. */
  readonly segmentBytesMax: number;
  /** Commits of so many bytes are appended to the log; shorter ones go into zeros that were written ahead. */
  readonly appendBytesMin: number;
  /** Memory for hot values; 0: none. */
  readonly cacheBytesMax: number;
  /** Longer values are `too-large`. */
  readonly valueBytesMax: number;
  /** Bounds of the store; 0: none. */
  readonly keysMax: number;
  readonly bytesMax: number;
  /** At a bound: drop the least recently used item, or refuse the write. */
  readonly evicts: boolean;
  /** Items that nobody used for this long are dropped; 0: never. */
  readonly idleMsMax: number;
  /** Share of dead bytes from which a run of segments is compacted. */
  readonly compactRatio: number;
  /** Compaction waits until this many bytes are dead in all. */
  readonly compactMinBytes: number;
  /** `compact`: after a compaction, at most every snapshotPauseMs; a number: every so many ms. */
  readonly snapshot: 'never' | 'compact' | number;
  readonly snapshotPauseMs: number;
  /** Sealed segments and large values are read again for damage at this rate; 0: not. */
  readonly scrubBytesPerSecond: number;
  /** The thread belongs to the store: short commits may hold it up (log/commit/direct-writes.ts). */
  readonly ownsThread: boolean;
  /** Start from hints where they are good. */
  readonly useHints: boolean;
  /** Go on although the wall clock is more than a day behind the log (KV_CLOCK otherwise). */
  readonly acceptClock: boolean;
  /** Told while the log is replayed. */
  readonly onProgress?: ((segmentsDone: number, segmentsTotal: number) => void) | undefined;
}

export const STORE_OPTIONS_DEFAULT: StoreOptions = {
  segmentBytesMax: SEGMENT_BYTES_DEFAULT,
  appendBytesMin: APPEND_BYTES_DEFAULT,
  cacheBytesMax: CACHE_BYTES_DEFAULT,
  valueBytesMax: VALUE_BYTES_LIMIT,
  keysMax: 0,
  bytesMax: 0,
  evicts: true,
  idleMsMax: 0,
  compactRatio: COMPACT_RATIO_DEFAULT,
  compactMinBytes: COMPACT_MIN_BYTES_DEFAULT,
  snapshot: 'compact',
  snapshotPauseMs: SNAPSHOT_PAUSE_MS_DEFAULT,
  scrubBytesPerSecond: 0,
  ownsThread: false,
  useHints: true,
  acceptClock: false,
};
