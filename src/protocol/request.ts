// The one Request model of the text, meta and binary protocols: what a client wants, without the bytes
// it said it in. Adding a command touches a parser, this file, the command table and docs/protocol.md.
//
// Invariants:
// - Every Buffer in a request (keys, values, meta tokens) is a view that is valid until the parser's
//   next() answers `need-more` or push() is called, whichever is first: the store copies what it keeps.
// - Exptimes are seconds as the client sent them (memcached's rule of relative, absolute and negative is
//   the store's business); numbers are already checked against their ranges.
// - `form` is all that compose() needs to write the reply: it holds no view but the meta tokens.

import type { ReplyForm } from './reply-form.js';
import type { Reply } from './reply.js';

/** get, gets, gat, gats, mg and their binary forms. A long multi-get arrives in several parts. */
export interface GetRequest {
  readonly kind: 'get';
  readonly form: ReplyForm;
  readonly keys: readonly Buffer[];
  /** Nothing follows: answer `end` after the keys. Meta and binary gets are always whole. */
  readonly last: boolean;
  /** New expiry of each item found (gat, meta flag T). */
  readonly touchExptime: number | undefined;
  /** The remaining fields are for meta alone. `value`: return it (flag v); always true elsewhere. */
  readonly wantsValue: boolean;
  /** Not a use of the item: no LRU bump (flag u). */
  readonly unused: boolean;
  /** Create an empty item with this exptime on a miss, and win (flag N). */
  readonly vivifyExptime: number | undefined;
  /** Win the right to refill when less than this many seconds are left (flag R). */
  readonly recacheSeconds: number | undefined;
  /** Leave the value out when the item's CAS is this one (flag C). */
  readonly knownCas: bigint | undefined;
  /** CAS of a vivified item (flag E). */
  readonly chosenCas: bigint | undefined;
}

export type PutRequestMode = 'set' | 'add' | 'replace' | 'append' | 'prepend';

/** set, add, replace, append, prepend, cas, ms and their binary forms. */
export interface PutRequest {
  readonly kind: 'put';
  readonly form: ReplyForm;
  readonly mode: PutRequestMode;
  readonly key: Buffer;
  readonly flags: number;
  readonly exptime: number;
  readonly valueBytes: number;
  /**
   * The value; undefined when it is larger than the parser gathers: then `value-piece`s of together
   * `valueBytes` follow, and a `value-end` (store it, answer) or an `answer` (drop it, send that).
   * The key is then to be copied before the next call of next().
   */
  readonly value: Buffer | undefined;
  readonly compareCas: bigint | undefined;
  /** Meta flags E, I and N (exptime of what append creates). */
  readonly chosenCas: bigint | undefined;
  readonly invalidate: boolean;
  readonly vivifyExptime: number | undefined;
}

/**
 * A value over the limit: answer the error `too-large`, and delete what the key held (memcached does,
 * so that no client reads a value it believes replaced). The parser swallows the block.
 */
export interface OversizedPutRequest {
  readonly kind: 'oversized-put';
  readonly form: ReplyForm;
  readonly key: Buffer;
  readonly valueBytes: number;
}

export interface DeleteRequest {
  readonly kind: 'delete';
  readonly form: ReplyForm;
  readonly key: Buffer;
  readonly compareCas: bigint | undefined;
  /** Meta flags E, I (keep it, marked stale), T (with I: new exptime) and x (drop the value alone). */
  readonly chosenCas: bigint | undefined;
  readonly invalidate: boolean;
  readonly exptime: number | undefined;
  readonly dropValue: boolean;
}

/** incr, decr, ma and their binary forms. */
export interface ArithmeticRequest {
  readonly kind: 'arithmetic';
  readonly form: ReplyForm;
  readonly direction: 'incr' | 'decr';
  readonly key: Buffer;
  readonly delta: bigint;
  readonly compareCas: bigint | undefined;
  readonly chosenCas: bigint | undefined;
  /** Create a missing item (binary unless its expiration is 0xffffffff, meta flags N and J). */
  readonly create: { readonly value: bigint; readonly exptime: number } | undefined;
  /** New exptime (meta flag T). */
  readonly exptime: number | undefined;
}

export interface TouchRequest {
  readonly kind: 'touch';
  readonly form: ReplyForm;
  readonly key: Buffer;
  readonly exptime: number;
}

/** flush_all: 0 and negative mean now. */
export interface FlushRequest {
  readonly kind: 'flush';
  readonly form: ReplyForm;
  readonly exptime: number;
}

/** me: what memcached would print about the item. */
export interface DebugRequest {
  readonly kind: 'debug';
  readonly form: ReplyForm;
  readonly key: Buffer;
}

/** `stats` and its words after the command, at most a handful. */
export interface StatsRequest {
  readonly kind: 'stats';
  readonly form: ReplyForm;
  readonly words: readonly string[];
}

/** lru_crawler metadump and mgdump. `classes` undefined: all. */
export interface DumpRequest {
  readonly kind: 'dump';
  readonly form: ReplyForm;
  readonly listing: 'metadump' | 'mgdump';
  readonly classes: readonly number[] | undefined;
}

/** Our own `keys <prefix> [limit] [cursor]`. */
export interface KeysRequest {
  readonly kind: 'keys';
  readonly form: ReplyForm;
  readonly prefix: Buffer;
  readonly limit: number;
  readonly cursor: number;
}

/** Our own `delete_prefix <prefix>`: one durable record. */
export interface DeletePrefixRequest {
  readonly kind: 'delete-prefix';
  readonly form: ReplyForm;
  readonly prefix: Buffer;
}

export interface CacheMemlimitRequest {
  readonly kind: 'cache-memlimit';
  readonly form: ReplyForm;
  readonly megabytes: number;
}

export interface WatchRequest {
  readonly kind: 'watch';
  readonly form: ReplyForm;
  readonly streams: readonly string[];
}

export interface VerbosityRequest {
  readonly kind: 'verbosity';
  readonly form: ReplyForm;
  readonly level: number;
}

export interface ShutdownRequest {
  readonly kind: 'shutdown';
  readonly form: ReplyForm;
  readonly graceful: boolean;
  /** False for a mode that is none: whether shutdown is allowed at all is told first. */
  readonly isKnown: boolean;
}

/** Name and password, by `set <any> 0 0 <n>` (-Y) or SASL PLAIN (-S). Call admit() when they are right. */
export interface AuthenticateRequest {
  readonly kind: 'authenticate';
  readonly form: ReplyForm;
  readonly user: Buffer;
  readonly password: Buffer;
}

/** Commands without arguments. `noop` (mn, binary Noop) is a barrier: it waits for all earlier writes. */
export interface BareRequest {
  readonly kind: 'noop' | 'version' | 'quit' | 'refresh-certs' | 'sasl-list';
  readonly form: ReplyForm;
}

/** The parser has the reply itself: a client's mistake, or a command answered politely. Just send it. */
export interface Answer {
  readonly kind: 'answer';
  readonly form: ReplyForm;
  readonly reply: Reply;
  /** Close the connection after the reply has left. */
  readonly close: boolean;
}

export type Request =
  | GetRequest
  | PutRequest
  | OversizedPutRequest
  | DeleteRequest
  | ArithmeticRequest
  | TouchRequest
  | FlushRequest
  | DebugRequest
  | StatsRequest
  | DumpRequest
  | KeysRequest
  | DeletePrefixRequest
  | CacheMemlimitRequest
  | WatchRequest
  | VerbosityRequest
  | ShutdownRequest
  | AuthenticateRequest
  | BareRequest
  | Answer;
