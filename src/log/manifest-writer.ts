// The manifest on disk while the log is open: composed from the table of segments, written by turns.
//
// Invariants:
// - Manifest writes are serialised; each composes the state at its turn.
// - A segment's file is removed only when no manifest that a start could find names it. A write that failed leaves two
//   such manifests: `#named` holds the names of both. A write that is under way may name it too: it is waited for.

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

  /** Requires: the manifest on disk says what the table says. */
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

  /** Resolves when no write is under way, however the last one ended. */
  idle(): Promise<void> {
    return this.#turn;
  }

  /**
   * Makes sure that no manifest on disk names a file that is to go, nor one that is on its way there. Throws when it
   * cannot. Requires: the table does not have it any more.
   */
  async unname(name: string): Promise<void> {
    await this.#turn;
    if (this.#named.has(name)) await this.write();
  }

  /** Removes the file of a segment that did not come to be. When it throws, the file stays for the next start. */
  async discard(segment: Segment): Promise<void> {
    await this.unname(segment.name);
    await this.#fs.remove(join(this.#dir, segment.name));
  }
}
