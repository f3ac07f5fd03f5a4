// Revision reader: reads the items of one revision from etcd itself, with or without servers (`kv-dump etcd://…`, docs/tools.md).
// It reads page by page, each at the revision at which the flush records were read. Later writes have a later revision.
//
// Invariants:
// - Every live item of the revision comes once, in the order of keys, or items() throws.
// - It holds one page in memory, and the next one on its way.
// - It writes nothing. Only etcd's history bounds its time: the servers have etcd forget revisions after five to ten minutes.

import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { quotedKey } from '../../printable.js';
import { decodeItem } from '../item-bytes.js';
import type { EtcdCalls, EtcdOptions } from './client.js';
import { EtcdFailure, isCompacted, onlyEtcd } from './failure.js';
import { KeyWalk } from './key-walk.js';
import type { KeyValue, RangeRequest, RangeResponse } from './messages.js';
import { openEtcdClient } from './open-client.js';
import { Places, rangeOf } from './places.js';
import { Retries } from './retries.js';

/** Bytes that one page asks for, about: etcd takes only a number of keys. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** Bound of a page, because large items may follow small ones. */
const PAGE_KEYS_MAX = 1000;
const PAGE_KEYS_FIRST = 32;
/** Longer than an election: a dump has time. */
const DEADLINE_MS = 20_000;
/** A node that is silent for this long is given up for another one. A count of millions of keys takes etcd a second. */
const ATTEMPT_MS = 5000;

interface RevisionItem {
  readonly key: Buffer;
  readonly flags: number;
  readonly cas: bigint;
  /** Unix time in ms; 0: never. */
  readonly expiresAt: number;
  /** 1 MiB at most. */
  readonly value: Buffer;
}

export class RevisionReader {
  readonly #env: Env;
  readonly #client: EtcdCalls;
  readonly #places: Places;
  readonly #flushes: readonly KeyValue[];
  readonly #nowMs: number;
  readonly revision: number;
  #pageKeys = PAGE_KEYS_FIRST;

  private constructor(env: Env, client: EtcdCalls, places: Places, flushes: RangeResponse) {
    this.#env = env;
    this.#client = client;
    this.#places = places;
    this.#flushes = flushes.kvs;
    this.#nowMs = env.clock.wallMs();
    this.revision = flushes.header?.revision ?? 0;
  }

  /** Opens a reader of the newest revision. Throws as openEtcdClient() does. */
  static async open(env: Env, options: EtcdOptions): Promise<RevisionReader> {
    const places = new Places(options.prefix);
    const { client, flushes } = await openEtcdClient(env, options, places);
    return new RevisionReader(env, client, places, flushes);
  }

  /** The claim of the servers (claim.ts). Undefined: no server has claimed yet. Throws as items() does. */
  async claim(): Promise<string | undefined> {
    const { kvs } = await this.#asked(() => ({ key: this.#places.sweep }));
    return kvs[0]?.value?.toString();
  }

  /** Counts the items that begin with `prefix`, including dead ones that are not removed yet. Throws as items() does. */
  async count(prefix: Buffer): Promise<number> {
    const range = { ...rangeOf(this.#places.stem(prefix)), count_only: true };
    return (await this.#asked(() => range)).count ?? 0;
  }

  /**
   * The live items whose keys begin with `prefix`, without those that had expired when the reader was opened. Throws KvError
   * KV_TOO_OLD when etcd has forgotten the revision, KV_IO when no node answers for 20 s, KV_CORRUPTION for bytes that are no item.
   */
  async *items(prefix: Buffer): AsyncGenerator<RevisionItem> {
    const walk = new KeyWalk(this.#places.stem(prefix));
    let page = this.#page(walk);
    while (page !== undefined) {
      const { kvs, more, count = 0 }: RangeResponse = await page;
      const [first, last] = [kvs[0], kvs.at(-1)];
      if (more === true && first !== undefined && last !== undefined)
        walk.goOn(first.key, last.key, count - kvs.length);
      else walk.leave();
      this.#measure(kvs);
      // The next page is asked for while this one is written.
      page = this.#page(walk);
      // Its failure is thrown where it is awaited. An earlier failure may end the loop before that.
      page?.catch(() => {});
      for (const stored of kvs) {
        const item = this.#live(stored);
        if (item !== undefined) yield item;
      }
    }
  }

  close(): void {
    this.#client.close();
  }

  #live(stored: KeyValue): RevisionItem | undefined {
    if (this.#flushes.some((flush) => this.#places.isFlushed(stored, flush))) return undefined;
    const key = this.#places.keyOf(stored.key);
    const item = decodeItem(stored.value);
    if (item === undefined) {
      const message = `The value that etcd has under the key ${quotedKey(key)} is no item: find out who wrote it, delete it, and dump again`;
      throw new KvError('KV_CORRUPTION', message);
    }
    const { flags, expiresAt, ownCas, value } = item;
    if (expiresAt !== 0 && expiresAt <= this.#nowMs) return undefined;
    return { key, flags, cas: ownCas ?? BigInt(stored.mod_revision), expiresAt, value };
  }

  #page({ piece }: KeyWalk): Promise<RangeResponse> | undefined {
    if (piece === undefined) return undefined;
    return this.#asked(() => ({ ...piece, limit: this.#pageKeys }));
  }

  /** Adapts the size of a page. It grows slowly, because large items may follow small ones. */
  #measure(kvs: readonly KeyValue[]): void {
    if (kvs.length === 0) return;
    const bytes = kvs.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    const fits = Math.floor((PAGE_BYTES * kvs.length) / bytes);
    this.#pageKeys = Math.max(1, Math.min(fits, 2 * this.#pageKeys, PAGE_KEYS_MAX));
  }

  async #asked(rangeNow: () => RangeRequest): Promise<RangeResponse> {
    const { clock } = this.#env;
    const retries = new Retries(this.#client, clock, clock.monotonicMs() + DEADLINE_MS);
    let last: EtcdFailure | undefined;
    while (retries.leftMs > 0) {
      const request = { ...rangeNow(), revision: this.revision };
      const limitMs = Math.min(retries.leftMs, ATTEMPT_MS);
      const answer = await this.#client.range(request, limitMs).catch(onlyEtcd);
      if (!(answer instanceof EtcdFailure)) return answer;
      last = answer;
      if (isCompacted(answer)) throw this.#forgotten(answer);
      if (answer.kind === 'refused') break;
      // The page may have been too large for the time.
      this.#pageKeys = Math.max(1, Math.floor(this.#pageKeys / 2));
      await retries.pause();
    }
    const message = `No etcd node answered: ${last?.message ?? 'no answer'}; see that the nodes run and can be reached`;
    throw new KvError('KV_IO', message, { cause: last });
  }

  #forgotten(cause: EtcdFailure): KvError {
    const message =
      `etcd has forgotten revision ${this.revision}, which was being read: its history is kept for five to ten minutes; ` +
      'dump to a faster disk, or a part at a time (--prefix)';
    return new KvError('KV_TOO_OLD', message, { cause });
  }
}
