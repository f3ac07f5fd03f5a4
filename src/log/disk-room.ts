// Room on the disk: checks whether the disk has enough for files other than the log's end, and for the writes by which
// a full disk is emptied.

import type { Fs } from '../env/env.js';
import { KvError } from '../errors.js';
import { overgrowthBytes, roomBytes } from './commit/log-end.js';
import type { SegmentTable } from './segments/segment.js';

export class DiskRoom {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #table: SegmentTable;
  readonly #segmentBytesMax: number;

  constructor(fs: Fs, dir: string, table: SegmentTable, segmentBytesMax: number) {
    this.#fs = fs;
    this.#dir = dir;
    this.#table = table;
    this.#segmentBytesMax = segmentBytesMax;
  }

  /** Checks whether the log's end may grow by `bytes`. Returns false also when the system call fails. */
  async isFor(bytes: number): Promise<boolean> {
    try {
      await this.#check(bytes);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Throws KV_NO_SPACE unless `bytes` can be written to other files and enough is left for the writes that empty a
   * full disk: the output of a compaction (or the tail rewrite of a start), and the deletes.
   */
  async check(bytes: number): Promise<void> {
    await this.#check(bytes + 2 * overgrowthBytes(this.#segmentBytesMax));
  }

  /** Throws KV_NO_SPACE unless the disk has room for `bytes`, a compaction's output and a manifest. */
  async #check(bytes: number): Promise<void> {
    const needed = bytes + roomBytes(this.#table.ordered, this.#segmentBytesMax);
    const free = await this.#fs.freeBytes(this.#dir);
    if (free >= needed) return;
    throw new KvError('KV_NO_SPACE', `Only ${free} bytes are free`, { path: this.#dir });
  }
}
