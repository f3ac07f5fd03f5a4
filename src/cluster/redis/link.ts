// Link to one master: a connection, and a queue whose batches go over it one at a time (src/cluster/batcher.ts).
//
// Invariants:
// - Operations are executed in the order in which they came, or are refused. An operation that was sent and got no answer is
//   never sent again, except a read.
// - An answer is given only when enough replicas have what it depends on. Otherwise a write is `unknown`, and a read is tried again.
// - No operation waits longer than GRACE_MS for a link in trouble, or longer than IN_FLIGHT_MS_MAX for a batch.

import type { Redis } from 'ioredis';

import type { Clock } from '../../env/env.js';
import { Batcher } from '../batcher.js';
import { Bundler } from './bundles.js';
import { cut } from './connections.js';
import { exchange, type Exchanged, type Verdict } from './exchange.js';
import type { Guarantee } from './guarantee.js';
import type { Operation } from './operation.js';
import type { ReplyError } from './reply-errors.js';
import type { Strays } from './strays.js';

/** Time that operations wait for a link that does not work. After it they are refused at once. */
const GRACE_MS = 1500;
const IN_FLIGHT_MS_MAX = 3000;
const RETRY_MS = 100;
const LIMITS = {
  jobsMax: 512,
  bytesMax: 4 * 1024 * 1024,
  lanes: 1,
  queuedJobsMax: 50_000,
  queuedBytesMax: 256 * 1024 * 1024,
};

/** The cluster as its links use it. */
export interface LinkCluster {
  readonly strays: Strays;
  /** Opens a connection with loaded scripts, to a node that keeps the writes it acknowledges. */
  connect(host: string): Promise<Redis>;
  isAt(operation: Operation, link: Link): boolean;
  /** The link serves slots. */
  isUsed(link: Link): boolean;
  /** Queues the operation at the link that serves its slot now. */
  forward(operation: Operation): void;
  /** The node says that another node serves the slot, or has the key already. */
  moved(slot: number, host: string): void;
  ask(operation: Operation, host: string): void;
  /** The node of the link may no longer be a master. */
  onTrouble(link: Link): void;
  /** The link has nothing queued and nothing under way. */
  onDrained(link: Link): void;
  /** Returns a key for the barrier in a slot of this link. */
  barrierKey(link: Link): Buffer;
}

export class Link {
  readonly host: string;
  readonly batcher: Batcher<Operation>;
  /** Number of replicas that had the last batch. */
  acknowledged: number | undefined;
  readonly #clock: Clock;
  readonly #guarantee: Guarantee;
  readonly #bundler = new Bundler();
  readonly #cluster: LinkCluster;
  #redis: Redis | undefined;
  /** The attempt to connect that is under way. */
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #troubleSinceMs: number | undefined;
  /** The time at which the batch that is out was sent. */
  #outSinceMs: number | undefined;
  /** The link failed, or a WAIT came back short: nothing is sent until a barrier has come through. */
  #isSuspect = false;
  #isRecovering = false;
  #isSending = false;
  /** The last failure, for stats and messages. */
  #cause: unknown;

