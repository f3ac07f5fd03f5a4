// The clock of an open loop: a thread that sleeps until the next request is due and then wakes the generator's loop.
// The loop's own timers are too coarse (a millisecond), and a loop that spins would take a core away from the server
// under test.
// Invariant: at most one wake-up is on its way; a late generator gets one wake-up for all requests that are due.

import { once } from 'node:events';
import { readlinkSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Shorter sleeps are not worth a system call; several requests are then due at once. */
const SLEEP_MS_MIN = 0.05;
const TIMER_SLACK_NS = 1000;

interface ClockData {
  readonly gapMs: number;
  /** 1 while a wake-up is on its way. */
  readonly pending: Int32Array;
}

/** Wakes a loop about when a request of the rate is due. The schedule says which requests are due. */
export class Clock {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Resolves when the clock ticks: a thread takes some time to start. */
  static async start(ratePerSecond: number, onTick: () => void): Promise<Clock> {
    const pending = new Int32Array(new SharedArrayBuffer(4));
    const data: ClockData = { gapMs: 1000 / ratePerSecond, pending };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    worker.on('message', () => {
      Atomics.store(pending, 0, 0);
      onTick();
    });
    await once(worker, 'message');
    return new Clock(worker);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Linux adds 50 µs to each sleep of a thread unless the thread says otherwise. */
function sleepExactly(): void {
  try {
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
    writeFileSync(`/proc/${thread}/timerslack_ns`, `${TIMER_SLACK_NS}`);
  } catch {
    // When this is not allowed, the sleeps are coarser, and the column "late" shows by how much.
  }
}

function tick({ gapMs, pending }: ClockData): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  sleepExactly();
  let next = performance.now() + gapMs;
  for (;;) {
    const now = performance.now();
    if (next > now) Atomics.wait(never, 0, 0, Math.max(SLEEP_MS_MIN, next - now));
    if (Atomics.exchange(pending, 0, 1) === 0) parentPort!.postMessage(undefined);
    next = Math.max(next + gapMs, performance.now());
  }
}

if (!isMainThread) tick(workerData as ClockData);
