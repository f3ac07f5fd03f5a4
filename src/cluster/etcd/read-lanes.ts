// Read lanes: batches of reads, each the ranges of many keys and the flush records in one read-only transaction. etcd answers
// at one revision that is not older than the call (linearizable), and writes nothing to its log.
//
// Invariant: a read changes nothing, so it may be sent again until its deadline.

import type { Clock } from '../../env/env.js';
import type { Job } from '../batcher.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure, onlyEtcd } from './failure.js';
import type { RequestOp, TxnResponse } from './messages.js';
import type { Places } from './places.js';
import { Retries } from './retries.js';
import type { Seen } from './write-lanes.js';

export interface ReadJob extends Job {
  /** The key in etcd. */
  readonly key: Buffer;
  /** Tells that the read is sent now: calls from now on may not share its answer. */
  begun(): void;
  found(seen: Seen): void;
  failed(failure: 'closed'): void;
}

export class ReadLanes {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #places: Places;
  /** Estimated size of a stored item; it decides how many reads go into one answer. */
  averageBytes = 1024;

  constructor(client: EtcdCalls, clock: Clock, places: Places) {
    this.#client = client;
    this.#clock = clock;
    this.#places = places;
  }

  /** Sends a batch and settles every job of it. Never rejects. */
  async send(jobs: readonly ReadJob[]): Promise<void> {
    const ranges: RequestOp[] = [{ request_range: this.#places.flushes }];
    let deadlineMs = Infinity;
    for (const job of jobs) {
      job.begun();
      ranges.push({ request_range: { key: job.key } });
      deadlineMs = Math.min(deadlineMs, job.deadlineMs);
    }
    const request = { compare: [], success: ranges, failure: [] };
    const retries = new Retries(this.#client, this.#clock, deadlineMs);
    while (retries.leftMs > 0) {
      const answer = await this.#client.txn(request, retries.limitMs).catch(onlyEtcd);
      if (answer instanceof EtcdFailure) {
        if (answer.kind === 'refused') break;
        await retries.pause();
        continue;
      }
      this.#answer(jobs, answer);
      return;
    }
    for (const job of jobs) job.failed('closed');
  }

  #answer(jobs: readonly ReadJob[], { header, responses }: TxnResponse): void {
    const flushes = responses[0]?.response_range?.kvs ?? [];
    const revision = header?.revision ?? 0;
    for (let at = 0; at < jobs.length; at += 1) {
      const item = responses[at + 1]?.response_range?.kvs[0];
      if (item?.value !== undefined) this.#measure(item.value.length);
      jobs[at]!.found({ item, flushes, revision });
    }
  }

  #measure(bytes: number): void {
    // The average grows at once and shrinks slowly.
    const average = this.averageBytes;
    this.averageBytes = bytes > average ? (bytes + average) / 2 : average + (bytes - average) / 64;
  }
}
