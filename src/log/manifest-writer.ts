// Manifest writer: composes the manifest from the table of segments and writes it while the log is open.
//
// Invariants:
// - Manifest writes are serialised; each composes the state at its turn.
// - A segment's file is removed only when no manifest that a start could find names it. After a failed write a start
//   may find the old or the new manifest: `#named` has the names of both. Removal waits for a write under way.

import { join } from 'node:path';

import type { Fs } from '../env/env.js';
import { writeManifest } from './segments/manifest-file.js';
import type { Segment, SegmentTable } from './segments/segment.js';

export class ManifestWriter {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #storeId: string;
  readonly #table: SegmentTable;
  #turn: Promise<void> = Promise.resolve();
  #named: Set<string>;

  /** Requires: the manifest on disk names the segments of the table. */
  constructor(fs: Fs, dir: string, storeId: string, table: SegmentTable) {
    this.#fs = fs;
    this.#dir = dir;
    this.#storeId = storeId;
    this.#table = table;
    this.#named = new Set(table.ordered.map((segment) => segment.name));
  }

  write(): Promise<void> {
    const turn = this.#turn.then(async () => {
      const segments = this.#table.ordered.map((segment) => segment.entry);
      const names = this.#table.ordered.map((segment) => segment.name);
      await writeManifest(this.#fs, this.#dir, { storeId: this.#storeId, segments }, () => {
        for (const name of names) this.#named.add(name);
      });
      this.#named = new Set(names);
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when no write is under way, even if the last one failed. */
  idle(): Promise<void> {
    return this.#turn;
  }

  /**
   * Makes sure that neither the manifest on disk nor one being written names a file that will be removed. Throws when
   * it cannot. Requires: the file is no longer in the table.
   */
  async unname(name: string): Promise<void> {
    await this.#turn;
    if (this.#named.has(name)) await this.write();
  }

  /** Removes the file of a segment that was given up. When it throws, the next start removes the file. */
  async discard(segment: Segment): Promise<void> {
    await this.unname(segment.name);
    await this.#fs.remove(join(this.#dir, segment.name));
  }
}
