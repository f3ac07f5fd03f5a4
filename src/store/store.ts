// The one interface between the engine and everything above it (server, protocol handlers, library,
// tools): memcached's semantics with durability. Another engine can implement it without a change to
// those layers; test/conformance tests what each engine must do.
//
// Invariants:
// - A method that changes the store applies the change before it returns (or before its promise
//   settles), so the next call sees it. The change is NOT yet durable: `after` says which seq must be.
// - No answer may leave before `durability.watermark >= answer.after` (promises 1 and 2 of
//   ARCHITECTURE.md). `after` 0 means that it may leave at once.
// - When a commit fails, the changes with seq in the failed range never happened. The store has taken
//   them back before `onFailed` listeners run, and every answer that depends on them must become an
//   error.
// - A method returns its answer at once when memory has it, and a promise when the disk or another machine has it:
//   `Maybe` keeps the fast path free of promises.
// - An engine on other machines (`appliesInCallOrder`) answers with promises that do not reject. It reports as a status
//   what it cannot do. Its `after` is 0, because a change is durable when its promise settles.

import type { Durability } from '../log/durability.js';
import type { ChangeLog } from './change-log.js';
import type { Maybe, Value } from './value.js';

export type { LargeValue, Maybe, Value } from './value.js';

/** Raw key bytes, 1..65,535. The protocol checks its own limits before. */
export type Key = Buffer;

/**
 * A key: the bytes key[keyStart..keyEnd), by default all of `key`. A store copies the bytes that it keeps. The caller may
 * fill the same object again for its next call, also before the answer of this call has come.
 */
export interface KeyPlace {
  readonly key: Key;
  readonly keyStart?: number;
  readonly keyEnd?: number;
}

/** The item that a read found, valid until the next call of the store, which may reuse the object. */
export interface Item {
  /** Made on demand, which costs as much as copying 100 bytes: callers that only need the bytes use `source`. */
  readonly value: Value;
  /** The bytes of the value are source[start .. start + valueBytes); undefined when `value` is a LargeValue. */
  readonly source: Buffer | undefined;
  /** The memory of `source` as words, which are cheaper to copy; only when `start` is a multiple of 4. */
  readonly words: Uint32Array | undefined;
  readonly start: number;
  /** The length of the value, also of a LargeValue. */
  readonly valueBytes: number;
  /** True: the value is a Buffer that does not change while it is referenced. False: it is valid for this turn only. */
  readonly isLasting: boolean;
  /** The client's 32 bits. */
  readonly flags: number;
  /** CAS token: the record's seq, or the one a client chose. */
  readonly cas: bigint;
  /** The expiry before this read: Unix time in ms on the store's clock; 0: never. */
  readonly expiresAt: number;
  /** The item had been read before this read (meta flag h). */
  readonly fetched: boolean;
  /** Seconds between the access before this read and this read (meta flag l). */
  readonly idleSeconds: number;
  /** The item is invalidated but still served. */
  readonly stale: boolean;
  /** An earlier read won: its client has the task to refill the item. */
  readonly won: boolean;
  /** This read won: its client has to refill the item (only with ReadOptions.win). */
  readonly wins: boolean;
  /** This read created the item (ReadOptions.vivifyExpiresAt). */
  readonly created: boolean;
}

/** The reason of a miss; stats count each apart. */
export type MissReason = 'absent' | 'expired' | 'flushed';

/**
 * The answer of a read, valid until the next call of the store, as its item is (own-lookup.ts makes one to keep).
 * `damaged`: there is a record, but it failed its CRC and is not served. `refused`: the read had to
 * change the item (gat, vivify) and the log took no record; nothing changed.
 */
export type Lookup =
  | { readonly kind: 'hit'; readonly item: Item; readonly after: number }
  | { readonly kind: 'miss'; readonly reason: MissReason; readonly after: number }
  | { readonly kind: 'damaged'; readonly after: number }
  | { readonly kind: 'refused'; readonly status: RefusedStatus; readonly after: number };

export type PutMode = 'set' | 'add' | 'replace' | 'append' | 'prepend';

export interface Put extends KeyPlace {
  readonly mode: PutMode;
  /** The caller's bytes, which are copied before the call returns, or the handle of openLargeValue().finish(). */
  readonly value: Buffer | LargeValueHandle;
  /** The value is value[valueStart..valueEnd) of a Buffer, by default all of it. */
  readonly valueStart?: number;
  readonly valueEnd?: number;
  readonly flags: number;
  /** Unix ms on the store's clock (store/expiry.ts computes it from an exptime); 0: never. */
  readonly expiresAt: number;
  /**
   * Store only when the item's CAS token is this one (`exists` otherwise). With it, a set or replace of a missing key is
   * `not-found`; an add, append or prepend of a missing key ignores it.
   */
  readonly compareCas?: bigint | undefined;
  /** The new CAS token, instead of the record's seq (meta flag E). */
  readonly chosenCas?: bigint | undefined;
  /**
   * With this, a set or replace with an older token (but not 0) is stored too (meta flag I). The item is then marked
   * stale, stays `won` if it was, and keeps its expiry.
   */
  readonly invalidate?: boolean | undefined;
  /** An append or prepend of a missing key creates it with this expiry (meta flag N). */
  readonly vivifyExpiresAt?: number | undefined;
  /** The replace keeps the expiry that the item has then; `expiresAt` is not used. */
  readonly keepsExpiry?: boolean | undefined;
}

