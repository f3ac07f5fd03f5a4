// Store over etcd: every call returns a promise. It settles when a majority of the nodes has the change on disk, or has confirmed
// what was read. The store keeps no items, so any number of servers may stand before one cluster (docs/cluster.md).
//
// Invariants:
// - Calls of one key apply in the order in which they were made (key-order.ts). A flush stands between all calls before it
//   and all calls after it.
// - A call decides on its own copy of the change: the caller may fill its object again when the call has returned.
// - Each call is answered within 5 s: `closed` when it was certainly not done, `unknown` when its fate cannot be found out.

import { assert } from '../../assert.js';
import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { INLINE_VALUE_BYTES_MAX, MIB } from '../../limits.js';
import { ALWAYS_DURABLE } from '../always-durable.js';
import { Batcher } from '../batcher.js';
import { encodeItem } from '../item-bytes.js';
import {
  decideArithmetic,
  decideDelete,
  decideGet,
  decidePut,
  decideTouch,
  type OwnPut,
} from '../semantics.js';
import type * as S from '../../store/store.js';
import { WallTime } from '../wall-time.js';
import type { EtcdCalls } from './client.js';
import { ClusterState } from './cluster-state.js';
import { ChangeJob, type ChangeRequest } from './change-job.js';
import type { Called, Workshop } from './key-job.js';
import { KeyOrder } from './key-order.js';
import { EtcdListing } from './listing.js';
import type { Places } from './places.js';
import { FlushMark, Get, PlainDelete, PlainSet } from './plain-jobs.js';
import { ReadLanes, type ReadJob } from './read-lanes.js';
import { etcdStats, type EtcdCounters } from './store-stats.js';
import { Upkeep, type UpkeepPace } from './upkeep.js';
import { WriteLanes, type Seen, type WriteFailure, type WriteJob } from './write-lanes.js';

/** A call is answered within this time, or one second later when it was sent and its fate is asked for. */
const DEADLINE_MS = 3500;
/** etcd takes 128 operations per transaction, counted through all levels. The slot and nested transactions need some of them. */
const BATCH_JOBS_MAX = 100;
/** etcd takes requests of 1.5 MiB. */
const WRITE_BYTES_MAX = MIB;
const READ_BYTES_MAX = 4 * MIB;
const WRITE_LANES = 2;
const READ_LANES = 4;
/** Short beside a batch, which takes some milliseconds. */
const GATHER_MS = 1;
const QUEUED_JOBS_MAX = 100_000;
const QUEUED_BYTES_MAX = 256 * MIB;

const NO_NUMBER = { after: 0, cas: 0n, number: 0n, expiresAt: 0, expiresAtBefore: 0 };
const PLAIN: S.ReadOptions = {};

interface Parts {
  readonly env: Env;
  readonly client: EtcdCalls;
  readonly places: Places;
  /** The name of this process, which no other process has. */
  readonly server: string;
  readonly valueBytesMax: number;
  readonly pace: UpkeepPace;
}

export class EtcdStore implements S.Store {
  readonly appliesInCallOrder = true;
  readonly clockAheadMs = 0;
  readonly durability = ALWAYS_DURABLE;
  readonly changeLog = undefined;
  readonly #parts: Parts;
  readonly #valueBytesMax: number;
  readonly #time: WallTime;
  readonly #readLanes: ReadLanes;
  readonly #writeLanes: WriteLanes;
  readonly #reads: Batcher<ReadJob>;
  readonly #writes: Batcher<WriteJob>;
  readonly #order = new KeyOrder<Seen>();
  readonly #counters: EtcdCounters = { stored: 0, retries: 0 };
  readonly #shop: Workshop;
  readonly #listing: EtcdListing;
  readonly #state: ClusterState;
  readonly #upkeep: Upkeep;

