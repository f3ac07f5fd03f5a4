// The changes of an engine that keeps a log of them, as followers are told of them (docs/feed.md).
//
// Invariant: a feed tells what is durable, in the order of the log, and misses nothing between two seqs that it told.

import type { Maybe, Value } from './value.js';

/**
 * Why an item went. `expired` comes for each only where expiries are logged (StoreOptions.logExpiries); else its put or its
 * touch has said when it goes.
 */
export type DeleteReason = 'deleted' | 'evicted' | 'expired' | 'idle';

export type ChangeType = 'put' | 'delete' | 'touch' | 'flush' | 'delete_prefix';

/** Valid until the next is asked for. */
export interface Change {
  readonly type: ChangeType;
  /** Follow `after` it, and what comes next is what came next. */
  readonly seq: number;
  /** When it was committed: Unix ms on the store's clock. */
  readonly timeMs: number;
  /** Of a delete_prefix the prefix; of a flush nothing. */
  readonly key: Buffer;
  /** Of a put: the client's 32 bits; else 0. */
  readonly flags: number;
  /**
   * Of a put and a touch: Unix ms on the wall clock; 0: never. Of a flush: when it is to take effect, which another flush
   * then tells; 0: at once.
   */
  readonly expiresAt: number;
  /** Of a put: its CAS token; else 0n. */
  readonly cas: bigint;
  /** Of a delete. */
  readonly reason: DeleteReason | undefined;
  /** Of a put: bytes of its value. */
  readonly valueBytes: number;
  /** Of a put, when values are asked for and it is still there: that of a large one may be gone. */
  readonly value: Value | undefined;
}

export interface FollowOptions {
  /**
   * Changes with greater seqs are told; undefined: those to come; `oldest`: all that are kept without a gap.
   */
  readonly after?: number | 'oldest' | undefined;
  /** Of keys that begin so, and what may have changed such keys: every flush, and prefixes of it or behind it. */
  readonly prefix?: Buffer | undefined;
  /** Of this key alone, likewise. */
  readonly key?: Buffer | undefined;
  /** Put records come with their values. */
  readonly values?: boolean | undefined;
}

export interface ChangeFeed {
  /** Everything up to this seq was told, or was not asked for: to go on from here is to miss nothing. */
  readonly position: number;
  /** The store was closed, or the feed was. */
  readonly isEnded: boolean;
  /**
   * The next change; undefined: there is none at the moment. Throws KV_TOO_OLD when compaction has overtaken the
   * feed, KV_CORRUPTION where the log is damaged, KV_IO when the system refuses. Requires: the call before has settled.
   */
  next(): Maybe<Change | undefined>;
  /** Resolves when there may be more, when the feed has ended, or when `signal` is aborted. */
  more(signal?: AbortSignal): Promise<void>;
  /** Gives back what it holds. May be called again. */
  close(): Promise<void>;
}

/** The changes of an engine that keeps a log of them. */
export interface ChangeLog {
  /** Throws KV_TOO_OLD when not every change after that seq is kept, KV_BAD_OPTION for one that is to come, KV_CLOSED. */
  follow(options: FollowOptions): Promise<ChangeFeed>;
}