/**
 * The status of a change. The item is unchanged with:
 * - `no-memory`: the bounds of the store are reached and `-M` forbids eviction. `no-space`: the disk is full.
 *   `no-descriptors`: the process has none left for a file that the change needs. `closed`: the store is poisoned,
 *   closing or out of reach. `damaged`: the old value could not be read. `not-offered`: the engine cannot do it.
 * With `unknown`, an engine on other machines did not answer in time: the change may have happened, or may still happen.
 */
export type Status =
  | 'stored'
  | 'not-stored'
  | 'exists'
  | 'not-found'
  | 'deleted'
  | 'touched'
  | 'ok'
  | 'not-a-number'
  | 'too-large'
  | 'no-memory'
  | 'no-space'
  | 'no-descriptors'
  | 'damaged'
  | 'closed'
  | 'unknown'
  | 'not-offered';

export type RefusedStatus = Extract<
  Status,
  'no-memory' | 'no-space' | 'no-descriptors' | 'closed' | 'unknown' | 'not-offered'
>;

/** The answer of a change, valid until the next call of the store, which may reuse the object: copy it to keep it. */
export interface Outcome {
  readonly status: Status;
  readonly after: number;
  /** The CAS token of the stored item, or with `exists` of the item that was there; 0n when there is none. */
  readonly cas: bigint;
}

export interface PutOutcome extends Outcome {
  /** Bytes of the value as it is stored now (after an append), or of the value that was refused. */
  readonly valueBytes: number;
}

export interface Arithmetic extends KeyPlace {
  /** Unsigned 64 bits. */
  readonly delta: bigint;
  readonly direction: 'incr' | 'decr';
  readonly compareCas?: bigint | undefined;
  readonly chosenCas?: bigint | undefined;
  /** Create a missing key with this value and expiry (binary protocol, meta flags N and J). */
  readonly create?: { readonly value: bigint; readonly expiresAt: number } | undefined;
  /** New expiry (meta flag T); undefined keeps the old one. */
  readonly expiresAt?: number | undefined;
}

export interface ArithmeticOutcome extends Outcome {
  /** The new number when status is `stored`. */
  readonly number: bigint;
  readonly expiresAt: number;
  /** The expiry before the change; 0 for a new item. */
  readonly expiresAtBefore: number;
  /** There was no item: `number` is the first value. */
  readonly created?: boolean | undefined;
}

export interface Delete extends KeyPlace {
  readonly compareCas?: bigint | undefined;
  /**
   * Meta flag I: keep the item, mark it stale, give it a new CAS token (and `expiresAt` when given). This does not count
   * as a use, and the item stays `fetched` if it was.
   */
  readonly invalidate?: boolean | undefined;
  readonly expiresAt?: number | undefined;
  readonly chosenCas?: bigint | undefined;
  /** Meta flag x: drop value and flags, keep the item. */
  readonly dropValue?: boolean | undefined;
}

/** Options of a read that changes the item, or does not count as a use (`gat`, meta flags T, R, N, u). */
export interface ReadOptions {
  /** New expiry. */
  readonly expiresAt?: number | undefined;
  /** Do not count this read as a use (no LRU bump, no idle reset): meta flag u. */
  readonly quiet?: boolean | undefined;
  /**
   * Of a meta read. An item can be won when it is stale, or has less than `recacheMs` left in whole seconds (meta flag
   * R). The first read wins it, and the item is marked `won` for later reads.
   */
  readonly win?: boolean | undefined;
  readonly recacheMs?: number | undefined;
  /** Compare `recacheMs` with the expiry that this read gives the item, not with the one that it finds. */
  readonly recachesLast?: boolean | undefined;
  /** With `win`: a miss creates an empty item with this expiry, won by this read (meta flag N). */
  readonly vivifyExpiresAt?: number | undefined;
  /** The CAS token of an item that this read creates (meta flag E). */
  readonly chosenCas?: bigint | undefined;
}

