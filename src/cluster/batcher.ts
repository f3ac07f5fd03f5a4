// Batcher: gathers the jobs for an engine over the network while one or two batches are out, and sends them as the next batch
// (docs/cluster.md). It does not know what the jobs do; the stores over etcd and Redis share it.
//
// Invariants:
// - Jobs leave in the order in which they came, each once. A caller that wants to try a job again adds it again.
// - The queue is bounded in jobs and in bytes. A job above the bound is not taken, and its caller answers at once.
// - No job waits in the queue beyond its deadline: its `expire` is called, and it was never sent.
// - A lane has one batch out at a time. `send` must settle all jobs of its batch and may not reject.
// - A client that was answered often asks again at once, but its request takes some turns of the loop to arrive. So a lane whose
//   batch came back waits for as many jobs as it has answered, for at most `gatherMs`. Otherwise the jobs of the first turn would
//   go alone, and the rest would wait for them.

import { assert } from '../assert.js';
import type { Clock, Timer } from '../env/env.js';
import { Histogram, SECONDS_BOUNDS } from '../histogram.js';

export interface Job {
  /** Size of the request. */
  readonly bytes: number;
  /** Deadline on the monotonic clock. */
  readonly deadlineMs: number;
  /** Called when the job was not sent before its deadline, or before the batcher was closed. */
  expire(): void;
}

export interface BatchLimits {
  /** Limits of one batch; a single job may have more bytes. */
  readonly jobsMax: number;
  readonly bytesMax: number;
  /** Number of batches that may be out at the same time. */
  readonly lanes: number;
  /**
   * While a batch is out, another one is sent only when at least this many jobs wait (default 1). A batch costs more than
   * its jobs, and callers that wait for the batch that is out can all go with the next one.
   */
  readonly laneJobsMin?: number;
  /** Time that a lane whose batch came back waits for the clients that it has answered; undefined: it does not wait. */
  readonly gatherMs?: number;
  readonly queuedJobsMax: number;
  readonly queuedBytesMax: number;
}

/** Figures of a batcher, for statistics. */
export interface BatchFigures {
  readonly batches: number;
  readonly jobs: number;
  /** Jobs that wait to be sent. */
  readonly queued: number;
  /** Seconds from sending a batch to its end. */
  readonly latency: Histogram;
}

/** Number of jobs taken from the front of the queue before its array is cut. */
const CUT_JOBS = 1024;

export class Batcher<J extends Job> implements BatchFigures {
  readonly latency = new Histogram(SECONDS_BOUNDS);
  readonly #clock: Clock;
  readonly #limits: BatchLimits;
  readonly #send: (jobs: J[], lane: number) => Promise<void>;
  readonly #busy: boolean[];
  #queue: J[] = [];
  #head = 0;
  #queuedBytes = 0;
  #isDeferred = false;
  /** Nothing is sent before this many jobs wait, or the timer fires. */
  #gathering: { readonly jobs: number; readonly timer: Timer } | undefined;
  /** A lower bound of the deadlines of all jobs that wait. */
  #watchedMs = Infinity;
  #timer: Timer | undefined;
  /** Time at which the timer fires. */
  #timerMs = Infinity;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;
  batches = 0;
  jobs = 0;

