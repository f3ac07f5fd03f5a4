// Whether a commit may hold up the thread that serves clients. A write through libuv's pool costs two wakings, which
// is half of what a lone client waits for; a write by the thread itself costs none, but nothing else is done
// meanwhile. So it writes itself while all that it is asked for has to wait for the disk anyway, and the disk
// is quick (docs/decisions/0050-commits-without-readers.md).
//
// Invariants:
// - After a read, and until many writes in a row were quick, writes go through the pool.
// - A disk that was stuck once is never given the thread again: what it can hold up is one moment of the process' life.

/** A longer batch takes long by itself. */
const BYTES_MAX = 128 * 1024;
/** Since the last read: clients that read are not kept waiting, not even those that read now and then. */
const READ_PAUSE_MS = 10_000;
/** A write that takes longer shows a disk that is busy. */
const SLOW_MS = 20;
/** So many quick ones in a row show a disk that is not. */
const QUICK_WRITES_MIN = 64;
/** A write that takes longer shows a disk that may be stuck again, and for longer. */
const STUCK_MS = 100;

/** How many reads were served so far. */
export interface ReadCount {
  readonly count: number;
}

export class DirectWrites {
  readonly #reads: ReadCount | undefined;
  #readsSeen = 0;
  #readMs = Number.NEGATIVE_INFINITY;
  #quickWrites = 0;
  #wasStuck = false;

  /** `reads` undefined: the thread is never held up. */
  constructor(reads: ReadCount | undefined) {
    this.#reads = reads;
  }

  /** A batch of so many bytes may be written by the thread itself at `nowMs`, monotonic. */
  allows(bytes: number, nowMs: number): boolean {
    if (this.#reads === undefined || this.#reads.count !== this.#readsSeen || this.#wasStuck)
      return false;
    if (bytes > BYTES_MAX || this.#quickWrites < QUICK_WRITES_MIN) return false;
    return nowMs - this.#readMs >= READ_PAUSE_MS;
  }

  /** A write, direct or not, took so long and ended at `nowMs`. */
  took(ms: number, nowMs: number): void {
    this.#quickWrites = ms > SLOW_MS ? 0 : this.#quickWrites + 1;
    if (ms > STUCK_MS) this.#wasStuck = true;
    const reads = this.#reads === undefined ? 0 : this.#reads.count;
    if (reads !== this.#readsSeen) this.#readMs = nowMs;
    this.#readsSeen = reads;
  }
}
