// The store under test with short words for what the conformance groups do with it, and what an environment must offer for
// them to run.

import { keptOutcome } from '../support/kept-lookup.js';
import { expect } from 'chai';

import type * as S from '../../src/store/store.js';

/** The features that a store may leave out. A case about one of them says what the store does instead. */
interface Offers {
  /** `fetched` and `idleSeconds` of an item: a read is noted. Otherwise they are false and 0. */
  readonly uses: boolean;
  /** Values over 1 MiB, by openLargeValue(). Otherwise a put of one is `too-large`. */
  readonly largeValues: boolean;
  /** A flush for a later time. Otherwise the answer is `not-offered`. */
  readonly delayedFlush: boolean;
  /** An answer may come before it is durable and say so by `after`. Otherwise `after` is 0. */
  readonly answersEarly: boolean;
  /** compact() and snapshot(). Otherwise they reject with KV_BAD_OPTION. */
  readonly files: boolean;
  /** A miss says when a flush is the reason. Otherwise the reason is `absent`. */
  readonly flushedMisses: boolean;
  /** stats() counts the items exactly and at once. */
  readonly exactCount: boolean;
}

const ALL: Offers = {
  uses: true,
  largeValues: true,
  delayedFlush: true,
  answersEarly: true,
  files: true,
  flushedMisses: true,
  exactCount: true,
};

/** One open store in its environment; `store` is another one after reopen(). */
export interface StoreFixture {
  readonly store: S.Store;
  /** Absent: the store offers everything. */
  readonly offers?: Partial<Offers>;
  /** Awaits the promise; a simulated environment makes its time pass meanwhile. */
  wait<T>(promise: S.Maybe<T>): Promise<T>;
  /** Lets `delayMs` pass on the store's clock. */
  advance(delayMs: number): Promise<void>;
  /** Ends the store, orderly or by a kill, and opens it again. Absent: the environment keeps nothing. */
  reopen?(how: 'close' | 'kill'): Promise<void>;
  close(): Promise<void>;
}

export type OpenFixture = () => Promise<StoreFixture>;

/** A hit as plain data. */
interface Read {
  readonly value: string;
  readonly flags: number;
  readonly cas: bigint;
  readonly expiresAt: number;
  readonly stale: boolean;
  readonly won: boolean;
  readonly wins: boolean;
  readonly fetched: boolean;
  readonly after: number;
}

export class Subject {
  readonly fixture: StoreFixture;

  constructor(fixture: StoreFixture) {
    this.fixture = fixture;
  }

  get store(): S.Store {
    return this.fixture.store;
  }

  get offers(): Offers {
    return { ...ALL, ...this.fixture.offers };
  }

  wait<T>(promise: S.Maybe<T>): Promise<T> {
    return this.fixture.wait(promise);
  }

  put(
    mode: S.PutMode,
    key: string,
    value: string,
    more: Partial<S.Put> = {},
  ): Promise<S.PutOutcome> {
    return this.wait(
      keptOutcome(
        this.store.put({
          mode,
          key: Buffer.from(key),
          value: Buffer.from(value, 'latin1'),
          flags: 0,
          expiresAt: 0,
          ...more,
        }),
      ),
    );
  }

  set(key: string, value: string, more: Partial<S.Put> = {}): Promise<S.PutOutcome> {
    return this.put('set', key, value, more);
  }

  lookup(key: string, options: S.ReadOptions = {}): Promise<S.Lookup> {
    return this.wait(this.store.get(Buffer.from(key), options));
  }

  /** Returns the item, or undefined for a miss. */
  async get(key: string, options: S.ReadOptions = {}): Promise<Read | undefined> {
    const lookup = this.store.get(Buffer.from(key), options);
    // The bytes are taken where the promise settles: they may be a view that is valid for one turn.
    const read = (found: S.Lookup): S.Maybe<Read | undefined> => this.#readOf(found);
    return this.wait(lookup instanceof Promise ? lookup.then(read) : read(lookup));
  }

  async value(key: string): Promise<string | undefined> {
    return (await this.get(key))?.value;
  }

  change(
    direction: 'incr' | 'decr',
    key: string,
    delta: bigint,
    more: Partial<S.Arithmetic> = {},
  ): Promise<S.ArithmeticOutcome> {
    return this.wait(this.store.arithmetic({ key: Buffer.from(key), delta, direction, ...more }));
  }

  delete(key: string, more: Partial<S.Delete> = {}): Promise<S.Outcome> {
    return this.wait(keptOutcome(this.store.delete({ key: Buffer.from(key), ...more })));
  }

  touch(key: string, expiresAt: number): Promise<S.Outcome> {
    return this.wait(keptOutcome(this.store.touch(Buffer.from(key), expiresAt)));
  }

  flush(atMs: number): Promise<S.Outcome> {
    return this.wait(keptOutcome(this.store.flush(atMs)));
  }

  deletePrefix(prefix: string): Promise<S.Outcome> {
    return this.wait(keptOutcome(this.store.deletePrefix(Buffer.from(prefix))));
  }

  list(cursor: number, limit: number): Promise<S.ListPage> {
    return this.wait(this.store.list(cursor, limit));
  }

  /** Waits until `seq` is on disk. */
  async durable(seq = this.store.durability.lastSeq): Promise<void> {
    const { store } = this;
    if (store.durability.watermark >= seq) return;
    await this.wait(
      new Promise<void>((resolve) => {
        store.durability.onDurable(() => {
          if (store.durability.watermark >= seq) resolve();
        });
      }),
    );
  }

  /** Returns all keys, read page by page. */
  async listAll(limit: number): Promise<S.Listed[]> {
    const entries: S.Listed[] = [];
    let cursor = 0;
    do {
      const page = await this.list(cursor, limit);
      expect(page.entries.length).to.be.at.most(limit);
      entries.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== 0);
    return entries;
  }

  async putLarge(
    key: string,
    pieces: readonly Buffer[],
    more: Partial<S.Put> = {},
  ): Promise<S.PutOutcome> {
    const writer = await this.wait(this.store.openLargeValue());
    for (const piece of pieces) await this.wait(writer.write(piece));
    const value = await this.wait(writer.finish());
    return this.set(key, '', { value, ...more });
  }

  #readOf(found: S.Lookup): S.Maybe<Read | undefined> {
    expect(found.kind).not.to.equal('damaged');
    if (found.kind !== 'hit') return undefined;
    const { value, flags, cas, expiresAt, stale, won, wins, fetched } = found.item;
    const rest = { flags, cas, expiresAt, stale, won, wins, fetched, after: found.after };
    if (Buffer.isBuffer(value)) return { ...rest, value: value.toString('latin1') };
    return readAll(value).then((bytes) => ({ ...rest, value: bytes.toString('latin1') }));
  }
}

/** Reads a large value in pieces of odd sizes and releases it. */
async function readAll(value: S.LargeValue): Promise<Buffer> {
  const bytes = Buffer.alloc(value.bytes);
  for (let at = 0; at < bytes.length;) {
    const target = bytes.subarray(at, Math.min(bytes.length, at + 300_007));
    const count = await value.read(target, at);
    expect(count).to.equal(target.length);
    at += count;
  }
  value.release();
  return bytes;
}