  constructor(parts: Parts) {
    const { client, places, server } = parts;
    const { clock } = parts.env;
    this.#parts = parts;
    this.#valueBytesMax = Math.min(parts.valueBytesMax, INLINE_VALUE_BYTES_MAX);
    this.#time = new WallTime(clock);
    this.#readLanes = new ReadLanes(client, clock, places);
    this.#writeLanes = new WriteLanes(client, clock, places, server, WRITE_LANES);
    const queued = { queuedJobsMax: QUEUED_JOBS_MAX, queuedBytesMax: QUEUED_BYTES_MAX };
    const gathering = { laneJobsMin: BATCH_JOBS_MAX, gatherMs: GATHER_MS };
    const limits = { jobsMax: BATCH_JOBS_MAX, ...gathering, ...queued };
    this.#reads = new Batcher(
      clock,
      { ...limits, bytesMax: READ_BYTES_MAX, lanes: READ_LANES },
      (jobs) => this.#readLanes.send(jobs),
    );
    this.#writes = new Batcher(
      clock,
      { ...limits, bytesMax: WRITE_BYTES_MAX, lanes: WRITE_LANES },
      (jobs, lane) => this.#writeLanes.send(jobs, lane),
    );
    this.#shop = {
      places,
      order: this.#order,
      counters: this.#counters,
      nowMs: () => this.#time.nowMs(),
      read: (job) => {
        if (!this.#reads.add(job)) clock.defer(() => job.failed('closed'));
      },
      write: (job) => {
        if (!this.#writes.add(job)) clock.defer(() => job.failed('closed'));
      },
    };
    const nowMs = (): number => this.#time.nowMs();
    const averageBytes = (): number => this.#readLanes.averageBytes;
    this.#listing = new EtcdListing(client, clock, places, nowMs, averageBytes);
    this.#state = new ClusterState(client, clock, places);
    this.#upkeep = new Upkeep(parts, nowMs, averageBytes);
    this.#state.start();
    this.#upkeep.start();
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  get(key: S.Key, options: S.ReadOptions = PLAIN, start = 0, end = key.length): Promise<S.Lookup> {
    const { expiresAt, win, vivifyExpiresAt } = options;
    if (expiresAt === undefined && win !== true && vivifyExpiresAt === undefined) {
      return this.#get(key, start, end);
    }
    const own = { ...options };
    return this.#change<S.Lookup>(key, start, end, false, {
      decide: (old, reason, nowMs) => decideGet(own, old, reason, nowMs),
      failed: (status) => ({ kind: 'refused', status: refusalOf(status), after: 0 }),
    });
  }

  #get(key: S.Key, start: number, end: number): Promise<S.Lookup> {
    return new Promise((resolve) => {
      const last = this.#order.lastOf(key.toString('latin1', start, end));
      if (last instanceof Get && last.join(resolve)) return;
      const get = new Get(this.#shop, this.#called(key, start, end), this.#readLanes.averageBytes);
      get.join(resolve);
      this.#order.add(get);
    });
  }

  put(put: S.Put): Promise<S.PutOutcome> {
    const { key, keyStart = 0, keyEnd = key.length, value, valueStart = 0 } = put;
    assert(Buffer.isBuffer(value), 'A store without large values gives no handles of them');
    const { valueEnd = value.length, mode } = put;
    const valueBytes = valueEnd - valueStart;
    if (mode === 'set' && put.compareCas === undefined && valueBytes <= this.#valueBytesMax) {
      const { flags, expiresAt, chosenCas } = put;
      const header = { flags, expiresAt, stale: false, won: false, ownCas: chosenCas };
      const item = encodeItem(header, value, valueStart, valueEnd);
      return this.#set(this.#called(key, keyStart, keyEnd), item, chosenCas, valueBytes);
    }
    const own: OwnPut = { ...put, value: Buffer.from(value.subarray(valueStart, valueEnd)) };
    return this.#change<S.PutOutcome>(key, keyStart, keyEnd, mode === 'add', {
      decide: (old) => decidePut(own, old, this.#valueBytesMax),
      failed: (status) => ({ status, after: 0, cas: 0n, valueBytes }),
    });
  }

  #set(
    called: Called,
    item: Buffer,
    chosenCas: bigint | undefined,
    valueBytes: number,
  ): Promise<S.PutOutcome> {
    return new Promise((resolve) => {
      const settle = (failure: WriteFailure | undefined, revision: number): void => {
        if (failure !== undefined) resolve({ status: failure, after: 0, cas: 0n, valueBytes });
        else {
          this.#counters.stored += 1;
          const cas = chosenCas ?? BigInt(revision);
          resolve({ status: 'stored', after: 0, cas, valueBytes });
        }
      };
      this.#order.add(new PlainSet(this.#shop, called, item, settle));
    });
  }

  arithmetic(change: S.Arithmetic): Promise<S.ArithmeticOutcome> {
    const { key, keyStart = 0, keyEnd = key.length } = change;
    const own = { ...change };
    return this.#change<S.ArithmeticOutcome>(key, keyStart, keyEnd, false, {
      decide: (old) => decideArithmetic(own, old),
      failed: (status) => ({ ...NO_NUMBER, status }),
    });
  }

  touch(key: S.Key, expiresAt: number, start = 0, end = key.length): Promise<S.Outcome> {
    return this.#change<S.Outcome>(key, start, end, false, {
      decide: (old) => decideTouch(expiresAt, old),
      failed: (status) => ({ status, after: 0, cas: 0n }),
    });
  }

  delete(change: S.Delete): Promise<S.Outcome> {
    const { key, keyStart = 0, keyEnd = key.length, compareCas, invalidate, dropValue } = change;
    if (compareCas === undefined && invalidate !== true && dropValue !== true) {
      return new Promise((resolve) => {
        const called = this.#called(key, keyStart, keyEnd);
        const settle = (status: S.Status): void => resolve({ status, after: 0, cas: 0n });
        this.#order.add(new PlainDelete(this.#shop, called, settle));
      });
    }
    const own = { ...change };
    return this.#change<S.Outcome>(key, keyStart, keyEnd, false, {
      decide: (old) => decideDelete(own, old),
      failed: (status) => ({ status, after: 0, cas: 0n }),
    });
  }

  flush(atMs: number): Promise<S.Outcome> {
    // No server can promise to carry it out: all of them may be gone by then.
    if (atMs !== 0) return Promise.resolve({ status: 'not-offered', after: 0, cas: 0n });
    return this.deletePrefix(Buffer.alloc(0));
  }

  deletePrefix(prefix: Buffer): Promise<S.Outcome> {
    const key = this.#parts.places.flush(prefix);
    const deadlineMs = this.#deadlineMs();
    return this.#order.barrier(
      () =>
        new Promise((resolve) => {
          const settle = (failure: WriteFailure | undefined): void =>
            resolve({ status: failure ?? 'ok', after: 0, cas: 0n });
          this.#shop.write(new FlushMark(key, deadlineMs, settle));
        }),
    );
  }

  openLargeValue(): Promise<S.LargeValueWriter> {
    return Promise.reject(notOffered('values over 1 MiB'));
  }

  list(cursor: number, limit: number): Promise<S.ListPage> {
    return this.#listing.list(cursor, limit);
  }

  onEvicted(): void {}

  resizeCache(): void {}

  resizeStore(): void {}

  stats(): ReadonlyMap<string, number | string> {
    return etcdStats({
      client: this.#parts.client,
      state: this.#state,
      counters: this.#counters,
      upkeep: this.#upkeep.counts,
      claim: this.#upkeep.claim,
      lanes: this.#writeLanes,
      reads: this.#reads,
      writes: this.#writes,
    });
  }

  resetStats(): void {
    this.#counters.stored = 0;
    this.#counters.retries = 0;
  }

  segments(): readonly S.SegmentView[] {
    return [];
  }

  compact(): Promise<S.CompactionReport> {
    return Promise.reject(notOffered('compaction on request: it forgets old revisions by itself'));
  }

  snapshot(): Promise<S.SnapshotReport> {
    return Promise.reject(notOffered('snapshots: take one with etcdctl snapshot save'));
  }

  /** Answers the calls that wait with `closed`, and waits for those that were sent. */
  async close(): Promise<void> {
    await Promise.all([this.#reads.close(), this.#writes.close()]);
    await Promise.all([this.#state.stop(), this.#upkeep.stop()]);
    this.#parts.client.close();
  }

  #change<O>(
    key: Buffer,
    start: number,
    end: number,
    isBlind: boolean,
    how: {
      readonly decide: ChangeRequest<O>['decide'];
      readonly failed: (failure: WriteFailure) => O;
    },
  ): Promise<O> {
    return new Promise((resolve) => {
      const request: ChangeRequest<O> = {
        decide: how.decide,
        settle: resolve,
        fail: (failure) => resolve(how.failed(failure)),
        isBlind,
        expectedBytes: this.#readLanes.averageBytes,
      };
      this.#order.add(new ChangeJob(this.#shop, this.#called(key, start, end), request));
    });
  }

  #called(key: Buffer, start: number, end: number): Called {
    return {
      key: this.#parts.places.item(key, start, end),
      name: key.toString('latin1', start, end),
      deadlineMs: this.#deadlineMs(),
    };
  }

  #deadlineMs(): number {
    return this.#parts.env.clock.monotonicMs() + DEADLINE_MS;
  }
}

/** For reads: a read writes an item that was there already, or none, so it cannot be too large. */
function refusalOf(failure: WriteFailure): S.RefusedStatus {
  return failure === 'too-large' ? 'closed' : failure;
}

function notOffered(what: string): KvError {
  return new KvError('KV_BAD_OPTION', `A store over etcd has no ${what}`);
}
