// A queue of jobs in Cairn, for any number of producers and workers. `incr` on jobs:tail gives each job a ticket, the
// record of a job is jobs:<ticket>, and all jobs up to jobs:head are finished.
//
// Invariants: one worker gets a job, by `cas`, and a worker whose claim has passed to another cannot finish it. A claim
// has a deadline, after which the job may be claimed again: a job is not lost with its worker. The clocks of the workers
// have to agree well within that time.

import { randomUUID } from 'node:crypto';
import { Records } from './records.mjs';

const FINISHED = new Set(['done', 'failed', 'void']);
/** The record of a done job stays for a day, for whoever wants the result. */
const DONE_S = 24 * 3600;

export class Queue {
  #records;
  #claimMs;
  #attemptsMax;
  /** Ticket without a record → when this process first saw that. */
  #holes = new Map();

  /** `server`: host:port. A job that was claimed `attemptsMax` times and is not done has failed. */
  constructor({ server, claimMs = 30_000, attemptsMax = 5 }) {
    this.#records = new Records(server);
    this.#claimMs = claimMs;
    this.#attemptsMax = attemptsMax;
  }

  /** Resolves to the ticket when the job is on disk. After a rejection the job may be queued or not. */
  async put(body) {
    for (;;) {
      const ticket = await this.#records.next('tail');
      // Workers wait for the record of a ticket, but not for ever: then the job needs another ticket.
      if (await this.#records.add(ticket, { state: 'waiting', body, attempts: 0 })) return ticket;
    }
  }

  /** Claims the first job that waits, or whose claim is over. Undefined when there is none. */
  async claim() {
    const [head, tail] = [(await this.look('head')) ?? 0, (await this.look('tail')) ?? 0];
    let ticket = head + 1;
    while (ticket <= tail && FINISHED.has((await this.#job(ticket)).state)) ticket++;
    if (ticket > head + 1) await this.#moveHead(ticket - 1);
    for (; ticket <= tail; ticket++) {
      const job = await this.#job(ticket);
      const isFree = job.state === 'waiting' || (job.state === 'claimed' && job.until < Date.now());
      const claimed = isFree ? await this.#take(ticket, job) : undefined;
      if (claimed !== undefined) return claimed;
    }
    return undefined;
  }

  /** Stores the result. False: the claim was over, and another worker has taken the job. */
  async finish({ ticket, body, attempts, claim }, result) {
    const job = await this.#job(ticket);
    if (job.claim !== claim) return false;
    const done = { state: 'done', body, attempts, claim, result };
    return this.#records.swap(ticket, done, job.token, DONE_S);
  }

  /** The record of a job. Undefined when there is none, or it is no longer kept. */
  async look(ticket) {
    return (await this.#records.read(ticket))?.value;
  }

  close() {
    this.#records.close();
  }

  async #take(ticket, { body, attempts, token }) {
    const hasFailed = attempts >= this.#attemptsMax;
    const until = Date.now() + this.#claimMs;
    const job = hasFailed
      ? { state: 'failed', body, attempts }
      : { state: 'claimed', body, attempts: attempts + 1, claim: randomUUID(), until };
    const isOurs = await this.#records.swap(ticket, job, token);
    return isOurs && !hasFailed ? { ticket, ...job } : undefined;
  }

  /** A producer that died before its `add` leaves a ticket without a job: void after the time of a claim. */
  async #job(ticket) {
    const found = await this.#records.read(ticket);
    if (found !== undefined) {
      this.#holes.delete(ticket);
      return { ...found.value, token: found.token };
    }
    const seenMs = this.#holes.get(ticket) ?? Date.now();
    this.#holes.set(ticket, seenMs);
    if (Date.now() - seenMs > this.#claimMs) await this.#records.add(ticket, { state: 'void' });
    return { state: 'coming' };
  }

  async #moveHead(to) {
    await this.#records.add('head', 0);
    const { value, token } = await this.#records.read('head');
    if (value < to) await this.#records.swap('head', to, token);
  }
}
