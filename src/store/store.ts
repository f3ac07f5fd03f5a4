// The one interface between the engine and everything above it (server, protocol handlers, library,
// tools): memcached's semantics with durability. Another engine can be put behind it without touching
// them; test/conformance holds what each must do.
//
// Invariants:
// - A method that changes the store applies the change before it returns (or before its promise
//   settles): the next call sees it. It is NOT yet durable: `after` says which seq must be.
// - Nobody outside may be told an answer before `durability.watermark >= answer.after` (promises 1 and 2 of
//   ARCHITECTURE.md). `after` 0 means: at once.
// - When a commit fails, the changes with seq in the failed range never happened: the store has taken
//   them back before `onFailed` listeners run, and every answer that depends on them must become an
//   error.
// - Sync when memory has the answer, a promise when the disk or another machine has it: `Maybe` keeps the fast path free
//   of promises.
// - An engine on other machines (`appliesInCallOrder`) answers with promises that do not reject, what it cannot do is
//   a status, and `after` is 0: what has settled is durable.

import type { Durability } from '../log/durability.js';
import type { ChangeLog } from './change-log.js';
import type { Maybe, Value } from './value.js';

export type { LargeValue, Maybe, Value } from './value.js';

/** Raw key bytes, 1..65,535; the protocol's own limits are checked before. */
export type Key = Buffer;

/** A key, or where it lies: key[keyStart..keyEnd), by default all of `key`. Copied by whoever keeps it. */
export interface KeyPlace {
  readonly key: Key;
  readonly keyStart?: number;
  readonly keyEnd?: number;
}

/** What a read found: valid until the next call of the store, which may fill the same object again. */
export interface Item {
  /** Making a view costs as much as copying 100 bytes: who only needs the bytes takes `source`. */
  readonly value: Value;
  /** Its bytes are source[start .. start + valueBytes); undefined when `value` is a LargeValue. */
  readonly source: Buffer | undefined;
  /** The same memory as words, if there are such and `start` is a multiple of 4: copying is cheaper by words. */
  readonly words: Uint32Array | undefined;
  readonly start: number;
  /** Of large values too. */
  readonly valueBytes: number;
  /** A Buffer that stays as it is for as long as somebody refers to it; else it is valid for the turn only. */
  readonly isLasting: boolean;
  /** The client's 32 bits. */
  readonly flags: number;
  /** CAS token: the record's seq, or the one a client chose. */
  readonly cas: bigint;
  /** Unix time in ms on the store's clock, as it was before this read; 0: never. */
  readonly expiresAt: number;
  /** Read before this read (meta flag h) and seconds since the last access (flag l, before this one). */
  readonly fetched: boolean;
  readonly idleSeconds: number;
  /** Meta marks: invalidated but served; a client had been told to refill it before this read. */
  readonly stale: boolean;
  readonly won: boolean;
  /** This read won: its client is the one to refill it (only with ReadOptions.win). */
  readonly wins: boolean;
  /** This read created it (ReadOptions.vivifyExpiresAt). */
  readonly created: boolean;
}

/** Why there is nothing: told apart in stats. */
export type MissReason = 'absent' | 'expired' | 'flushed';

/**
 * Valid until the next call of the store, as its item is (found-item.ts has ownLookup for who keeps it).
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
  /** Bytes of the caller; copied before the call returns. Or what openLargeValue().finish() gave. */
  readonly value: Buffer | LargeValueHandle;
  /** Of a Buffer value[valueStart..valueEnd) is meant, by default all of it. */
  readonly valueStart?: number;
  readonly valueEnd?: number;
  readonly flags: number;
  /** Unix ms on the store's clock (store/expiry.ts makes it of an exptime); 0: never. */
  readonly expiresAt: number;
  /**
   * Only when the item's CAS is this one (`exists` otherwise). A set or replace of what is not there is `not-found`
   * then; an add and a join do as without it.
   */
  readonly compareCas?: bigint | undefined;
  /** Use as the new CAS token instead of the record's seq (meta flag E). */
  readonly chosenCas?: bigint | undefined;
  /**
   * A set or replace with an older token (but 0) is stored all the same, marked stale, and `won` if the item was; its
   * expiry stays the old one (meta flag I).
   */
  readonly invalidate?: boolean | undefined;
  /** append/prepend of a missing key creates it with this expiry (meta flag N). */
  readonly vivifyExpiresAt?: number | undefined;
  /** A replace that leaves the item's expiry as it is then; `expiresAt` is not used. */
  readonly keepsExpiry?: boolean | undefined;
}

/**
 * What a change came to.
 * - `no-memory`: `-M` and the bounds of the store are reached. `no-space`: the disk is full; `no-descriptors`: the
 *   process has none left for a file that the change needs; nothing changed. `closed`: poisoned, closing or out of
 *   reach; nothing changed. `damaged`: the old value could not be read.
 * - `unknown`: an engine on other machines was asked and did not answer in time: the change may have happened, or may
 *   still happen. `not-offered`: the engine cannot do it; nothing changed.
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

/** Valid until the next call of the store, which may fill the same object again: who waits longer copies it. */
export interface Outcome {
  readonly status: Status;
  readonly after: number;
  /** New CAS token of what was stored, or of what was there for `exists`; 0n when there is none. */
  readonly cas: bigint;
}

export interface PutOutcome extends Outcome {
  /** Bytes of the value as it is now stored (after an append); of the one that was refused. */
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
  /** As it was before; 0 of an item that is new. */
  readonly expiresAtBefore: number;
  /** There was no item: this is the first value. */
  readonly created?: boolean | undefined;
}

