// Small reads by a thread of our own: a busy server reads many values from the disk at the same time, and
// libuv's pool wakes a thread and the main loop for each (benchmarks/README.md, "Last figures"). Here a
// batch costs one waking on each side. The thread starts when so many reads meet that it pays; until then,
// and for whatever does not fit the ring, the caller reads by itself.

import { Worker } from 'node:worker_threads';

import { DONE, PLACES, READ_BYTES_MAX, ReadRing, TOLD } from './read-ring.js';

/** So many reads in flight in libuv's pool start the thread. */
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
   * Reads target.length bytes of `fd` at `position`: resolves to false when they could not be read whole.
   * Undefined: read by yourself, between pooled(1) and pooled(-1).
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

  /** Counts the reads that libuv's pool does meanwhile. */
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
    // Without the thread the pool does its work; what it was asked for is read again by who asked.
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
