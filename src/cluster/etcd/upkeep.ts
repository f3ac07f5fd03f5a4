// Upkeep of a store over etcd, done by the server that has claimed it. It removes items that expired or were flushed in small
// transactions, has etcd forget old revisions, and removes the slots of servers that are gone.
//
// Invariants:
// - No answer depends on it: a dead item is a miss before it is removed. Only the room in etcd depends on it.
// - A removal compares the item with the one that was seen: an item that was stored meanwhile stays.
// - A flush record is removed last, when no older item is left.
// - A transaction removes at most REMOVALS_MAX keys, so that requests between two of them wait no longer than that.

import type { Env } from '../../env/env.js';
import { isKvError } from '../../errors.js';
import { decodeItem } from '../item-bytes.js';
import { Claim } from './claim.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure, isCompacted, onlyEtcd } from './failure.js';
import { readPage } from './listing.js';
import { RESULT, TARGET, type KeyValue, type RangeRequest } from './messages.js';
import type { Places } from './places.js';

export interface UpkeepPace {
  /** Time between two looks at what there is to do. */
  readonly tickMs: number;
  /** Time between two pages. */
  readonly pageMs: number;
  /** Time between two searches for expired items, each of which reads all items. */
  readonly sweepMs: number;
  /** Time that an item stays after its expiry, because another server's clock may be behind. */
  readonly graceMs: number;
  /** Time that revisions are kept. A lost answer is looked up in them (write-lanes.ts). */
  readonly historyMs: number;
  /** A slot that was not used for this long belongs to no server. */
  readonly slotMs: number;
}

export const PACE: UpkeepPace = {
  tickMs: 5000,
  pageMs: 100,
  sweepMs: 600_000,
  graceMs: 10_000,
  historyMs: 300_000,
  slotMs: 3_600_000,
};

const REMOVALS_MAX = 100;
/** Keys per page of flushed items, of which only the keys are asked for. */
const KEYS_PER_PAGE = 1000;
const PAGE_BYTES = 256 * 1024;
const LIMIT_MS = 2000;
const BEGINNING = -Infinity;

interface Parts {
  readonly env: Env;
  readonly client: EtcdCalls;
  readonly places: Places;
  readonly server: string;
  readonly pace: UpkeepPace;
}

export interface UpkeepCounts {
  swept: number;
  checked: number;
  sweeps: number;
  flushed: number;
  forgottenRevision: number;
}

export class Upkeep {
  readonly counts: UpkeepCounts = {
    swept: 0,
    checked: 0,
    sweeps: 0,
    flushed: 0,
    forgottenRevision: 0,
  };
  readonly #env: Env;
  readonly #client: EtcdCalls;
  readonly #places: Places;
  readonly #pace: UpkeepPace;
  readonly #nowMs: () => number;
  readonly #averageBytes: () => number;
  readonly #claim: Claim;
  #isStopped = false;
  #wake: (() => void) | undefined;
  #done: Promise<void> = Promise.resolve();
  #sweptAtMs = BEGINNING;
  #historyAtMs = BEGINNING;
  #oldRevision = 0;
  #slotsAtMs = BEGINNING;
  #oldSlots = new Map<string, number>();

  /** `averageBytes`: average size of a stored item. */
  constructor(parts: Parts, nowMs: () => number, averageBytes: () => number) {
    const { env, client, places, server, pace } = parts;
    this.#env = env;
    this.#client = client;
    this.#places = places;
    this.#pace = pace;
    this.#nowMs = nowMs;
    this.#averageBytes = averageBytes;
    this.#claim = new Claim(client, env.clock, places.sweep, server);
  }

  /** The claim as this server has seen it last. */
  get claim(): string | undefined {
    return this.#claim.seen;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Stops the upkeep. Resolves when nothing of it is under way. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    return this.#done;
  }

  async #run(): Promise<void> {
    await this.#claim.begin().catch(onlyEtcd);
    // A random delay: servers that were started together do not all claim at once.
    await this.#pause(this.#pace.tickMs * (0.5 + this.#env.random.bytes(1)[0]! / 256));
    while (!this.#isStopped) {
      try {
        if (await this.#claim.isOurs()) await this.#tick();
      } catch (error) {
        // The cluster is away, which requests report as well; or another server has had the history forgotten.
        if (!(error instanceof EtcdFailure) && !isKvError(error)) throw error;
        if (!isCompacted(error)) {
          this.#env.logger.debug('etcd: upkeep waits', { reason: error.message });
        }
      }
      await this.#pause(this.#pace.tickMs);
    }
  }

