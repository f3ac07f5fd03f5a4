// The library's interface to a Store: promises instead of seqs, Buffers or strings instead of views. The promise
// of a change resolves when the change is on disk. The promise of a read resolves when no crash can take back
// what the read found.
//
// Invariant: outcomes are values. Only a KvError (docs/errors.md) is thrown, or a TypeError for a wrong argument.

import { assert } from './assert.js';
import {
  bytesOf,
  changesOptionsOf,
  deltaOf,
  dirOf,
  keyOf,
  lifetimeEnd,
  optionsOf,
  putOptionsOf,
  requireAtMost,
  snapshotPathOf,
  tokenOf,
  type Bytes,
  type CairnOptions,
  type ChangesOptions,
  type PutOptions,
} from './embedded-arguments.js';
import { changesOf, endedByReturn, readAll, type CairnChange } from './embedded-changes.js';
import { fileFailure } from './env/file-failure.js';
import { nodeEnv } from './env/node-env.js';
import { KvError, isKvError } from './errors.js';
import { Gate } from './server/gate.js';
import { wallExpiryOf } from './store/expiry.js';
import { ownLookup } from './store/own-lookup.js';
import { openStore } from './store/open-store.js';
import type * as S from './store/store.js';

const LIST_KEYS = 1_000;

export interface CairnEntry {
  readonly value: Buffer;
  /** The 32 bits that came with the value. */
  readonly flags: number;
  /** The CAS token, to be passed to `cas`. */
  readonly cas: bigint;
  /** Unix ms; 0: never. */
  readonly expiresAt: number;
}

/** `exists`: the item has another CAS token. */
export type PutResult = 'stored' | 'not-stored' | 'exists' | 'not-found' | 'too-large';

export interface KeyListing {
  readonly key: Buffer;
  readonly cas: bigint;
  readonly expiresAt: number;
}

/**
 * Opens a data directory and creates it when it is missing. Throws KvError: KV_BAD_OPTION, KV_LOCKED, KV_CORRUPTION,
 * KV_IO… A relative path starts at the working directory as it is now.
 */
export async function open(dir: string, options: CairnOptions = {}): Promise<Cairn> {
  requireAtMost('open', 2, arguments);
  const { logger, rest } = optionsOf(options);
  const path = dirOf(dir);
  try {
    return new Cairn(await openStore(nodeEnv(logger), path, rest));
  } catch (error) {
    throw fileFailure('The store cannot be opened', path, error);
  }
}

/**
 * An open store. A method with a wrong argument throws a TypeError and does nothing. undefined and null stand for an
 * argument that is left out; 0 as a lifetime means for ever. After `close`, every method but close throws KV_CLOSED.
 * Once the log has failed, every method that would change or copy the store throws KV_POISONED, while get, scan and
 * stats still return what is on the disk.
 */
export class Cairn {
  readonly #store: S.LocalStore;
  readonly #gate: Gate;
  #closed: Promise<void> | undefined;
  /** The failure since which nothing is written any more. */
  #failure: { readonly cause: unknown } | undefined;

  /** Programs call `open` instead. */
  constructor(store: S.LocalStore) {
    if (typeof (store as Partial<S.LocalStore> | undefined)?.durability?.onFailed !== 'function')
      throw new TypeError('A store is opened by await open(dir, options), not by new Cairn()');
    this.#store = store;
    this.#gate = new Gate(store.durability);
    store.durability.onFailed((cause, error) => {
      if (cause === 'poisoned') this.#failure = { cause: error };
    });
  }

  /** Returns the entry, or undefined when there is none. Throws KV_CORRUPTION when its record is damaged. */
  async get(key: Bytes): Promise<CairnEntry | undefined> {
    requireAtMost('get', 1, arguments);
    return this.#read(key);
  }

  /** Returns the entry as get does, and gives it a new lifetime. */
  async getAndTouch(key: Bytes, ttlMs: number): Promise<CairnEntry | undefined> {
    requireAtMost('getAndTouch', 2, arguments);
    this.#requireWritable();
    return this.#read(key, { expiresAt: lifetimeEnd(ttlMs, this.#store.nowMs()) });
  }

  async set(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    requireAtMost('set', 3, arguments);
    return this.#put('set', key, value, options);
  }

  /** Stores the entry if the key has none. */
  async add(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    requireAtMost('add', 3, arguments);
    return this.#put('add', key, value, options);
  }

