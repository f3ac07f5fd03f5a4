// The sources that kv-load takes entries from: a dump or a table in a file, stdin, or a Redis.

import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';

export interface EntrySource {
  /** In what `total` and `done` count. */
  readonly unit: 'bytes' | 'keys';
  /** How much there is; 0: not known. */
  readonly total: number;
  readonly done: number;
  /** Of the entry that came last, for messages: `Line 3`. */
  readonly place: string;
  /** Throws where something is damaged, incomplete or no entry, at the latest at the end. */
  entries(): AsyncGenerator<SnapshotEntry>;
  /** What the user should know, a line each; complete after the last entry. */
  notes(): readonly string[];
  close(): void;
}

/** What makes entries of bytes: lines of a dump, rows of a table. */
export interface EntryReader {
  readonly place: string;
  entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<SnapshotEntry>;
}
