// Run replacement: the atomic step of a compaction, by which a new segment replaces a run of sealed ones.
//
// Invariant: at whatever step a crash happens, the manifest on disk names the whole run or the new segment, and the
// files that it names exist.

import { join } from 'node:path';

import { assert } from '../assert.js';
import type { Fs } from '../env/env.js';
import { hintName } from './bytes/file-names.js';
import type { ManifestWriter } from './manifest-writer.js';
import type { History } from './history.js';
import { removeOurs } from './segments/ownership.js';
import type { Segment, SegmentTable } from './segments/segment.js';

export class RunReplacement {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #table: SegmentTable;
  readonly #manifest: ManifestWriter;
  readonly #history: History;
  readonly #onRoom: () => void;

  /** `onRoom` is called when files were removed. */
  constructor(
    fs: Fs,
    dir: string,
    table: SegmentTable,
    manifest: ManifestWriter,
    history: History,
    onRoom: () => void,
  ) {
    this.#fs = fs;
    this.#dir = dir;
    this.#table = table;
    this.#manifest = manifest;
    this.#history = history;
    this.#onRoom = onRoom;
  }

  /**
   * Puts `output`, durable under its own name, in the place of the contiguous `run` of sealed segments. When it
   * throws, the run stays part of the log and its files must stay. The caller then removes the output's file with
   * `discard`, because the manifest on disk may name it.
   *
   * The history keeps the run's files, if there is one, because the output lacks some of their records.
   */
  async replace(run: readonly Segment[], output: Segment): Promise<void> {
    assert(
      run.every((segment) => segment.sealed),
      'Only sealed segments are compacted',
    );
    output.horizon = this.#history.lastSeq;
    await this.#history.keepSegments(run, output.horizon);
    this.#table.replace(run, output);
    try {
      await this.#manifest.write();
    } catch (error) {
      this.#table.restore(run, output);
      throw error;
    }
  }

  /** See ManifestWriter. */
  discard(output: Segment): Promise<void> {
    return this.#manifest.discard(output);
  }

  /**
   * Removes the files of a replaced run, once nobody reads them. A file that cannot be removed stays for the next
   * start; the error is thrown when the others are removed.
   */
  async retire(run: readonly Segment[]): Promise<void> {
    let failure: unknown;
    for (const segment of run) {
      await this.#table.retire(segment);
      try {
        await this.#fs.remove(join(this.#dir, segment.name));
        await removeOurs(this.#fs, this.#dir, hintName(segment.last, segment.generation));
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    await this.#fs.syncDir(this.#dir);
    this.#onRoom();
  }
}