  async #tick(): Promise<void> {
    const { clock } = this.#env;
    const { historyMs, slotMs, sweepMs } = this.#pace;
    const { flushes, revision } = await this.#page({ ...this.#places.items, limit: 1 });
    for (const flush of flushes) await this.#finishFlush(flush);
    if (clock.monotonicMs() - this.#historyAtMs >= historyMs) await this.#forget(revision);
    if (clock.monotonicMs() - this.#slotsAtMs >= slotMs) await this.#removeSlots();
    if (clock.monotonicMs() - this.#sweptAtMs >= sweepMs) await this.#sweep();
  }

  async #sweep(): Promise<void> {
    let key: Buffer | undefined = this.#places.items.key;
    while (key !== undefined && !this.#isStopped) {
      const limit = Math.min(
        REMOVALS_MAX,
        Math.max(1, Math.floor(PAGE_BYTES / this.#averageBytes())),
      );
      const { items, next } = await this.#page({ ...this.#places.items, key, limit });
      const endMs = this.#nowMs() - this.#pace.graceMs;
      const expired = items.filter(({ value }) => {
        const expiresAt = decodeItem(value)?.expiresAt ?? 0;
        return expiresAt !== 0 && expiresAt <= endMs;
      });
      this.counts.checked += items.length;
      this.counts.swept += await this.#remove(expired);
      key = next;
      await this.#pause(this.#pace.pageMs);
      if (!(await this.#claim.isOurs())) return;
    }
    this.counts.sweeps += 1;
    this.#sweptAtMs = this.#env.clock.monotonicMs();
  }

  async #finishFlush(flush: KeyValue): Promise<void> {
    const range = this.#places.itemsOf(flush);
    let key: Buffer | undefined = range.key;
    while (key !== undefined) {
      if (this.#isStopped || !(await this.#claim.isOurs())) return;
      const page = { ...range, key, limit: KEYS_PER_PAGE, keys_only: true };
      const { items, next } = await this.#page(page);
      const older = items.filter(({ mod_revision }) => mod_revision < flush.mod_revision);
      for (let at = 0; at < older.length; at += REMOVALS_MAX) {
        this.counts.flushed += await this.#remove(older.slice(at, at + REMOVALS_MAX));
        await this.#pause(this.#pace.pageMs);
      }
      key = next;
    }
    await this.#remove([flush]);
  }

  /** Removes the items that are still as they were seen, and returns how many these were. */
  async #remove(seen: readonly KeyValue[]): Promise<number> {
    if (seen.length === 0) return 0;
    const success = seen.map(({ key, mod_revision }) => ({
      request_txn: {
        compare: [{ result: RESULT.equal, target: TARGET.modRevision, key, mod_revision }],
        success: [{ request_delete_range: { key } }],
        failure: [],
      },
    }));
    const request = { compare: [], success, failure: [] };
    const { responses } = await this.#client.txn(request, LIMIT_MS);
    return responses.filter(({ response_txn }) => response_txn?.succeeded === true).length;
  }

  /** Has etcd forget the revisions before the one that was the newest one round ago. */
  async #forget(revision: number): Promise<void> {
    const old = this.#oldRevision;
    this.#historyAtMs = this.#env.clock.monotonicMs();
    this.#oldRevision = revision;
    if (old === 0) return;
    await this.#client.compact(old, LIMIT_MS);
    this.counts.forgottenRevision = old;
  }

  /** Removes the slots of servers that are gone: those that are as they were one round ago. A server that comes back makes a new one. */
  async #removeSlots(): Promise<void> {
    const { kvs } = await this.#client.range(this.#places.slots, LIMIT_MS);
    const unused = kvs.filter(
      ({ key, mod_revision }) => this.#oldSlots.get(key.toString()) === mod_revision,
    );
    for (let at = 0; at < unused.length; at += REMOVALS_MAX) {
      await this.#remove(unused.slice(at, at + REMOVALS_MAX));
    }
    this.#oldSlots = new Map(kvs.map(({ key, mod_revision }) => [key.toString(), mod_revision]));
    this.#slotsAtMs = this.#env.clock.monotonicMs();
  }

  #page(range: RangeRequest): ReturnType<typeof readPage> {
    return readPage(this.#client, this.#env.clock, this.#places, range);
  }

  /** Waits for this time, or until stop(). */
  #pause(delayMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#env.clock.setTimer(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
