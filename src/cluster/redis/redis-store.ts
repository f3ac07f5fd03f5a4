// Store over a Redis cluster: each call is one operation on the shard that has the key. Its promise settles when the change is
// as durable as the URL asks for (docs/decisions/0104-wait-and-strict-reads.md).
//
// Invariants:
// - Calls on one key apply in the order in which they were made; `after` is always 0.
// - `closed`: nothing was changed. `unknown`: the change may have been made. No promise stays open longer than OPERATION_MS_MAX
//   plus the time that a batch may take.

import { AssertionError } from '../../assert.js';
import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import type * as S from '../../store/store.js';
import { ALWAYS_DURABLE } from '../always-durable.js';
import { WallTime } from '../wall-time.js';
import * as answers from './answers.js';
import type { Cluster } from './cluster.js';
import * as commands from './commands.js';
import { ItemCount } from './item-count.js';
import { Keyspace } from './keyspace.js';
import { Operation, type Command, type NoAnswer, type Target } from './operation.js';
import { SlotListing } from './slot-listing.js';
import { Looks } from './looks.js';
import { ReadBack, type Proof } from './read-back.js';
import type { SideConnections } from './side-connections.js';
import { slotOf } from './slots.js';
import { redisStats } from './stats.js';
import type { Tokens } from './tokens.js';

/** Time in which a request has to be sent. */
const OPERATION_MS_MAX = 1900;

interface RedisStoreParts {
  readonly cluster: Cluster;
  readonly side: SideConnections;
  readonly tokens: Tokens;
  readonly valueBytesMax: number;
}

export class RedisStore implements S.Store {
  readonly appliesInCallOrder = true;
  readonly clockAheadMs = 0;
  readonly durability = ALWAYS_DURABLE;
  readonly changeLog = undefined;
  readonly #env: Env;
  readonly #cluster: Cluster;
  readonly #tokens: Tokens;
  readonly #side: SideConnections;
  readonly #time: WallTime;
  readonly #listing: SlotListing;
  readonly #count: ItemCount;
  readonly #keyspace: Keyspace;
  readonly #looks = new Looks();
  readonly #readBack: ReadBack;
  readonly #valueBytesMax: number;

