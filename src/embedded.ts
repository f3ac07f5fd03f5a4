// The library's face of a Store: promises instead of seqs, Buffers or strings instead of views. A promise
// of a change resolves when the change is on disk; a promise of a read when what it tells cannot be taken
// back any more.
//
// Invariant: outcomes are values; what is thrown is a KvError (docs/errors.md) or a TypeError for a wrong
// argument.

import { nodeEnv } from './env/node-env.js';
import type { Logger } from './env/env.js';
import { KvError } from './errors.js';
import { KEY_BYTES_LIMIT } from './limits.js';
import { Gate } from './server/gate.js';
import { storeExpiryOf, wallExpiryOf } from './store/expiry.js';
import { ownLookup } from './store/own-lookup.js';
import { openStore } from './store/open-store.js';
import type { StoreOptions } from './store/options.js';
import type * as S from './store/store.js';

const LIST_KEYS = 1_000;
const PIECE_BYTES = 256 * 1024;

export type CairnOptions = Partial<Omit<StoreOptions, 'useHints' | 'ownsThread'>> & {
  /** Where the engine's messages go; default: nowhere. */
  readonly logger?: Logger;
};

/** Bytes, or text that is stored as UTF-8. */
type Bytes = Buffer | Uint8Array | string;

export interface CairnEntry {
  readonly value: Buffer;
  /** The 32 bits that came with the value. */
  readonly flags: number;
  /** For `cas`. */
  readonly cas: bigint;
  /** Unix ms; 0: never. */
  readonly expiresAt: number;
}

export interface PutOptions {
  /** 32 bits, returned with the value. */
  readonly flags?: number;
  /** Lives this long from now, in ms. */
  readonly ttlMs?: number;
  /** Or until this time, Unix ms. */
  readonly expiresAt?: number;
}

/** `exists`: the item has another CAS token. */
export type PutResult = 'stored' | 'not-stored' | 'exists' | 'not-found' | 'too-large';

export interface KeyListing {
  readonly key: Buffer;
  readonly cas: bigint;
  readonly expiresAt: number;
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens a data directory, creating it when missing. Throws KvError: KV_LOCKED, KV_CORRUPTION, KV_IO… */
export async function open(dir: string, options: CairnOptions = {}): Promise<Cairn> {
  const { logger = SILENT, ...rest } = options;
  return new Cairn(await openStore(nodeEnv(logger), dir, rest));
}

export class Cairn {
  readonly #store: S.Store;
  readonly #gate: Gate;

  /** Made by `open`. */
  constructor(store: S.Store) {
    this.#store = store;
    this.#gate = new Gate(store.durability);
  }

  /** The entry, or undefined when there is none. Throws KV_CORRUPTION when its record is damaged. */
  async get(key: Bytes): Promise<CairnEntry | undefined> {
    return this.#read(keyOf(key), {});
  }

  /** As get, and gives the entry a new lifetime. */
  async getAndTouch(key: Bytes, ttlMs: number): Promise<CairnEntry | undefined> {
    return this.#read(keyOf(key), { expiresAt: this.#store.nowMs() + ttlMs });
  }

  async set(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    return this.#put('set', key, value, options);
  }

  /** Stores when there is none. */
  async add(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    return this.#put('add', key, value, options);
  }

  /** Stores when there is one. */
  async replace(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    return this.#put('replace', key, value, options);
  }

  /** Adds behind the value; its flags and lifetime stay. */
  async append(key: Bytes, value: Bytes): Promise<PutResult> {
    return this.#put('append', key, value, {});
  }

  /** Adds before the value; its flags and lifetime stay. */
  async prepend(key: Bytes, value: Bytes): Promise<PutResult> {
    return this.#put('prepend', key, value, {});
  }

  /** Stores when the entry still has that CAS token. */
  async cas(key: Bytes, value: Bytes, cas: bigint, options: PutOptions = {}): Promise<PutResult> {
    return this.#put('set', key, value, options, cas);
  }

  /** The new number (unsigned, 64 bits, wraps), undefined when there is none or it is not a number. */
  async incr(key: Bytes, delta: bigint | number = 1n): Promise<bigint | undefined> {
    return this.#add(key, delta, 'incr');
  }

  /** The new number, at least 0; undefined when there is none or it is not a number. */
  async decr(key: Bytes, delta: bigint | number = 1n): Promise<bigint | undefined> {
    return this.#add(key, delta, 'decr');
  }

  /** True when there was one. */
  async touch(key: Bytes, ttlMs: number): Promise<boolean> {
    const expiresAt = ttlMs === 0 ? 0 : this.#store.nowMs() + ttlMs;
    const outcome = await this.#settled(this.#store.touch(keyOf(key), expiresAt));
    return outcome.status === 'touched';
  }

  /** True when there was one. */
  async delete(key: Bytes): Promise<boolean> {
    const outcome = await this.#settled(this.#store.delete({ key: keyOf(key) }));
    return outcome.status === 'deleted';
  }

  /** Deletes everything. */
  async clear(): Promise<void> {
    await this.#settled(this.#store.flush(0));
  }

