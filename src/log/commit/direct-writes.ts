// Direct writes: decides whether a commit may block the thread that serves clients. A write through libuv's pool wakes
// two threads, which is half of the time that a lone client waits. A write by the serving thread wakes none, but the
// thread serves nobody meanwhile. So the thread writes itself while the disk is quick and no client reads: then all
// requests have to wait for the disk anyway (docs/decisions/0050-commits-without-readers.md).
//
// Invariants:
// - After a read, and until many writes in a row were quick, writes go through the pool.
// - After one write that was stuck, the thread never writes itself again: a stuck disk blocks it once per process.

/** A longer batch takes long on any disk. */
const BYTES_MAX = 128 * 1024;
/** Time since the last read, so that even clients that read seldom do not wait for writes. */
const READ_PAUSE_MS = 10_000;
/** A write that takes longer shows that the disk is busy. */
const SLOW_MS = 20;
/** This many quick writes in a row show that the disk is not busy. */
const QUICK_WRITES_MIN = 64;
/** After a write that takes longer, the disk may get stuck again, and for longer. */
const STUCK_MS = 100;

/** The number of reads served so far. */
export interface ReadCount {
  readonly count: number;
}

export class DirectWrites {
  readonly #reads: ReadCount | undefined;
  #readsSeen = 0;
  #readMs = Number.NEGATIVE_INFINITY;
  #quickWrites = 0;
  #wasStuck = false;

  /** Without `reads` no write is direct. */
  constructor(reads: ReadCount | undefined) {
    this.#reads = reads;
  }

  /** Checks whether the thread itself may write a batch of `bytes` bytes at `nowMs`, monotonic. */
  allows(bytes: number, nowMs: number): boolean {
    if (this.#reads === undefined || this.#reads.count !== this.#readsSeen || this.#wasStuck)
      return false;
    if (bytes > BYTES_MAX || this.#quickWrites < QUICK_WRITES_MIN) return false;
    return nowMs - this.#readMs >= READ_PAUSE_MS;
  }

  /** Notes that a write, direct or not, took `ms` and ended at `nowMs`. */
  took(ms: number, nowMs: number): void {
    this.#quickWrites = ms > SLOW_MS ? 0 : this.#quickWrites + 1;
    if (ms > STUCK_MS) this.#wasStuck = true;
    const reads = this.#reads === undefined ? 0 : this.#reads.count;
    if (reads !== this.#readsSeen) this.#readMs = nowMs;
    this.#readsSeen = reads;
  }
}
