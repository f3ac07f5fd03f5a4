// The atomic step of a compaction: a new segment stands where a run of sealed ones stood.
//
// Invariant: whatever step a crash hits, the manifest on disk names the whole run or the new segment, and the files of
// what it names are there.

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

  /** `onRoom` is called when files have gone. */
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
   * throws, the old run stands and its files must stay; the output's goes by `discard`, because the manifest
   * on disk may name it.
   *
   * What the run's files hold more than the output's stays in the history, if that is kept.
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
   * Removes the files of a run that was replaced, once nobody reads them. One that cannot be removed stays
   * for the next start, and is thrown when all the others have gone.
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
