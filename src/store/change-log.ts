// The change feed of an engine that keeps a log, as its followers see it (docs/feed.md).
//
// Invariant: a feed gives only durable changes, in the order of the log, and leaves none out between two that it gave.

import type { Maybe, Value } from './value.js';

/**
 * The reason why an item was removed. `expired` comes only with StoreOptions.logExpiries; without it, an item expires with no change
 * of its own, at the time that its put or touch gave.
 */
export type DeleteReason = 'deleted' | 'evicted' | 'expired' | 'idle';

export type ChangeType = 'put' | 'delete' | 'touch' | 'flush' | 'delete_prefix';

/** A change, valid until the next one is asked for. */
export interface Change {
  readonly type: ChangeType;
  /** A feed with `after: seq` continues with the next change. */
  readonly seq: number;
  /** Time of the commit: Unix ms on the store's clock. */
  readonly timeMs: number;
  /** Of a delete_prefix: the prefix. Of a flush: empty. */
  readonly key: Buffer;
  /** Of a put: the client's 32 bits; otherwise 0. */
  readonly flags: number;
  /**
   * Of a put and a touch: Unix ms on the wall clock; 0: never. Of a flush: the time when it takes effect, at which a
   * second flush comes; 0: at once.
   */
  readonly expiresAt: number;
  /** Of a put: its CAS token; otherwise 0n. */
  readonly cas: bigint;
  /** Of a delete: its reason; otherwise undefined. */
  readonly reason: DeleteReason | undefined;
  /** Of a put: the length of its value; otherwise 0. */
  readonly valueBytes: number;
  /** Of a put, when values were asked for. Undefined too when the file of a large value is gone. */
  readonly value: Value | undefined;
}

export interface FollowOptions {
  /**
   * A seq: only changes after it. undefined: only changes to come. `oldest`: all that are kept without a gap.
   */
  readonly after?: number | 'oldest' | undefined;
  /** Only changes of keys with this prefix, and those that may have changed such keys: flushes and deletes of a prefix. */
  readonly prefix?: Buffer | undefined;
  /** Only changes of this key, and flushes and deletes of a prefix that may have changed it. */
  readonly key?: Buffer | undefined;
  /** True: puts come with their values. */
  readonly values?: boolean | undefined;
}

export interface ChangeFeed {
  /** The feed has given all changes up to this seq that were asked for: a feed `after` it misses none. */
  readonly position: number;
  /** The store or the feed was closed. */
  readonly isEnded: boolean;
  /**
   * Returns the next change, or undefined when there is none at the moment. Throws KV_TOO_OLD when compaction has
   * overtaken the feed, KV_CORRUPTION where the log is damaged, and KV_IO when the system fails. Requires: the call
   * before has settled.
   */
  next(): Maybe<Change | undefined>;
  /** Resolves when there may be more changes, when the feed has ended, or when `signal` is aborted. */
  more(signal?: AbortSignal): Promise<void>;
  /** Frees the files that the feed holds. May be called again. */
  close(): Promise<void>;
}

/** An engine's log of changes, which can be followed. */
export interface ChangeLog {
  /** Throws KV_TOO_OLD when not all changes after that seq are kept, KV_BAD_OPTION for a seq above the last, KV_CLOSED. */
  follow(options: FollowOptions): Promise<ChangeFeed>;
}