  /** All keys, in no order; what is changed meanwhile may or may not be among them. */
  async *scan(prefix: Bytes = ''): AsyncGenerator<KeyListing> {
    const start = bytesOf(prefix);
    let cursor = 0;
    do {
      const page = this.#store.list(cursor, LIST_KEYS);
      await this.#durable(this.#store.durability.lastSeq);
      for (const { key, cas, expiresAt } of page.entries) {
        if (key.subarray(0, start.length).equals(start)) {
          yield { key, cas, expiresAt: wallExpiryOf(expiresAt, this.#store) };
        }
      }
      cursor = page.cursor;
    } while (cursor !== 0);
  }

  /** Frees the space of dead records now instead of when it is worth it. */
  async compact(): Promise<S.CompactionReport> {
    return this.#store.compact({ everything: true });
  }

  /** Writes the JSON snapshot; default: snapshot.json in the data directory. */
  async snapshot(path?: string): Promise<S.SnapshotReport> {
    return this.#store.snapshot(path);
  }

  stats(): ReadonlyMap<string, number | string> {
    return this.#store.stats();
  }

  /** Makes everything durable, seals the log, frees the directory. */
  async close(): Promise<void> {
    await this.#store.close();
  }

  async #read(key: Buffer, options: S.ReadOptions): Promise<CairnEntry | undefined> {
    const waiting = this.#store.get(key, options);
    // What comes at once may be a view into memory that is valid for this turn only.
    const found = ownLookup(waiting instanceof Promise ? await waiting : waiting);
    if (found.kind === 'refused') throw refusal(found.status);
    await this.#durable(found.after);
    if (found.kind === 'damaged') {
      throw new KvError('KV_CORRUPTION', 'The record of this key is damaged');
    }
    if (found.kind === 'miss') return undefined;
    const { flags, cas, value } = found.item;
    const expiresAt = wallExpiryOf(found.item.expiresAt, this.#store);
    return { value: Buffer.isBuffer(value) ? value : await readAll(value), flags, cas, expiresAt };
  }

  async #put(
    mode: S.PutMode,
    key: Bytes,
    value: Bytes,
    options: PutOptions,
    compareCas?: bigint,
  ): Promise<PutResult> {
    const { flags = 0, ttlMs } = options;
    const expiresAt =
      options.expiresAt === undefined
        ? ttlMs === undefined
          ? 0
          : this.#store.nowMs() + ttlMs
        : storeExpiryOf(options.expiresAt, this.#store);
    const put = { mode, key: keyOf(key), value: bytesOf(value), flags, expiresAt, compareCas };
    const { status } = await this.#settled(this.#store.put(put));
    if (status === 'damaged') {
      throw new KvError('KV_CORRUPTION', 'The record of this key is damaged');
    }
    return status as PutResult;
  }

  async #add(
    key: Bytes,
    delta: bigint | number,
    direction: 'incr' | 'decr',
  ): Promise<bigint | undefined> {
    const change = { key: keyOf(key), delta: BigInt(delta), direction };
    const outcome = await this.#settled(this.#store.arithmetic(change));
    return outcome.status === 'stored' ? outcome.number : undefined;
  }

  /** The outcome, once nothing can take it back. */
  async #settled<T extends S.Outcome>(pending: S.Maybe<T>): Promise<T> {
    const outcome = pending instanceof Promise ? await pending : pending;
    // Read before the first wait: the store fills the object of an outcome again.
    const { status, after } = outcome;
    if (isRefusal(status)) throw refusal(status);
    await this.#durable(after);
    return outcome;
  }

  async #durable(after: number): Promise<void> {
    if (await this.#gate.durable(after)) return;
    throw new KvError('KV_NO_SPACE', 'The change was taken back: the log could not be written');
  }
}

function isRefusal(status: S.Status): status is S.RefusedStatus {
  return ['no-space', 'no-descriptors', 'no-memory', 'closed'].includes(status);
}

function refusal(status: S.RefusedStatus): KvError {
  if (status === 'no-space') return new KvError('KV_NO_SPACE', 'The disk is full');
  if (status === 'no-descriptors') {
    return new KvError('KV_IO', 'The process is out of descriptors; nothing was changed');
  }
  if (status === 'closed') return new KvError('KV_CLOSED', 'The store is closed');
  return new KvError(
    'KV_NO_SPACE',
    'The bounds of the store are reached and nothing may be evicted',
  );
}

function keyOf(key: Bytes): Buffer {
  const bytes = bytesOf(key);
  if (bytes.length === 0 || bytes.length > KEY_BYTES_LIMIT) {
    throw new TypeError(`A key has 1 to ${KEY_BYTES_LIMIT} bytes`);
  }
  return bytes;
}

function bytesOf(bytes: Bytes): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function readAll(value: S.LargeValue): Promise<Buffer> {
  try {
    const whole = Buffer.allocUnsafe(value.bytes);
    for (let at = 0; at < whole.length;) {
      at += await value.read(whole.subarray(at, at + PIECE_BYTES), at);
    }
    return whole;
  } finally {
    value.release();
  }
}