  constructor(env: Env, { cluster, side, tokens, valueBytesMax }: RedisStoreParts) {
    this.#env = env;
    this.#cluster = cluster;
    this.#side = side;
    this.#tokens = tokens;
    this.#time = new WallTime(env.clock);
    this.#keyspace = new Keyspace(cluster, side, env.clock);
    this.#readBack = new ReadBack((operation) => this.#keyspace.submit(operation), env.clock);
    this.#listing = new SlotListing(cluster, side);
    this.#count = new ItemCount(cluster, side, env.clock);
    this.#valueBytesMax = Math.min(valueBytesMax, INLINE_VALUE_BYTES_MAX);
    void this.#count.refresh();
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  get(key: S.Key, options?: S.ReadOptions, start?: number, end?: number): Promise<S.Lookup> {
    const target = this.#target(key, start, end);
    // These options change the item if there is one, or make one if there is none.
    const changes = options?.expiresAt !== undefined || options?.vivifyExpiresAt !== undefined;
    if (changes) return this.#readByScript(target, options);
    if (options?.win !== true) return new Promise((resolve) => this.#get(target, resolve));
    return this.#looks.take(target.key, () => this.#look(target, options));
  }

  put(put: S.Put): Promise<S.PutOutcome> {
    const { value, mode } = put;
    if (!Buffer.isBuffer(value)) {
      const valueBytes = value.bytes;
      return Promise.resolve({ status: 'too-large', after: 0, cas: 0n, valueBytes });
    }
    const { valueStart = 0, valueEnd = value.length } = put;
    const valueBytes = valueEnd - valueStart;
    const isJoin = mode === 'append' || mode === 'prepend';
    if (valueBytes > this.#valueBytesMax && !isJoin) {
      return Promise.resolve({ status: 'too-large', after: 0, cas: 0n, valueBytes });
    }
    const target = this.#target(put.key, put.keyStart, put.keyEnd);
    const now = this.#now();
    const command = commands.putCommand(target.key, put, value, now, this.#valueBytesMax);
    const cas = put.chosenCas ?? BigInt(now.candidate);
    return this.#ask(
      target,
      command,
      (reply) =>
        command.name === 'SET'
          ? { status: 'stored', after: 0, cas, valueBytes }
          : this.#seen(answers.putOutcome(reply, valueBytes)),
      (why) => ({ status: why, after: 0, cas: 0n, valueBytes }),
      put.chosenCas === undefined ? answers.putProof(now.candidate) : undefined,
    );
  }

  arithmetic(change: S.Arithmetic): Promise<S.ArithmeticOutcome> {
    const target = this.#target(change.key, change.keyStart, change.keyEnd);
    const now = this.#now();
    const command = commands.arithmeticCommand(target.key, change, now);
    const { create, expiresAt } = change;
    return this.#ask(
      target,
      command,
      (reply) => this.#seen(answers.arithmeticOutcome(reply, create, expiresAt)),
      (why) => answers.refusedArithmetic(why),
      answers.arithmeticProof(now.candidate, change),
    );
  }

  touch(key: S.Key, expiresAt: number, start?: number, end?: number): Promise<S.Outcome> {
    const target = this.#target(key, start, end);
    const command = commands.touchCommand(target.key, expiresAt, this.#now());
    return this.#ask(target, command, answers.touchOutcome, refusedOutcome);
  }

  delete(change: S.Delete): Promise<S.Outcome> {
    const target = this.#target(change.key, change.keyStart, change.keyEnd);
    const command = commands.deleteCommand(target.key, change, this.#now());
    return this.#ask(
      target,
      command,
      (reply) => this.#seen(answers.deleteOutcome(reply)),
      refusedOutcome,
    );
  }

  flush(atMs: number): Promise<S.Outcome> {
    if (atMs !== 0) return Promise.resolve(refusedOutcome('not-offered'));
    return this.#keyspace.flush(this.#deadlineMs());
  }

  deletePrefix(prefix: Buffer): Promise<S.Outcome> {
    return this.#keyspace.deletePrefix(prefix, this.#deadlineMs());
  }

  list(cursor: number, limit: number): Promise<S.ListPage> {
    return this.#listing.page(cursor, limit, this.nowMs()).catch(cannotList);
  }

  openLargeValue(): Promise<S.LargeValueWriter> {
    return Promise.resolve(refusedLargeValue());
  }

  onEvicted(): void {}

  resizeCache(): void {}

  resizeStore(): void {}

  stats(): ReadonlyMap<string, number | string> {
    return redisStats(this.#cluster, this.#count.latest);
  }

  resetStats(): void {}

  segments(): readonly S.SegmentView[] {
    return [];
  }

  compact(): Promise<S.CompactionReport> {
    return Promise.reject(notHere('compacted: each Redis node rewrites its own log'));
  }

  snapshot(): Promise<S.SnapshotReport> {
    return Promise.reject(notHere('written as a snapshot: kv-dump host:port reads it'));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
    await this.#side.close();
  }

  #get(target: Target, resolve: (lookup: S.Lookup) => void, isLook = false): void {
    const found = (reply: unknown): void => resolve(answers.lookupOf(reply, this.nowMs()));
    const refuse = (why: NoAnswer): void => resolve(answers.refusedLookup(why));
    const get = new Operation(target, commands.getCommand(target.key), found, refuse);
    if (isLook) this.#keyspace.submit(get);
    else this.#submit(get);
  }

  /** A read that may win: by GET, and then by the script if it does win. No change of the key comes between the two. */
  #look(target: Target, options: S.ReadOptions): Promise<S.Lookup> {
    return new Promise((resolve) => {
      const settle = (reply: unknown): void => resolve(answers.readLookup(reply));
      const refuse = (why: NoAnswer): void => resolve(answers.refusedLookup(why));
      const seen = (lookup: S.Lookup): void => {
        const isHit = lookup.kind === 'hit';
        if (!isHit || !answers.mayWin(lookup.item, options, this.nowMs())) {
          resolve(lookup);
          return;
        }
        const command = commands.readCommand(target.key, options, this.#now());
        this.#keyspace.submit(new Operation(target, command, settle, refuse));
      };
      this.#get(target, seen, true);
    });
  }

  #readByScript(target: Target, options: S.ReadOptions): Promise<S.Lookup> {
    const command = commands.readCommand(target.key, options, this.#now());
    return this.#ask(target, command, answers.readLookup, answers.refusedLookup);
  }

  #submit(operation: Operation): void {
    const { target, command } = operation;
    const onlyReads = command.effect === 'reads';
    const isHeld = this.#looks.holds(target.key, onlyReads, () => this.#submit(operation));
    if (!isHeld) this.#keyspace.submit(operation);
  }

  #ask<T>(
    target: Target,
    command: Command,
    answered: (reply: unknown) => T,
    refused: (why: NoAnswer) => T,
    proof?: Proof<T>,
  ): Promise<T> {
    return new Promise((resolve) => {
      const settle = (reply: unknown): void => resolve(answered(reply));
      const refuse = (why: NoAnswer): void => {
        if (why !== 'unknown' || proof === undefined) resolve(refused(why));
        else void this.#readBack.ask(target, proof).then((done) => resolve(done ?? refused(why)));
      };
      this.#submit(new Operation(target, command, settle, refuse));
    });
  }

  #target(key: Buffer, start?: number, end?: number): Target {
    const bytes = commands.redisKey(key, start, end);
    return { key: bytes, slot: slotOf(bytes), deadlineMs: this.#deadlineMs() };
  }

  #deadlineMs(): number {
    return this.#env.clock.monotonicMs() + OPERATION_MS_MAX;
  }

  #now(): commands.Now {
    return { nowMs: this.nowMs(), candidate: this.#tokens.next(this.#env.clock.wallMs()) };
  }

  #seen<T extends S.Outcome>(outcome: T): T {
    if (outcome.cas !== 0n) this.#tokens.observe(outcome.cas);
    return outcome;
  }
}

/** Turns the failure of a node into a KvError. A bug is thrown as it is. */
function cannotList(error: unknown): never {
  if (error instanceof TypeError || error instanceof AssertionError) throw error;
  const what = 'A Redis node did not answer a listing; try again later';
  throw new KvError('KV_IO', what, { cause: error });
}

function refusedOutcome(why: NoAnswer | 'not-offered'): S.Outcome {
  return { status: why, after: 0, cas: 0n };
}

function notHere(what: string): KvError {
  return new KvError('KV_BAD_OPTION', `A store over Redis is not ${what}`);
}

/** A writer that takes bytes and keeps none: the put of the value is refused as too large. */
function refusedLargeValue(): S.LargeValueWriter {
  let bytes = 0;
  return {
    write: (piece) => {
      bytes += piece.length;
      return Promise.resolve();
    },
    finish: () => Promise.resolve({ largeValueId: 0, bytes }),
    abort: () => Promise.resolve(),
  };
}
