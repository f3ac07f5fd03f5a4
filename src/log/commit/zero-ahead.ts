// Zeros ahead: writes zeros after the log's end. A commit then overwrites blocks that exist and touches no
// file-system metadata, which is 2.5 times faster than appending
// (docs/decisions/0010-zeros-written-ahead.md). A full disk also shows here, before a client's write depends on it.
//
// Invariants:
// - Up to `allocatedBytes` the file's blocks are written and synced.
// - Zeros never overwrite a batch: a batch that would end above `allocatedBytes` waits for `settled` first.
// - Pieces are short. A long write makes large folios in the page cache (ext4 from Linux 6.16 on, XFS before). The
//   kernel then accounts and walks each commit into a folio as if the commit had changed all of it.

import type { File } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { writeFully } from '../segments/whole-file.js';
import type { SuccessorPace } from './successor-pace.js';

const PIECE_BYTES = 64 * 1024;
/** Bytes per sync: a commit waits for at most this much. */
const LOT_BYTES = 4 * PIECE_BYTES;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** Checks whether an error means that the file system has no room. */
export function isNoSpace(error: unknown): boolean {
  if (isKvError(error, 'KV_NO_SPACE')) return true;
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '');
}

export class ZeroAhead {
  readonly #file: File;
  /** A plain field because every commit reads it; only this class changes it. */
  allocatedBytes: number;
  #running: Promise<unknown> | undefined;

  /** `file` is open without write-through; the caller closes it. */
  constructor(file: File, allocatedBytes: number) {
    this.#file = file;
    this.allocatedBytes = allocatedBytes;
  }

  /** Resolves when no zeros are being written. Never rejects. */
  get settled(): Promise<unknown> | undefined {
    return this.#running;
  }

  /** Sets the allocated bytes: the log's end moved past them, or the file was cut. */
  reset(bytes: number): void {
    this.allocatedBytes = bytes;
  }

  /**
   * Allocates up to byte `target`, or less when `pace` stops it. Resolves with undefined, or with the failure that
   * stopped it; the zeros synced before that count. A call while another runs returns the promise of that one.
   */
  extend(target: number, pace?: SuccessorPace): Promise<unknown> {
    if (this.#running !== undefined) return this.#running;
    this.#running = this.#write(target, pace)
      .then(
        () => undefined,
        (error: unknown) => error,
      )
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** Writes zeros again from `start` to the allocated end. Throws the system's errors. */
  async rewrite(start: number): Promise<void> {
    await this.#writeLot(start, this.allocatedBytes);
  }

  async #write(target: number, pace: SuccessorPace | undefined): Promise<void> {
    while (this.allocatedBytes < target) {
      if (pace !== undefined && !(await pace.next(this.allocatedBytes / target))) return;
      const start = this.allocatedBytes;
      const end = Math.min(start + LOT_BYTES, target);
      await this.#writeLot(start, end);
      this.allocatedBytes = Math.max(this.allocatedBytes, end);
    }
  }

  async #writeLot(start: number, end: number): Promise<void> {
    for (let at = start; at < end;) {
      const bytes = Math.min(PIECE_BYTES - (at % PIECE_BYTES), end - at);
      await writeFully(this.#file, ZEROS.subarray(0, bytes), at);
      at += bytes;
    }
    await this.#file.sync();
  }

  /** Waits for a running extension; does not close the file. */
  async stop(): Promise<void> {
    await this.#running;
  }
}
