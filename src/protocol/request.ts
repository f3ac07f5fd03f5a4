// The one Request model of the text, meta and binary protocols: the wish of a client, without the bytes on the
// wire. Adding a command touches a parser, this file, the command table and docs/protocol.md.
//
// Invariants:
// - A request is valid until the next call of any parser's next(). The most frequent kinds are one object each, filled
//   again for every request of every connection. Its bytes lie in the receive buffer: the store copies those it keeps.
// - Exptimes are seconds as the client sent them; the store applies memcached's rule for relative, absolute and
//   negative ones. Numbers are already checked against their ranges.
// - `form` is all that compose() needs to write the reply: it holds no view but the meta tokens.

import type { ReplyForm } from './reply-form.js';
import type { Reply } from './reply.js';

const NO_BYTES = Buffer.alloc(0);

/** The form of a request that was not filled yet. */
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
 * get, gets, gat, gats, mg and their binary forms: one request per key. If a get ends after all its keys were given
 * out, a request with an empty key follows, which is `last`.
 */
export class GetRequest extends KeyRequest {
  readonly kind = 'get';
  /** No key follows: the reply `end` comes behind this one. Meta and binary gets have one key. */
  last = true;
  /** New expiry of the item found (gat, meta flag T). */
  touchExptime: number | undefined = undefined;
  /** This field and all below are for meta only. Return the value (flag v); always true in other protocols. */
  wantsValue = true;
  /** The read does not count as a use of the item: no LRU bump (flag u). */
  unused = false;
  /** Create an empty item with this exptime on a miss, and win (flag N). */
  vivifyExptime: number | undefined = undefined;
  /** Win the right to refill an item that ends before this exptime would (flag R). */
  recacheExptime: number | undefined = undefined;
  /** Flag R came after flag T: R compares with the expiry that T has set. */
  recachesLast = false;
  /** Leave the value out when the item's CAS is this one (flag C). */
  knownCas: bigint | undefined = undefined;
  /** CAS of a vivified item (flag E). */
  chosenCas: bigint | undefined = undefined;

  /** Returns a copy that outlives the turn, with a key of its own. */
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
  /** Length of the value. NaN, seen by the parser alone: the announced word is no length, so no block can be skipped. */
  valueBytes = 0;
  /**
   * The value is value[valueStart .. valueStart + valueBytes). It is undefined when it is larger than the parser
   * gathers. Then `value-piece`s with `valueBytes` in total follow, and then `value-end` (store it, answer) or `answer`
   * (drop it, send that). Such a request must be copied before the next call of next().
   */
  value: Buffer | undefined = undefined;
  valueStart = 0;
  compareCas: bigint | undefined = undefined;
  /** Meta flags E, I and N (exptime of what append creates). */
  chosenCas: bigint | undefined = undefined;
  invalidate = false;
  vivifyExptime: number | undefined = undefined;

  /** Clears the fields of the earlier request. */
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

  /** Returns a copy that outlives the turn, with a key of its own; its value follows in pieces. */
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
 * A value over the limit: the reply is the error `too-large`, and the key's old value is deleted, as in memcached, so
 * that no client reads a value that it believes replaced. The parser skips the block.
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
  /** Meta flags E, I (keep the item, marked stale), T (with I: new exptime) and x (drop only the value). */
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

/** me: asks for memcached's debug line about the item. */
export interface DebugRequest {
  readonly kind: 'debug';
  readonly form: ReplyForm;
  readonly key: Buffer;
}

/** `stats` with the words behind the command, of which there are few. */
export interface StatsRequest {
  readonly kind: 'stats';
  readonly form: ReplyForm;
  readonly words: readonly string[];
}

/** lru_crawler metadump and mgdump. `classes` is undefined for all classes. */
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
  /** False for an unknown mode. The reply that shutdown is not enabled comes before the reply to a bad mode. */
  readonly isKnown: boolean;
}

/** Name and password, from `set <any> 0 0 <n>` (-Y) or SASL PLAIN (-S). Call admit() when they are right. */
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

/** A reply that the parser has made itself, for a client's mistake or a command without effect. It is sent as it is. */
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