  /** Stores the entry if the key has one. */
  async replace(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutResult> {
    requireAtMost('replace', 3, arguments);
    return this.#put('replace', key, value, options);
  }

  /** Adds bytes behind the value; its flags and lifetime stay. */
  async append(key: Bytes, value: Bytes): Promise<PutResult> {
    requireAtMost('append', 2, arguments);
    return this.#put('append', key, value);
  }

  /** Adds bytes before the value; its flags and lifetime stay. */
  async prepend(key: Bytes, value: Bytes): Promise<PutResult> {
    requireAtMost('prepend', 2, arguments);
    return this.#put('prepend', key, value);
  }

  /** Stores the entry if it still has that CAS token. */
  async cas(key: Bytes, value: Bytes, cas: bigint, options: PutOptions = {}): Promise<PutResult> {
    requireAtMost('cas', 4, arguments);
    this.#requireWritable();
    return this.#put('set', key, value, options, tokenOf(cas));
  }

  /** Returns the new number (unsigned, 64 bits, wraps), or undefined when there is no entry or its value is no number. */
  async incr(key: Bytes, delta: bigint | number = 1n): Promise<bigint | undefined> {
    requireAtMost('incr', 2, arguments);
    return this.#add(key, delta, 'incr');
  }

  /** Returns the new number, at least 0, or undefined when there is no entry or its value is no number. */
  async decr(key: Bytes, delta: bigint | number = 1n): Promise<bigint | undefined> {
    requireAtMost('decr', 2, arguments);
    return this.#add(key, delta, 'decr');
  }

  /** Gives the entry a new lifetime. Returns true when there was an entry. */
  async touch(key: Bytes, ttlMs: number): Promise<boolean> {
    requireAtMost('touch', 2, arguments);
    this.#requireWritable();
    const expiresAt = lifetimeEnd(ttlMs, this.#store.nowMs());
    const outcome = await this.#settled(this.#store.touch(keyOf(key), expiresAt));
    return outcome.status === 'touched';
  }

  /** Returns true when there was an entry. */
  async delete(key: Bytes): Promise<boolean> {
    requireAtMost('delete', 1, arguments);
    this.#requireWritable();
    const outcome = await this.#settled(this.#store.delete({ key: keyOf(key) }));
    return outcome.status === 'deleted';
  }

  /** Deletes everything. */
  async clear(): Promise<void> {
    requireAtMost('clear', 0, arguments);
    this.#requireWritable();
    await this.#settled(this.#store.flush(0));
  }

  /** Yields all keys, in no order. A key that changes meanwhile may or may not be among them. */
  async *scan(prefix: Bytes = ''): AsyncGenerator<KeyListing> {
    requireAtMost('scan', 1, arguments);
    const start = Buffer.from(bytesOf('prefix', prefix));
    let cursor = 0;
    do {
      this.#requireOpen();
      const page = this.#store.list(cursor, LIST_KEYS);
      // After a failure the list holds only what was durable before it.
      if (this.#failure === undefined) await this.#durable(this.#store.durability.lastSeq);
      for (const { key, cas, expiresAt } of page.entries) {
        if (key.subarray(0, start.length).equals(start)) {
          yield { key, cas, expiresAt: wallExpiryOf(expiresAt, this.#store) };
        }
      }
      cursor = page.cursor;
    } while (cursor !== 0);
  }

  /**
   * Yields each change once it is durable, in the order of the log, and waits for the next. Ends when `signal` is
   * aborted, at `return()` of the iterator and at `close`. Throws KV_TOO_OLD when compaction has removed changes after `after`.
   */
  changes(options: ChangesOptions = {}): AsyncGenerator<CairnChange> {
    return endedByReturn((returned) => this.#changes(arguments, options, returned));
  }

  async *#changes(
    given: IArguments,
    options: ChangesOptions,
    returned: AbortSignal,
  ): AsyncGenerator<CairnChange> {
    requireAtMost('changes', 1, given);
    this.#requireOpen();
    const { signal, ...wanted } = changesOptionsOf(options);
    const log = this.#store.changeLog;
    assert(log !== undefined, 'A store that the library opened keeps a log');
    const over = signal === undefined ? returned : AbortSignal.any([signal, returned]);
    yield* changesOf(await log.follow(wanted), over);
  }

  /** Frees the space of dead records now, even if there are few. */
  async compact(): Promise<S.CompactionReport> {
    requireAtMost('compact', 0, arguments);
    this.#requireWritable();
    return this.#explained(
      this.#store.compact({ everything: true }),
      'The store cannot be compacted',
    );
  }

  /** Writes the JSON snapshot to `path`; default: snapshot.json in the data directory. */
  async snapshot(path?: string | null): Promise<S.SnapshotReport> {
    requireAtMost('snapshot', 1, arguments);
    this.#requireWritable();
    const given = snapshotPathOf(path);
    return this.#explained(this.#store.snapshot(given), 'The snapshot cannot be written', given);
  }

  stats(): ReadonlyMap<string, number | string> {
    requireAtMost('stats', 0, arguments);
    this.#requireOpen();
    return this.#store.stats();
  }

  /** Makes everything durable, seals the log and frees the directory. A second call returns the same promise. */
  close(): Promise<void> {
    requireAtMost('close', 0, arguments);
    this.#closed ??= this.#store.close();
    return this.#closed;
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw refusal('closed');
  }

  #requireWritable(): void {
    this.#requireOpen();
    if (this.#failure !== undefined) throw poisoned(this.#failure.cause);
  }

  /** Awaits the work. Its failure is KV_POISONED or KV_CLOSED when the log failed or the store was closed meanwhile. */
  async #explained<T>(work: Promise<T>, message: string, path?: string): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.#failure !== undefined) throw poisoned(this.#failure.cause);
      if (this.#closed === undefined) throw fileFailure(message, path, error);
      if (isKvError(error, 'KV_CLOSED')) throw error;
      throw new KvError('KV_CLOSED', CLOSED, { cause: error });
    }
  }

  /** Without options this is a plain read, which changes nothing. */
  async #read(key: Bytes, options?: S.ReadOptions): Promise<CairnEntry | undefined> {
    this.#requireOpen();
    const waiting = this.#store.get(keyOf(key), options);
    // A lookup that is no promise may hold a view into memory that is valid for this turn only.
    const found = ownLookup(waiting instanceof Promise ? await waiting : waiting);
    if (found.kind === 'refused') throw this.#refusal(found.status);
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
    options?: PutOptions,
    compareCas?: bigint,
  ): Promise<PutResult> {
    this.#requireWritable();
    const { flags, expiresAt } = putOptionsOf(options, this.#store.nowMs(), this.#store);
    const bytes = bytesOf('value', value);
    const put = { mode, key: keyOf(key), value: bytes, flags, expiresAt, compareCas };
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
    this.#requireWritable();
    const change = { key: keyOf(key), delta: deltaOf(delta), direction };
    const outcome = await this.#settled(this.#store.arithmetic(change));
    return outcome.status === 'stored' ? outcome.number : undefined;
  }

  /** Returns the outcome once no crash can take it back. */
  async #settled<T extends S.Outcome>(pending: S.Maybe<T>): Promise<T> {
    const outcome = pending instanceof Promise ? await pending : pending;
    // Read before the first wait: the store reuses the object of an outcome.
    const { status, after } = outcome;
    if (isRefusal(status)) throw this.#refusal(status);
    await this.#durable(after);
    return outcome;
  }

  async #durable(after: number): Promise<void> {
    if (await this.#gate.durable(after)) return;
    if (this.#failure !== undefined) throw poisoned(this.#failure.cause);
    throw new KvError('KV_NO_SPACE', 'The change was taken back: the log could not be written');
  }

  /** A store whose log has failed answers `closed` too. */
  #refusal(status: S.RefusedStatus): KvError {
    if (status === 'closed' && this.#failure !== undefined) return poisoned(this.#failure.cause);
    return refusal(status);
  }
}

function isRefusal(status: S.Status): status is S.RefusedStatus {
  return ['no-space', 'no-descriptors', 'no-memory', 'closed', 'unknown', 'not-offered'].includes(
    status,
  );
}

function refusal(status: S.RefusedStatus): KvError {
  if (status === 'no-space') return new KvError('KV_NO_SPACE', 'The disk is full');
  if (status === 'no-descriptors') {
    return new KvError('KV_IO', 'The process is out of descriptors; nothing was changed');
  }
  if (status === 'closed') return new KvError('KV_CLOSED', CLOSED);
  return new KvError(
    'KV_NO_SPACE',
    'The bounds of the store are reached and nothing may be evicted',
  );
}

const CLOSED = 'The store is closed';

function poisoned(cause: unknown): KvError {
  const message = 'A write or sync failed before, so nothing is written any more';
  return new KvError('KV_POISONED', `${message}: look at the disk, close the store and open it`, {
    cause,
  });
}