  constructor(clock: Clock, limits: BatchLimits, send: (jobs: J[], lane: number) => Promise<void>) {
    this.#clock = clock;
    this.#limits = limits;
    this.#send = send;
    this.#busy = Array.from({ length: limits.lanes }, () => false);
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** Queues the job. False: the queue is full or closed, and the job was not taken. */
  add(job: J): boolean {
    const { queuedJobsMax, queuedBytesMax } = this.#limits;
    if (this.#isClosed || this.queued >= queuedJobsMax) return false;
    if (this.#queuedBytes + job.bytes > queuedBytesMax && this.queued > 0) return false;
    this.#keep(job);
    if (this.#gathering !== undefined && this.queued >= this.#gathering.jobs) this.#gathered();
    // Jobs that are added later in this turn go along.
    if (!this.#isDeferred && this.#mayOpenLane()) {
      this.#isDeferred = true;
      this.#clock.defer(() => {
        this.#isDeferred = false;
        this.#pump();
      });
    }
    this.#watch();
    return true;
  }

  /** Expires the jobs that wait, takes no more, and resolves when no batch is out. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#gathered();
    for (const job of this.#take(Infinity, Infinity)) job.expire();
    if (!this.#busy.includes(true)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  #pump(): void {
    if (this.#gathering !== undefined) return;
    const { jobsMax, bytesMax } = this.#limits;
    for (let lane = 0; lane < this.#busy.length && this.queued > 0; lane += 1) {
      if (this.#busy[lane] === true) continue;
      this.#expireLate();
      if (!this.#mayOpenLane()) return;
      const jobs = this.#take(jobsMax, bytesMax);
      if (jobs.length > 0) this.#sendBatch(jobs, lane);
    }
  }

  /** Waits for more jobs. `answered`: number of jobs in the batch that came back; a single one is not worth a wait. */
  #gather(answered: number): void {
    const { gatherMs, jobsMax } = this.#limits;
    if (gatherMs === undefined || answered < 2 || this.#isClosed) return;
    this.#gathered();
    const timer = this.#clock.setTimer(gatherMs, () => {
      this.#gathering = undefined;
      this.#pump();
    });
    this.#gathering = { jobs: Math.min(jobsMax, this.queued + answered), timer };
    if (this.queued >= this.#gathering.jobs) this.#gathered();
  }

  #gathered(): void {
    this.#gathering?.timer.cancel();
    this.#gathering = undefined;
  }

  #mayOpenLane(): boolean {
    if (!this.#busy.includes(true)) return true;
    return this.queued >= (this.#limits.laneJobsMin ?? 1) && this.#busy.includes(false);
  }

  #sendBatch(jobs: J[], lane: number): void {
    const startMs = this.#clock.monotonicMs();
    this.#busy[lane] = true;
    this.batches += 1;
    this.jobs += jobs.length;
    const done = (): void => {
      this.#busy[lane] = false;
      this.latency.observe((this.#clock.monotonicMs() - startMs) / 1000);
      this.#gather(jobs.length);
      this.#pump();
      if (!this.#busy.includes(true)) this.#whenIdle?.();
    };
    this.#send(jobs, lane).then(done, (error: unknown) => {
      assert(false, `A batch tells its failures to its jobs: ${String(error)}`);
    });
  }

  #take(jobsMax: number, bytesMax: number): J[] {
    const jobs: J[] = [];
    let bytes = 0;
    while (jobs.length < jobsMax && this.#head < this.#queue.length) {
      const job = this.#queue[this.#head]!;
      if (jobs.length > 0 && bytes + job.bytes > bytesMax) break;
      jobs.push(job);
      bytes += job.bytes;
      this.#head += 1;
    }
    this.#queuedBytes -= bytes;
    if (this.#head === this.#queue.length || this.#head >= CUT_JOBS) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
      if (this.#queue.length === 0) this.#watchedMs = Infinity;
    }
    return jobs;
  }

  #expireLate(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#watchedMs) return;
    const waiting = this.#take(Infinity, Infinity);
    this.#watchedMs = Infinity;
    for (const job of waiting) {
      if (job.deadlineMs <= nowMs) job.expire();
      else this.#keep(job);
    }
  }

  #keep(job: J): void {
    this.#queue.push(job);
    this.#queuedBytes += job.bytes;
    this.#watchedMs = Math.min(this.#watchedMs, job.deadlineMs);
  }

  /** Sets a timer to the earliest deadline of the queue, or to one of a job that has left it. */
  #watch(): void {
    if (this.#queue.length === 0 || this.#timerMs <= this.#watchedMs) return;
    this.#timer?.cancel();
    this.#timerMs = this.#watchedMs;
    const waitMs = this.#watchedMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(Math.max(1, Math.ceil(waitMs)), () => {
      this.#timerMs = Infinity;
      this.#expireLate();
      this.#watch();
    });
  }
}