  constructor(host: string, clock: Clock, guarantee: Guarantee, cluster: LinkCluster) {
    this.host = host;
    this.#clock = clock;
    this.#guarantee = guarantee;
    this.#cluster = cluster;
    this.batcher = new Batcher(clock, LIMITS, (jobs) => this.#send(jobs));
  }

  /** `short`: the node answers, but too few replicas do, or the node does not serve its slots. */
  get state(): 'ready' | 'short' | 'down' {
    if (this.#redis === undefined) return 'down';
    return this.#isSuspect ? 'short' : 'ready';
  }

  /** Checks whether nothing is queued and no batch is out. */
  get isDrained(): boolean {
    return this.batcher.queued === 0 && !this.#isSending;
  }

  get cause(): unknown {
    return this.#cause;
  }

  push(operation: Operation): void {
    if (this.#isHopeless() || !this.batcher.add(operation)) operation.refuse('closed');
  }

  /** Opens the connection when there is none. Resolves when an attempt has ended. Never rejects: a failed one is repeated later. */
  async open(): Promise<void> {
    if (this.#redis !== undefined || this.#isClosed) return;
    this.#opening ??= this.#connect()
      .catch((error: unknown) => this.#lost(error))
      .finally(() => {
        this.#opening = undefined;
      });
    await this.#opening;
  }

  /** Sends nothing until the strays of the node have ended and a barrier has come through. */
  doubt(): void {
    if (!this.#isClosed) this.#trouble();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = this.batcher.close();
    this.#redis?.disconnect();
    await closed;
  }

  async #connect(): Promise<void> {
    const redis = await this.#cluster.connect(this.host);
    if (this.#isClosed) {
      redis.disconnect();
      return;
    }
    redis.once('end', () => {
      if (this.#redis === redis) this.#lost(new Error('The connection has ended'));
    });
    this.#redis = redis;
    if (this.#cluster.strays.has(this.host)) this.#trouble();
  }

  #lost(error: unknown): void {
    if (this.#redis !== undefined) this.#cluster.strays.add(this.host, this.#redis);
    this.#redis = undefined;
    this.#cause = error;
    if (!this.#isClosed) this.#trouble();
  }

  #drop(error: unknown): void {
    const redis = this.#redis;
    this.#lost(error);
    if (redis !== undefined) cut(redis);
  }

  /** Handles a lost connection: from now on the link tries to connect again and again, also without requests. */
  #trouble(): void {
    this.#troubleSinceMs ??= this.#clock.monotonicMs();
    this.#isSuspect = true;
    this.#cluster.onTrouble(this);
    if (this.#isRecovering) return;
    this.#isRecovering = true;
    void this.#recover().finally(() => {
      this.#isRecovering = false;
    });
  }

  async #recover(): Promise<void> {
    while (this.#isSuspect && !this.#isClosed && this.#cluster.isUsed(this)) {
      await this.#pause();
      const redis = this.#redis;
      if (redis === undefined) await this.open();
      else if (this.#outSinceMs === undefined) await this.#timed(redis, []);
    }
  }

  #isHopeless(): boolean {
    if (this.#isClosed) return true;
    const sinceMs = this.#troubleSinceMs ?? this.#outSinceMs;
    return sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs > GRACE_MS;
  }

  /** Sends a batch. Resolves when each operation is answered, refused or forwarded. */
  async #send(jobs: readonly Operation[]): Promise<void> {
    this.#isSending = true;
    let batch = this.#own(jobs);
    while (batch.length > 0) {
      const redis = this.#redis;
      if (this.#isHopeless()) {
        for (const operation of batch) operation.refuse('closed');
        break;
      }
      if (redis === undefined || this.#isSuspect) {
        if (!this.#isSuspect) void this.open();
        await this.#pause();
      } else {
        const head = this.#bundler.headOf(batch);
        const again = this.#conclude(head, await this.#timed(redis, head));
        batch = [...again, ...batch.slice(head.length)];
      }
      batch = this.#own(batch);
    }
    this.#isSending = false;
    if (this.isDrained) this.#cluster.onDrained(this);
  }

  /** Returns the operations that still belong to this link and are in time. */
  #own(batch: readonly Operation[]): readonly Operation[] {
    const nowMs = this.#clock.monotonicMs();
    return batch.filter((operation) => {
      if (operation.deadlineMs <= nowMs) operation.refuse('closed');
      else if (this.#cluster.isAt(operation, this)) return true;
      else this.#cluster.forward(operation);
      return false;
    });
  }

  async #timed(redis: Redis, batch: readonly Operation[]): Promise<Exchanged> {
    const timer = this.#clock.setTimer(IN_FLIGHT_MS_MAX, () => cut(redis));
    const key = this.#cluster.barrierKey(this);
    this.#outSinceMs = this.#clock.monotonicMs();
    // A link with strays is suspect, and a suspect link sends only empty batches.
    const isAlone = batch.length > 0 || (await this.#cluster.strays.end(this.host, redis));
    const bundles = this.#bundler.bundlesOf(batch);
    const done = await exchange(redis, this.host, bundles, this.#guarantee, key);
    this.#outSinceMs = undefined;
    timer.cancel();
    this.acknowledged = done.acknowledged ?? this.acknowledged;
    if (!done.isCovered || !isAlone) {
      this.#trouble();
    } else if (batch.length === 0 && this.#redis === redis) {
      this.#isSuspect = false;
      this.#troubleSinceMs = undefined;
    }
    return done;
  }

  /** Answers the operations that can be answered. Returns those to be tried again, in their order. */
  #conclude(batch: readonly Operation[], { verdicts, isCovered }: Exchanged): Operation[] {
    const again: Operation[] = [];
    let forgotScripts = false;
    for (const [at, operation] of batch.entries()) {
      const verdict = verdicts[at]!;
      const isRead = operation.command.effect === 'reads';
      if (verdict.kind === 'answer' && (isCovered || !this.#isGuarded(operation))) {
        if (isRead && verdict.reply instanceof Buffer) this.#bundler.measure(verdict.reply.length);
        operation.settle(verdict.reply);
      } else if (verdict.kind !== 'error') {
        if (isRead) again.push(operation);
        else operation.refuse('unknown');
      } else if (isUnclear(operation, verdict.meaning)) {
        this.#failed(operation, verdict.message);
      } else if (verdict.meaning.kind === 'refused') {
        operation.refuse(verdict.meaning.status);
      } else if (this.#isOvertaken(batch, verdicts, at)) {
        operation.refuse('closed');
      } else {
        const { meaning } = verdict;
        operation.isAsking = false;
        operation.isAlone = meaning.kind === 'alone';
        if (meaning.kind === 'moved') this.#cluster.moved(meaning.slot, meaning.host);
        if (meaning.kind === 'asked') this.#cluster.ask(operation, meaning.host);
        else again.push(operation);
        if (meaning.kind === 'later') forgotScripts ||= meaning.loadsScripts;
        if (meaning.kind === 'later' && !meaning.loadsScripts) this.#trouble();
      }
    }
    // A new connection loads the scripts.
    if (forgotScripts) this.#drop(new Error('The node has forgotten the scripts'));
    return again;
  }

  #isGuarded({ command }: Operation): boolean {
    return command.effect !== 'reads' || this.#guarantee.reads === 'strict';
  }

  /** Checks whether a later operation on the same key, or on all keys, was executed: to send this one now would reverse their order. */
  #isOvertaken(batch: readonly Operation[], verdicts: readonly Verdict[], at: number): boolean {
    const { key } = batch[at]!.target;
    for (let later = at + 1; later < batch.length; later += 1) {
      const { command, target } = batch[later]!;
      const isMet = command.isForAllKeys === true || target.key.equals(key);
      if (isMet && verdicts[later]!.kind !== 'error') return true;
    }
    return false;
  }

  #failed(operation: Operation, message: string): void {
    this.#cause = new Error(message);
    operation.refuse(operation.command.effect === 'reads' ? 'closed' : 'unknown');
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(RETRY_MS, resolve);
    });
  }
}

/** Checks whether the operation may have been executed in part, in spite of its error. */
function isUnclear({ command }: Operation, { kind }: ReplyError): boolean {
  // A script of several steps was refused a step. A GET or SET of a bundle is one step.
  const isStep = kind === 'alone' && command.name === 'EVALSHA';
  return kind === 'unknown' || isStep;
}
