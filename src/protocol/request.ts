// The one Request model of the text, meta and binary protocols: what a client wants, without the bytes
// it said it in. Adding a command touches a parser, this file, the command table and docs/protocol.md.
//
// Invariants:
// - A request is valid until the next call of any parser's next(): the most frequent kinds are one object each, filled
//   again for every request of every connection. Its bytes are places in the receive buffer: the store copies what it keeps.
// - Exptimes are seconds as the client sent them (memcached's rule of relative, absolute and negative is
//   the store's business); numbers are already checked against their ranges.
// - `form` is all that compose() needs to write the reply: it holds no view but the meta tokens.

import type { ReplyForm } from './reply-form.js';
import type { Reply } from './reply.js';

const NO_BYTES = Buffer.alloc(0);

/** Of a request that was not filled yet. */
const NO_FORM: ReplyForm = { wire: 'text', quiet: false, withCas: false };

/** A request for one key: key[keyStart..keyEnd). */
class KeyRequest {
  form = NO_FORM;
  key: Buffer = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;

  setKey(key: Buffer, start = 0, end = key.length): void {
    this.key = key;
    this.keyStart = start;
    this.keyEnd = end;
  }
}

/**
 * get, gets, gat, gats, mg and their binary forms: one request per key. A get that ends after keys were given out
 * gives an empty key, which is `last`.
 */
export class GetRequest extends KeyRequest {
  readonly kind = 'get';
  /** No key follows: answer `end` behind this one. Meta and binary gets have one key. */
  last = true;
  /** New expiry of the item found (gat, meta flag T). */
  touchExptime: number | undefined = undefined;
  /** The remaining fields are for meta alone. `value`: return it (flag v); always true elsewhere. */
  wantsValue = true;
  /** Not a use of the item: no LRU bump (flag u). */
  unused = false;
  /** Create an empty item with this exptime on a miss, and win (flag N). */
  vivifyExptime: number | undefined = undefined;
  /** Win the right to refill an item that ends before this exptime would (flag R). */
  recacheExptime: number | undefined = undefined;
  /** R came after T: it asks for the end that T gave. */
  recachesLast = false;
  /** Leave the value out when the item's CAS is this one (flag C). */
  knownCas: bigint | undefined = undefined;
  /** CAS of a vivified item (flag E). */
  chosenCas: bigint | undefined = undefined;

  /** A copy that outlives the turn, with a key of its own. */
  kept(form: ReplyForm): GetRequest {
    const copy = new GetRequest();
    copy.form = form;
    copy.setKey(Buffer.from(this.key.subarray(this.keyStart, this.keyEnd)));
    copy.last = this.last;
    copy.touchExptime = this.touchExptime;
    copy.wantsValue = this.wantsValue;
    copy.unused = this.unused;
    copy.vivifyExptime = this.vivifyExptime;
    copy.recacheExptime = this.recacheExptime;
    copy.recachesLast = this.recachesLast;
    copy.knownCas = this.knownCas;
    copy.chosenCas = this.chosenCas;
    return copy;
  }
}

export type PutRequestMode = 'set' | 'add' | 'replace' | 'append' | 'prepend';

/** set, add, replace, append, prepend, cas, ms and their binary forms. */
export class PutRequest extends KeyRequest {
  readonly kind = 'put';
  mode: PutRequestMode = 'set';
  flags = 0;
  exptime = 0;
  /** NaN, for the parser alone: what was announced is no length, so that no block can be told to follow. */
  valueBytes = 0;
  /**
   * The value is value[valueStart .. valueStart + valueBytes); undefined when it is larger than the parser gathers:
   * then `value-piece`s of together `valueBytes` follow, and a `value-end` (store it, answer) or an `answer` (drop
   * it, send that). The request is then to be copied before the next call of next().
   */
  value: Buffer | undefined = undefined;
  valueStart = 0;
  compareCas: bigint | undefined = undefined;
  /** Meta flags E, I and N (exptime of what append creates). */
  chosenCas: bigint | undefined = undefined;
  invalidate = false;
  vivifyExptime: number | undefined = undefined;

  /** Forgets the request before. */
  reset(form: ReplyForm, mode: PutRequestMode): void {
    this.form = form;
    this.mode = mode;
    this.flags = 0;
    this.exptime = 0;
    this.valueBytes = Number.NaN;
    this.value = undefined;
    this.valueStart = 0;
    this.compareCas = undefined;
    this.chosenCas = undefined;
    this.invalidate = false;
    this.vivifyExptime = undefined;
  }

  /** A copy that outlives the turn, with a key of its own; its value follows in pieces. */
  kept(form: ReplyForm): PutRequest {
    const copy = new PutRequest();
    copy.reset(form, this.mode);
    copy.setKey(Buffer.from(this.key.subarray(this.keyStart, this.keyEnd)));
    copy.flags = this.flags;
    copy.exptime = this.exptime;
    copy.valueBytes = this.valueBytes;
    copy.compareCas = this.compareCas;
    copy.chosenCas = this.chosenCas;
    copy.invalidate = this.invalidate;
    copy.vivifyExptime = this.vivifyExptime;
    return copy;
  }
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

export class DeleteRequest extends KeyRequest {
  readonly kind = 'delete';
  compareCas: bigint | undefined = undefined;
  /** Meta flags E, I (keep it, marked stale), T (with I: new exptime) and x (drop the value alone). */
  chosenCas: bigint | undefined = undefined;
  invalidate = false;
  exptime: number | undefined = undefined;
  dropValue = false;
}

/** incr, decr, ma and their binary forms. */
export class ArithmeticRequest extends KeyRequest {
  readonly kind = 'arithmetic';
  direction: 'incr' | 'decr' = 'incr';
  delta = 0n;
  compareCas: bigint | undefined = undefined;
  chosenCas: bigint | undefined = undefined;
  /** Create a missing item (binary unless its expiration is 0xffffffff, meta flags N and J). */
  create: { readonly value: bigint; readonly exptime: number } | undefined = undefined;
  /** New exptime (meta flag T). */
  exptime: number | undefined = undefined;
}

export class TouchRequest extends KeyRequest {
  readonly kind = 'touch';
  exptime = 0;
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
