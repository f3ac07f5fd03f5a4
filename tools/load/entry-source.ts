// The sources that kv-load takes entries from: a dump or a table in a file, stdin, or a Redis.

import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';

export interface EntrySource {
  /** The unit of `total` and `done`. */
  readonly unit: 'bytes' | 'keys';
  /** The total amount; 0 when it is not known. */
  readonly total: number;
  readonly done: number;
  /** The place of the last entry, for messages: `Line 3`. */
  readonly place: string;
  /** Throws, at the latest at the end, where something is damaged, incomplete or not an entry. */
  entries(): AsyncGenerator<SnapshotEntry>;
  /** Returns notes for the user, one line each. They are complete after the last entry. */
  notes(): readonly string[];
  close(): void;
}

/** Makes entries of bytes: of the lines of a dump or the rows of a table. */
export interface EntryReader {
  readonly place: string;
  entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<SnapshotEntry>;
}
