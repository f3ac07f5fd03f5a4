// Batches for an engine over the network: what is asked for gathers while a batch or two are out, and goes with the next
// (docs/cluster.md). It knows nothing of what the jobs are; etcd and Redis share it.
//
// Invariants:
// - Jobs leave in the order in which they came, each once. Whoever wants a job tried again adds it again.
// - The queue is bounded in jobs and in bytes; above that a job is not taken, and its adder answers at once.
// - No job waits in the queue beyond its deadline: it is told by `expire`, and was never sent.
// - A lane has one batch out at a time. `send` must settle all jobs of its batch and may not reject.
// - Whoever was answered often asks again at once, over a connection that takes some turns: a lane that came back waits for as
//   many as it has answered, `gatherMs` at most. Else what the first turn brings goes alone, and the rest waits for it.

import { assert } from '../assert.js';
import type { Clock, Timer } from '../env/env.js';
import { Histogram, SECONDS_BOUNDS } from '../histogram.js';

export interface Job {
  /** Of the request. */
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  /** It was not sent before its deadline, or before the batcher was closed. */
  expire(): void;
}

export interface BatchLimits {
  /** Of one batch; a single job may have more bytes. */
  readonly jobsMax: number;
  readonly bytesMax: number;
  /** Batches that are out at a time. */
  readonly lanes: number;
  /**
   * While a batch is out, another one goes for no fewer jobs than these (by default 1): callers who wait for their
   * answers all go with the next one then, and a batch costs more than its jobs.
   */
  readonly laneJobsMin?: number;
  /** So long a lane that came back waits for those whom it has answered; undefined: not at all. */
  readonly gatherMs?: number;
  readonly queuedJobsMax: number;
  readonly queuedBytesMax: number;
}

/** What there is to tell of a batcher. */
export interface BatchFigures {
  readonly batches: number;
  readonly jobs: number;
  /** Jobs that wait to be sent. */
  readonly queued: number;
  /** Seconds from sending a batch to its end. */
  readonly latency: Histogram;
}

/** Gone from the front of the queue before its array is cut. */
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
  /** Nothing is sent before so many jobs wait, or the timer is due. */
  #gathering: { readonly jobs: number; readonly timer: Timer } | undefined;
  /** No job that waits has an earlier deadline. */
  #watchedMs = Infinity;
  #timer: Timer | undefined;
  /** When it comes. */
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

  /** False: the queue is full, or closed; the job was not taken. */
  add(job: J): boolean {
    const { queuedJobsMax, queuedBytesMax } = this.#limits;
    if (this.#isClosed || this.queued >= queuedJobsMax) return false;
    if (this.#queuedBytes + job.bytes > queuedBytesMax && this.queued > 0) return false;
    this.#keep(job);
    if (this.#gathering !== undefined && this.queued >= this.#gathering.jobs) this.#gathered();
    // What else this turn asks for goes along.
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

  /** Expires what waits, takes no more, and resolves when no batch is out. */
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

  /** `answered`: jobs of the batch that came back just now. One alone is not worth a wait. */
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

  /** A timer runs until the earliest deadline of what waits, or one that has left. */
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