/** Receives, piece by piece, a value that is too large for the log, before it is put. */
export interface LargeValueWriter {
  /** Resolves when the piece is written (not yet synced); callers wait for it, as back pressure. */
  write(piece: Buffer): Promise<void>;
  /** Syncs the file and returns the handle for Put.value. Throws KvError KV_NO_SPACE when the disk is full. */
  finish(): Promise<LargeValueHandle>;
  /** Drops the file. Safe at any time, also after a failure. */
  abort(): Promise<void>;
}

export interface LargeValueHandle {
  readonly largeValueId: number;
  readonly bytes: number;
}

/** One key of a listing, without its value. */
export interface Listed {
  readonly key: Buffer;
  readonly cas: bigint;
  readonly expiresAt: number;
  readonly fetched: boolean;
  readonly lastUsedSeconds: number;
  /** Bytes of the record on disk. */
  readonly bytes: number;
}

/** An evicted item as it was (`watch evictions`). */
export type Evicted = Pick<Listed, 'key' | 'expiresAt' | 'fetched' | 'lastUsedSeconds' | 'bytes'>;

export interface ListPage {
  readonly entries: readonly Listed[];
  /** The cursor of the next call; 0 at the end. Keys that stay in the store are listed exactly once. */
  readonly cursor: number;
}

/** One segment, as a picture of the log shows it. */
export interface SegmentView {
  /** The segment holds the records of the numbers first..last, which are several after a compaction. */
  readonly first: number;
  readonly last: number;
  /** The number of compactions that its oldest records have been through. */
  readonly generation: number;
  /** `compacting`: it is sealed and being rewritten. `active`: it grows. `next`: made ahead, to follow the active one. */
  readonly state: 'sealed' | 'compacting' | 'active' | 'next';
  readonly bytes: number;
  readonly liveBytes: number;
  readonly deadBytes: number;
  /** Of a segment that is being rewritten: the bytes that were read so far. */
  readonly compactedBytes: number;
}

export interface Store {
  /** Unix time in ms on the store's clock: never goes back, also across restarts. */
  nowMs(): number;
  /** The ms, in whole seconds, that the store's clock is ahead of the wall clock. Every expiry is on the store's clock. */
  readonly clockAheadMs: number;
  /**
   * True: calls on one key apply in the order in which they were made, although their answers come later. The caller
   * need not wait for an answer before its next call.
   */
  readonly appliesInCallOrder: boolean;

  /** The key is key[start..end), by default all of `key`, as in touch(). */
  get(key: Key, options?: ReadOptions, start?: number, end?: number): Maybe<Lookup>;
  put(put: Put): Maybe<PutOutcome>;
  arithmetic(change: Arithmetic): Maybe<ArithmeticOutcome>;
  touch(key: Key, expiresAt: number, start?: number, end?: number): Maybe<Outcome>;
  delete(change: Delete): Maybe<Outcome>;
  /** Deletes, at `atMs` (0: now), all items stored until then; durable like any write. */
  flush(atMs: number): Maybe<Outcome>;
  /** Deletes all items whose key begins with `prefix`, by one durable record. */
  deletePrefix(prefix: Buffer): Maybe<Outcome>;
  openLargeValue(): Promise<LargeValueWriter>;

  /** Lists up to `limit` live keys from `cursor` (0: start). */
  list(cursor: number, limit: number): Maybe<ListPage>;

  /** Says what is on the disk, and whether input should wait. */
  readonly durability: Durability;
  /** The changes, to be followed; undefined: the engine keeps no log that could be read again. */
  readonly changeLog: ChangeLog | undefined;
  /** Calls `call` for each item that is evicted because the store is at its bounds. */
  onEvicted(call: (item: Evicted) => void): void;
  /** Changes the bound of the memory for hot values. */
  resizeCache(bytesMax: number): void;
  /** Changes the bound of the store's bytes, above which the least recently used items are evicted. */
  resizeStore(bytesMax: number): void;

  /** Counters and gauges of the engine, name → value, in the order to print. */
  stats(): ReadonlyMap<string, number | string>;
  resetStats(): void;
  /** Every segment, in log order. */
  segments(): readonly SegmentView[];

  compact(options?: { readonly everything?: boolean }): Promise<CompactionReport>;
  /** Writes the JSON snapshot; resolves when it is durable. */
  snapshot(path?: string): Promise<SnapshotReport>;
  close(): Promise<void>;
}

/** An engine in this process. It has its keydir in memory, so a call that needs no value returns no promise. */
export interface LocalStore extends Store {
  touch(key: Key, expiresAt: number, start?: number, end?: number): Outcome;
  flush(atMs: number): Outcome;
  deletePrefix(prefix: Buffer): Outcome;
  list(cursor: number, limit: number): ListPage;
}

export interface CompactionReport {
  readonly segmentsBefore: number;
  readonly segmentsAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly liveBytes: number;
}

export interface SnapshotReport {
  readonly path: string;
  readonly seq: number;
  readonly count: number;
  readonly bytes: number;
}
