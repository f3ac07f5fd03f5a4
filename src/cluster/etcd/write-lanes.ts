// Write lanes: batches of writes, each of which is one transaction, and the way to find out its fate when the answer is lost.
//
// Each lane has a slot: a key of its own that every batch of the lane compares and writes. So a batch is done once or never,
// and its fate can be asked for. Either the slot has the number of the batch, or the lane writes the slot (it fences the batch
// off), after which a batch that is still under way can do nothing. The results of a batch that was done and whose answer
// was lost come from the state one revision earlier, which etcd keeps: there the same comparisons have the same results.
//
// Invariants:
// - A batch is sent again only when it is certain that it was not done and never will be.
// - A lane makes its slot before its first batch. A batch never compares a slot that is absent, because the upkeep removes slots
//   that nobody uses: an absent slot may be absent again, and a batch that arrives late would be done.
// - Every write to the slot has a revision of its own, and a late request for a new slot finds an old one. So a slot that is
//   absent or new when the fate of a batch is asked for has been removed since, and the fate is unknown.
// - The answer `unknown` is given only when no node told the fate and the results before the deadline, or when etcd no longer has
//   them: the slot was removed, or the state before the batch is forgotten.
// - When etcd's quota is used up, removals go on. They do so without a slot, which would be a put.

import type { Clock } from '../../env/env.js';
import type { Job } from '../batcher.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure, onlyEtcd } from './failure.js';
import { RESULT, TARGET, type KeyValue, type RequestOp, type ResponseOp } from './messages.js';
import type { TxnRequest } from './messages.js';
import type { Places } from './places.js';
import { Retries } from './retries.js';

/** The state of one key that a transaction saw. */
export interface Seen {
  readonly item: KeyValue | undefined;
  /** All flush records at that revision. */
  readonly flushes: readonly KeyValue[];
  readonly revision: number;
}

/** The reason why a write has no result. `closed`: it was certainly not done. */
export type WriteFailure = 'closed' | 'unknown' | 'no-space' | 'too-large';

export interface WriteJob extends Job {
  /** The key in etcd. */
  readonly key: Buffer;
  /** The job puts nothing, so that it is possible when etcd has no room. */
  readonly isRemoval: boolean;
  operation(): RequestOp;
  /** Tells that the job was done in the transaction of this revision. `seen` lacks the item, which is in the response. */
  answered(response: ResponseOp, seen: Seen): void;
  /** Tells that the job was done but its response was lost: the state before it has the result. */
  replayed(before: Seen, revision: number): void;
  failed(failure: WriteFailure): void;
}

interface Slot {
  readonly key: Buffer;
  /** The revision of the last write to the slot that this server knows of; 0: there is no slot yet. */
  revision: number;
}

/** The value of a slot that is new. */
const MADE = Buffer.from('made');

type Fate = { readonly doneAt: number } | 'not-executed' | 'unknown';

export class WriteLanes {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #places: Places;
  readonly #server: string;
  readonly #slots: readonly Slot[];
  #batches = 0;
  /** Number of batches whose answer was lost, and of those whose fate was found out all the same. */
  lost = 0;
  resolved = 0;
  /** The last answer said that etcd's quota is used up. */
  isFull = false;