export interface Delete extends KeyPlace {
  readonly compareCas?: bigint | undefined;
  /**
   * Meta flag I: keep the item, mark it stale, give it a new CAS (and `expiresAt` when given). It is no use of it, and
   * who has read it has read it.
   */
  readonly invalidate?: boolean | undefined;
  readonly expiresAt?: number | undefined;
  readonly chosenCas?: bigint | undefined;
  /** Meta flag x: drop value and flags, keep the item. */
  readonly dropValue?: boolean | undefined;
}

/** How a read touches the item (`gat`, meta flags T, R, N, u). */
export interface ReadOptions {
  /** New expiry. */
  readonly expiresAt?: number | undefined;
  /** Do not count as a use (no LRU bump, no idle reset): meta flag u. */
  readonly quiet?: boolean | undefined;
  /**
   * A meta read: the first one of an item that is stale, or has less than `recacheMs` left in whole seconds (meta
   * flag R), wins, and the item is marked `won` for those that follow.
   */
  readonly win?: boolean | undefined;
  readonly recacheMs?: number | undefined;
  /** `recacheMs` is about the expiry that this read gives the item, not the one that it finds. */
  readonly recachesLast?: boolean | undefined;
  /** With `win`: a miss creates an empty item with this expiry, won by this read (meta flag N). */
  readonly vivifyExpiresAt?: number | undefined;
  /** The CAS token of an item created so (meta flag E). */
  readonly chosenCas?: bigint | undefined;
}

/** Receives a value too large for the log, piece by piece, before it is put. */
export interface LargeValueWriter {
  /** Resolves when the piece is written (not yet synced): the caller's back pressure. */
  write(piece: Buffer): Promise<void>;
  /** Syncs; the handle goes into Put.value. Throws KvError KV_NO_SPACE when the disk is full. */
  finish(): Promise<LargeValueHandle>;
  /** Drops what was written. Safe at any time, also after a failure. */
  abort(): Promise<void>;
}

export interface LargeValueHandle {
  readonly largeValueId: number;
  readonly bytes: number;
}

/** One key of a listing; without its value. */
export interface Listed {
  readonly key: Buffer;
  readonly cas: bigint;
  readonly expiresAt: number;
  readonly fetched: boolean;
  readonly lastUsedSeconds: number;
  /** Bytes of the record on disk. */
  readonly bytes: number;
}

/** An item that had to go (`watch evictions`), as it was. */
export type Evicted = Pick<Listed, 'key' | 'expiresAt' | 'fetched' | 'lastUsedSeconds' | 'bytes'>;

export interface ListPage {
  readonly entries: readonly Listed[];
  /** Pass to the next call; 0 at the end. Keys that stay are listed exactly once. */
  readonly cursor: number;
}

/** One log file, as a picture of the log shows it. */
export interface SegmentView {
  /** The numbers that it has the records of; more than one after a compaction. */
  readonly first: number;
  readonly last: number;
  /** How many compactions its oldest records have been through. */
  readonly generation: number;
  /** Complete; being rewritten at the moment; the one that grows; made ahead for after that. */
  readonly state: 'sealed' | 'compacting' | 'active' | 'next';
  readonly bytes: number;
  readonly liveBytes: number;
  readonly deadBytes: number;
  /** Of one that is being rewritten: so much has been read of it. */
  readonly compactedBytes: number;
}

export interface Store {
  /** Unix time in ms on the store's clock: never goes back, also across restarts. */
  nowMs(): number;
  /** By how much that is ahead of the wall clock now, to the second. Every expiry here is on the store's clock (store/expiry.ts). */
  readonly clockAheadMs: number;
  /**
   * Calls on one key apply in the order in which they were made, although their answers come later: whoever calls need
   * not wait for one answer before the next call.
   */
  readonly appliesInCallOrder: boolean;

  /** Of the key `key[start..end)`, as touch(). */
  get(key: Key, options?: ReadOptions, start?: number, end?: number): Maybe<Lookup>;
  put(put: Put): Maybe<PutOutcome>;
  arithmetic(change: Arithmetic): Maybe<ArithmeticOutcome>;
  touch(key: Key, expiresAt: number, start?: number, end?: number): Maybe<Outcome>;
  delete(change: Delete): Maybe<Outcome>;
  /** All items stored before this call are gone at `atMs` (0: now); durable like any write. */
  flush(atMs: number): Maybe<Outcome>;
  /** All items whose key begins so are gone, by one durable record. */
  deletePrefix(prefix: Buffer): Maybe<Outcome>;
  openLargeValue(): Promise<LargeValueWriter>;

  /** Up to `limit` keys from `cursor` (0: start). Live ones only. */
  list(cursor: number, limit: number): Maybe<ListPage>;

  /** What is on the disk, and whether input should wait. */
  readonly durability: Durability;
  /** Its changes, to be followed; undefined: the engine keeps no log that could be read again. */
  readonly changeLog: ChangeLog | undefined;
  /** Called when an item goes because the store is at its bounds; `fetched`: somebody had read it. */
  onEvicted(call: (item: Evicted) => void): void;
  /** A new bound of the memory for hot values. */
  resizeCache(bytesMax: number): void;
  /** A new bound of the store's bytes, which has one; above it the least recently used items go. */
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

/** An engine in this process, which has a keydir in memory: what needs no value is done at once. */
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
