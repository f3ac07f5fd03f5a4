// The targets that kv-load puts entries into: a data directory or a running server.

import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';

export interface LoadTarget {
  /** Unix ms as the target knows it: entries that have expired by then are left out. */
  nowMs(): number;
  /** How many entries it has taken for good. */
  readonly stored: number;
  /** Takes the entry that came from `place`; resolves when the next one may come. Rejects when an earlier one was refused. */
  put(entry: SnapshotEntry, place: string): Promise<void>;
  /** Resolves when everything is on disk. */
  finish(): Promise<void>;
  /** What is not kept there, for the user; undefined when all is. */
  readonly loss: string | undefined;
  close(): Promise<void>;
}
