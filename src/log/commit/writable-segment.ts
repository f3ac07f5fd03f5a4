// The end of the log: a segment that takes batches, with its write-through file and its zeros ahead.
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
  /** False while there are only seals in it: it is not worth being sealed. */
  holdsRecords: boolean;

  private constructor(segment: Segment, zeroFile: File, allocatedBytes: number) {
    this.segment = segment;
    this.#zeroFile = zeroFile;
    this.zeros = new ZeroAhead(zeroFile, allocatedBytes);
    this.plannedBytes = segment.committedBytes;
    // Of one that was found at the start nothing is known.
    this.holdsRecords = segment.committedBytes > SEGMENT_HEADER_BYTES;
  }

  /** `segment.file` must be open write-through; everything in the file counts as allocated. */
  static async open(fs: Fs, dir: string, segment: Segment): Promise<WritableSegment> {
    const zeroFile = await fs.open(join(dir, segment.name), 'write');
    return new WritableSegment(segment, zeroFile, await zeroFile.size());
  }

  /**
   * Wipes out, durably, what a failed write left behind the durable end. The allocated part stays where the
   * file system lets it: it is the reserve of a full disk. `beforeCut`: the manifest is to say that the file may be shorter.
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

  /** Ends the zeros; the segment's own file stays open for reading. */
  async close(): Promise<void> {
    await this.zeros.stop();
    await this.#zeroFile.close();
  }
}

/** The last segment, opened anew for write-through; its end is known from recovery. Requires: nobody reads it. */
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
