// The targets that kv-load puts entries into: a data directory or a running server.

import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';

export interface LoadTarget {
  /** Unix ms by the clock of the target: entries that have expired by then are left out. */
  nowMs(): number;
  /** The number of entries that the target has accepted for good. */
  readonly stored: number;
  /**
   * Takes the entry from `place`, and resolves when the next one may come. Rejects when an earlier entry was refused.
   */
  put(entry: SnapshotEntry, place: string): Promise<void>;
  /** Resolves when everything is on disk. */
  finish(): Promise<void>;
  /** Names for the user what the target does not keep of an entry; undefined when it keeps all. */
  readonly loss: string | undefined;
  close(): Promise<void>;
}
