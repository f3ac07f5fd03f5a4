// Writable segment: a segment that takes batches, with its write-through file and its zeros ahead.
// Invariant: `plannedBytes` is the end of the last batch that was given a place here, written or not.

import { join } from 'node:path';

import { assert } from '../../assert.js';
import type { File, Fs } from '../../env/env.js';
import { SEGMENT_HEADER_BYTES } from '../bytes/format.js';
import type { Segment, SegmentTable } from '../segments/segment.js';
import { ZeroAhead, isNoSpace } from './zero-ahead.js';

export class WritableSegment {
  readonly segment: Segment;
  readonly zeros: ZeroAhead;
  readonly #zeroFile: File;
  plannedBytes: number;
  /** False while it has only seals: then it is not worth sealing. */
  holdsRecords: boolean;

  private constructor(segment: Segment, zeroFile: File, allocatedBytes: number) {
    this.segment = segment;
    this.#zeroFile = zeroFile;
    this.zeros = new ZeroAhead(zeroFile, allocatedBytes);
    this.plannedBytes = segment.committedBytes;
    // The batches of a segment found at the start are not known here, so any batch counts as records.
    this.holdsRecords = segment.committedBytes > SEGMENT_HEADER_BYTES;
  }

  /** `segment.file` must be open write-through; everything in the file counts as allocated. */
  static async open(fs: Fs, dir: string, segment: Segment): Promise<WritableSegment> {
    const zeroFile = await fs.open(join(dir, segment.name), 'write');
    return new WritableSegment(segment, zeroFile, await zeroFile.size());
  }

  /**
   * Overwrites, durably, what a failed write left after the durable end. The allocated part stays where the file
   * system allows it: it is the reserve of a full disk. `beforeCut` lets the manifest say that the file may be shorter.
   */
  async cutUncommitted(beforeCut: () => Promise<void>): Promise<void> {
    await this.zeros.stop();
    const { committedBytes } = this.segment;
    this.plannedBytes = committedBytes;
    try {
      await this.#zeroFile.truncate(Math.max(committedBytes, this.zeros.allocatedBytes));
      await this.zeros.rewrite(committedBytes);
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      this.segment.zeroedBytes = 0;
      await beforeCut();
      await this.#zeroFile.truncate(committedBytes);
      await this.#zeroFile.sync();
      this.zeros.reset(committedBytes);
    }
  }

  /** Waits for running zeros and closes their file; the segment's own file stays open for reading. */
  async close(): Promise<void> {
    await this.zeros.stop();
    await this.#zeroFile.close();
  }
}

/** Reopens the last segment for write-through; recovery has found its end. Requires: nobody reads it. */
export async function reopenTail(
  fs: Fs,
  dir: string,
  table: SegmentTable,
): Promise<WritableSegment> {
  const tail = table.ordered.at(-1);
  assert(tail !== undefined && !tail.sealed, 'The last segment is open');
  await table.reopen(fs, dir, tail, 'write-through');
  return WritableSegment.open(fs, dir, tail);
}
