// Small reads by a thread of our own: a busy server reads many values from the disk at the same time, and
// libuv's pool wakes a thread and the main loop for each (benchmarks/README.md, "Last figures"). This thread
// wakes each side once per group of reads. It starts when enough reads are under way for it to pay. Until
// then, and for each read that does not fit the ring, the caller reads by itself.

import { Worker } from 'node:worker_threads';

import { DONE, PLACES, READ_BYTES_MAX, ReadRing, TOLD } from './read-ring.js';

/** Number of reads in flight in libuv's pool that starts the thread. */
const START_READS = 8;

interface Waiting {
  readonly target: Uint8Array;
  readonly settle: (whole: boolean) => void;
}

export class ReadThread {
  readonly #ring = new ReadRing();
  readonly #waiting: (Waiting | undefined)[] = [];
  #thread: Worker | undefined;
  #isOnline = false;
  #asked = 0;
  #done = 0;
  #pooled = 0;

  /**
   * Reads target.length bytes of `fd` at `position`. Resolves to false when it could not read them all. Returns
   * undefined when the caller must read by itself, between pooled(1) and pooled(-1).
   */
  read(fd: number, target: Uint8Array, position: number): Promise<boolean> | undefined {
    const isFull = ((this.#asked - this.#done) | 0) >= PLACES;
    if (!this.#isOnline || isFull || target.length > READ_BYTES_MAX) return undefined;
    return new Promise((settle) => {
      if (this.#asked === this.#done) this.#thread?.ref();
      this.#waiting[this.#asked & (PLACES - 1)] = { target, settle };
      this.#ring.ask(this.#asked, fd, position, target.length);
      this.#asked = (this.#asked + 1) | 0;
    });
  }

  /** Counts the reads in libuv's pool; starts the thread when they are START_READS. */
  pooled(change: 1 | -1): void {
    this.#pooled += change;
    if (this.#pooled >= START_READS) this.#thread ??= this.#start();
  }

  #start(): Worker {
    const thread = new Worker(new URL('./read-thread-loop.js', import.meta.url), {
      workerData: this.#ring.memory,
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    });
    thread.unref();
    thread.on('message', () => this.#collect());
    thread.once('online', () => (this.#isOnline = true));
    // Without the thread the pool reads; the callers repeat the reads that the thread did not finish.
    thread.once('error', () => this.#giveUp());
    return thread;
  }

  #collect(): void {
    Atomics.store(this.#ring.state, TOLD, 0);
    const done = Atomics.load(this.#ring.state, DONE);
    for (; this.#done !== done; this.#done = (this.#done + 1) | 0) this.#settle(this.#done, true);
    if (this.#asked === this.#done) this.#thread?.unref();
  }

  #giveUp(): void {
    this.#isOnline = false;
    for (; this.#done !== this.#asked; this.#done = (this.#done + 1) | 0) {
      this.#settle(this.#done, false);
    }
  }

  #settle(number: number, isDone: boolean): void {
    const at = number & (PLACES - 1);
    const waiting = this.#waiting[at];
    this.#waiting[at] = undefined;
    waiting?.settle(isDone && this.#ring.take(number, waiting.target));
  }
}
