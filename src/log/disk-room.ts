// Room on the disk: checks whether there is enough for what is written beside the log's end, and for what a full disk
// needs to be emptied.

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

  /** Whether the log's end may grow by so many bytes; false also when the system does not say. */
  async isFor(bytes: number): Promise<boolean> {
    try {
      await this.#check(bytes);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Throws KV_NO_SPACE unless `bytes` may be written beside the log's end and enough is left for what
   * empties a full disk: the output of a compaction (or the tail rewrite of a start), and the deletes.
   */
  async check(bytes: number): Promise<void> {
    await this.#check(bytes + 2 * overgrowthBytes(this.#segmentBytesMax));
  }

  /** Throws KV_NO_SPACE unless a compaction's output and a manifest find room beside so many bytes. */
  async #check(bytes: number): Promise<void> {
    const needed = bytes + roomBytes(this.#table.ordered, this.#segmentBytesMax);
    const free = await this.#fs.freeBytes(this.#dir);
    if (free >= needed) return;
    throw new KvError('KV_NO_SPACE', `Only ${free} bytes are free`, { path: this.#dir });
  }
}
