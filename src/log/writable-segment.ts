// The end of the log: a segment that takes batches, with its write-through file and its zeros ahead.
// Invariant: `plannedBytes` is the end of the last batch that was given a place here, written or not.

import { join } from 'node:path';

import type { Fs } from '../env/env.js';
import type { Segment } from './segment.js';
import { ZeroAhead } from './zero-ahead.js';
import type { File } from '../env/env.js';

export class WritableSegment {
  readonly segment: Segment;
  readonly zeros: ZeroAhead;
  readonly #zeroFile: File;
  plannedBytes: number;

  private constructor(segment: Segment, zeroFile: File, allocatedBytes: number) {
    this.segment = segment;
    this.#zeroFile = zeroFile;
    this.zeros = new ZeroAhead(zeroFile, allocatedBytes);
    this.plannedBytes = segment.committedBytes;
  }

  /** `segment.file` must be open write-through; everything in the file counts as allocated. */
  static async open(fs: Fs, dir: string, segment: Segment): Promise<WritableSegment> {
    const zeroFile = await fs.open(join(dir, segment.name), 'write');
    return new WritableSegment(segment, zeroFile, await zeroFile.size());
  }

  /** Cuts the file at the durable end, durably: what a failed write left there is gone. */
  async cutUncommitted(): Promise<void> {
    await this.zeros.stop();
    const { committedBytes } = this.segment;
    await this.#zeroFile.truncate(committedBytes);
    await this.#zeroFile.sync();
    this.zeros.reset(committedBytes);
    this.plannedBytes = committedBytes;
  }

  /** Ends the zeros; the segment's own file stays open for reading. */
  async close(): Promise<void> {
    await this.zeros.stop();
    await this.#zeroFile.close();
  }
}