  constructor(client: EtcdCalls, clock: Clock, places: Places, server: string, lanes: number) {
    this.#client = client;
    this.#clock = clock;
    this.#places = places;
    this.#server = server;
    this.#slots = Array.from({ length: lanes }, (_, lane) => ({
      key: places.slot(server, lane),
      revision: 0,
    }));
  }

  /** Sends a batch and settles every job of it. Never rejects. */
  async send(jobs: readonly WriteJob[], lane: number): Promise<void> {
    const slot = this.#slots[lane]!;
    const retries = new Retries(this.#client, this.#clock, deadlineOf(jobs));
    while (retries.leftMs > 0) {
      const makesSlot = slot.revision === 0;
      const value = makesSlot ? MADE : this.#valueOf(`${(this.#batches += 1)}`);
      const request = this.#request(makesSlot ? [] : this.#operations(jobs), slot, value);
      const response = await this.#client.txn(request, retries.limitMs).catch(onlyEtcd);
      if (response instanceof EtcdFailure) {
        if (!(await this.#afterFailure(response, jobs, slot, value, retries))) return;
        continue;
      }
      const { succeeded, header, responses } = response;
      if (!succeeded) {
        // The slot is not as this lane knew it: nothing was done.
        slot.revision = responses[0]?.response_range?.kvs[0]?.mod_revision ?? 0;
        continue;
      }
      slot.revision = header?.revision ?? 0;
      if (makesSlot) continue;
      this.isFull = false;
      this.#answer(jobs, responses.slice(1), slot.revision);
      return;
    }
    for (const job of jobs) job.failed('closed');
  }

  /** False: every job is settled. True: nothing was done, and the batch may be tried again. */
  async #afterFailure(
    failure: EtcdFailure,
    jobs: readonly WriteJob[],
    slot: Slot,
    value: Buffer,
    retries: Retries,
  ): Promise<boolean> {
    const { kind } = failure;
    if (kind === 'refused') {
      await this.#refused(jobs, slot, failure);
      return false;
    }
    const isSent = value !== MADE;
    if (kind === 'not-executed' || kind === 'login' || (kind === 'unknown' && !isSent)) {
      await retries.pause();
      return true;
    }
    if (isSent) {
      this.lost += 1;
      retries.extend();
      const fate = await this.#fateOf(slot, value, kind === 'no-space', retries);
      if (fate === 'unknown') {
        for (const job of jobs) job.failed('unknown');
        return false;
      }
      this.resolved += 1;
      if (fate !== 'not-executed') {
        await this.#replay(jobs, fate.doneAt, retries);
        return false;
      }
    }
    if (kind !== 'no-space') return true;
    await this.#withoutRoom(jobs, retries);
    return false;
  }

  /** etcd takes no put. */
  async #withoutRoom(jobs: readonly WriteJob[], retries: Retries): Promise<void> {
    this.isFull = true;
    for (const job of jobs) if (!job.isRemoval) job.failed('no-space');
    await this.#remove(
      jobs.filter(({ isRemoval }) => isRemoval),
      retries,
    );
  }

  /** The request is wrong, not the cluster: each half of it is tried. */
  async #refused(jobs: readonly WriteJob[], slot: Slot, failure: EtcdFailure): Promise<void> {
    const lane = this.#slots.indexOf(slot);
    const isTooLarge = /too large|larger than/.test(failure.message);
    if (!isTooLarge || jobs.length === 1) {
      for (const job of jobs) job.failed(isTooLarge ? 'too-large' : 'closed');
      return;
    }
    const middle = jobs.length >> 1;
    await this.send(jobs.slice(0, middle), lane);
    await this.send(jobs.slice(middle), lane);
  }

  /** A write of the slot, and these operations with it, if the slot is as this lane knows it. Otherwise a read of the slot. */
  #request(operations: readonly RequestOp[], slot: Slot, value: Buffer): TxnRequest {
    const { key, revision } = slot;
    return {
      compare: [{ result: RESULT.equal, target: TARGET.modRevision, key, mod_revision: revision }],
      success: [{ request_put: { key, value } }, ...operations],
      failure: [{ request_range: { key } }],
    };
  }

  #valueOf(what: string): Buffer {
    return Buffer.from(`${this.#server}/${what}`);
  }

  #operations(jobs: readonly WriteJob[]): RequestOp[] {
    const operations: RequestOp[] = [{ request_range: this.#places.flushes }];
    for (const job of jobs) operations.push(job.operation());
    return operations;
  }

  /** Settles the jobs. `responses`: the responses to #operations. */
  #answer(jobs: readonly WriteJob[], responses: readonly ResponseOp[], revision: number): void {
    const flushes = responses[0]?.response_range?.kvs ?? [];
    const seen = { item: undefined, flushes, revision };
    for (let at = 0; at < jobs.length; at += 1) jobs[at]!.answered(responses[at + 1]!, seen);
  }

  /**
   * Finds out the fate of a batch. The fence compares the same revision of the slot as the batch, so that only one of them is
   * done, and a fence that arrives late does nothing to a later batch. `asksOnly`: etcd takes no put and has answered, so that
   * nothing is under way.
   */
  async #fateOf(slot: Slot, value: Buffer, asksOnly: boolean, retries: Retries): Promise<Fate> {
    const { key, revision } = slot;
    const ask: RequestOp = { request_range: { key } };
    const fence: RequestOp = { request_put: { key, value: this.#valueOf('fence') } };
    let fences = !asksOnly;
    while (retries.leftMs > 0) {
      const request: TxnRequest = {
        compare: [
          { result: RESULT.equal, target: TARGET.modRevision, key, mod_revision: revision },
        ],
        success: [fences ? fence : ask],
        failure: [ask],
      };
      const answer = await this.#client.txn(request, retries.limitMs).catch(onlyEtcd);
      if (answer instanceof EtcdFailure) {
        if (answer.kind === 'refused') return 'unknown';
        if (answer.kind === 'no-space') fences = false;
        await retries.pause();
        continue;
      }
      const { succeeded, header, responses } = answer;
      if (succeeded) {
        if (fences) slot.revision = header?.revision ?? 0;
        return fences || asksOnly ? 'not-executed' : 'unknown';
      }
      const found = responses[0]?.response_range?.kvs[0];
      slot.revision = found?.mod_revision ?? 0;
      const now = found?.value;
      if (now === undefined || now.equals(MADE)) return 'unknown';
      return now.equals(value) ? { doneAt: slot.revision } : 'not-executed';
    }
    return 'unknown';
  }

  /** Tells the jobs of a batch that was done at `revision` their results. */
  async #replay(jobs: readonly WriteJob[], revision: number, retries: Retries): Promise<void> {
    const before = revision - 1;
    const ranges: RequestOp[] = [
      { request_range: { ...this.#places.flushes, revision: before } },
      ...jobs.map(({ key }) => ({ request_range: { key, revision: before } })),
    ];
    const request = { compare: [], success: ranges, failure: [] };
    while (retries.leftMs > 0) {
      const answer = await this.#client.txn(request, retries.limitMs).catch(onlyEtcd);
      if (answer instanceof EtcdFailure) {
        if (answer.kind === 'refused') break;
        await retries.pause();
        continue;
      }
      const flushes = answer.responses[0]?.response_range?.kvs ?? [];
      for (const [at, job] of jobs.entries()) {
        const item = answer.responses[at + 1]?.response_range?.kvs[0];
        job.replayed({ item, flushes, revision: before }, revision);
      }
      return;
    }
    for (const job of jobs) job.failed('unknown');
  }

  /** Sends removals without a slot. Their fate cannot be asked for. */
  async #remove(jobs: readonly WriteJob[], retries: Retries): Promise<void> {
    if (jobs.length === 0) return;
    const request = { compare: [], success: this.#operations(jobs), failure: [] };
    let failure: WriteFailure = 'closed';
    while (retries.leftMs > 0 && failure === 'closed') {
      const answer = await this.#client.txn(request, retries.limitMs).catch(onlyEtcd);
      if (!(answer instanceof EtcdFailure)) {
        this.#answer(jobs, answer.responses, answer.header?.revision ?? 0);
        return;
      }
      if (answer.kind === 'refused') break;
      if (answer.kind === 'unknown') failure = 'unknown';
      else await retries.pause();
    }
    for (const job of jobs) job.failed(failure);
  }
}

function deadlineOf(jobs: readonly WriteJob[]): number {
  let deadlineMs = Infinity;
  for (const job of jobs) deadlineMs = Math.min(deadlineMs, job.deadlineMs);
  return deadlineMs;
}
