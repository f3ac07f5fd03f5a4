// The one Reply model of all protocols: the content of an answer, without its bytes. compose() (composer.ts) writes
// it in the form that the request asked for, or writes nothing when that form is quiet.

/** The answer of a get for a key that was found, one per key. */
export interface HitReply {
  readonly kind: 'hit';
  /** The key is key[keyStart..keyEnd), by default all of it. */
  readonly key: Buffer;
  readonly keyStart?: number;
  readonly keyEnd?: number;
  readonly item: HitItem;
  /** Only for meta commands. */
  readonly meta: MetaHit | undefined;
}

/** The fields of an item that replies show; the store's items have them. */
export interface HitItem {
  readonly flags: number;
  /** CAS token; read only when the form shows it. */
  readonly cas: bigint;
  readonly valueBytes: number;
  /**
   * The value is source[start .. start + valueBytes). Undefined: compose() writes only the bytes before the value; the
   * caller sends the `valueBytes` bytes itself and then composes `value-end`.
   */
  readonly source: Buffer | undefined;
  /** The same memory as words, if it has such a view and `start` is a multiple of 4. */
  readonly words: Uint32Array | undefined;
  readonly start: number;
  /** The value's bytes stay unchanged for as long as somebody refers to them, so they may be sent from there. */
  readonly isLasting: boolean;
}

export interface MetaHit {
  /** Whole seconds left; -1: never expires. `Before` is the value before flag T of this request. */
  readonly ttlSeconds: number;
  readonly ttlSecondsBefore: number;
  /** Flag N of this request made the item. */
  readonly created: boolean;
  /** `fetched`: the item was read before (h). `idleSeconds`: seconds since the last access (l). */
  readonly fetched: boolean;
  readonly idleSeconds: number;
  /** W: this client shall refill the item. X: the item is stale. Z: another client has won already. */
  readonly won: boolean;
  readonly stale: boolean;
  readonly winSent: boolean;
  /** The item's CAS equals the client's (flag C): the reply is HD without the value. */
  readonly known: boolean;
}

/** The answer for a key without an item: nothing in text, EN in meta, status 1 in binary (or nothing when quiet). */
export interface MissReply {
  readonly kind: 'miss';
  readonly key: Buffer;
  readonly keyStart?: number;
  readonly keyEnd?: number;
}

/** The outcome of a change, with the names of the Store's statuses. */
export type ResultStatus =
  'stored' | 'not-stored' | 'exists' | 'not-found' | 'deleted' | 'touched' | 'ok';

export interface ResultReply {
  readonly kind: 'result';
  readonly status: ResultStatus;
  /** The new CAS token, or 0n; read only when the form shows it. */
  readonly cas: bigint;
  /** Bytes of the value as stored (ms with flag s). */
  readonly valueBytes: number;
}

/** The new number of an incr or decr. */
export interface NumberReply {
  readonly kind: 'number';
  readonly number: bigint;
  readonly cas: bigint;
  /** Whole seconds left (ma with flag t); -1: never expires. `Before` is the value before flags N and T. */
  readonly ttlSeconds: number;
  readonly ttlSecondsBefore: number;
  /** The item is new. */
  readonly created?: boolean | undefined;
}

/** The names of all errors; their texts and binary statuses are in errors.ts. */
export type ErrorName =
  // Mistakes of clients, found by the parser.
  | 'unknown-command'
  | 'bad-line'
  | 'bad-line-usage-delete'
  | 'bad-line-short'
  | 'bad-chunk'
  | 'bad-exptime'
  | 'bad-delta'
  | 'bad-token'
  | 'bad-initial-number'
  | 'bad-delta-number'
  | 'bad-key-encoding'
  | 'invalid-flag'
  | 'duplicate-flag'
  | 'invalid-or-duplicate-flag'
  | 'too-many-flags'
  | 'opaque-too-long'
  | 'bad-mode-length'
  | 'bad-ms-mode'
  | 'bad-ma-mode'
  | 'bad-shutdown-mode'
  | 'bad-detail'
  | 'bad-slab-id'
  | 'auth-token-too-long'
  | 'bad-auth-token'
  | 'bad-termination'
  | 'invalid-arguments'
  // Found by the commands.
  | 'unauthenticated'
  | 'authentication-failed'
  | 'too-many-logins'
  | 'flush-not-allowed'
  | 'shutdown-not-enabled'
  | 'bad-certificates'
  | 'too-many-connections'
  // Statuses of the Store.
  | 'not-a-number'
  | 'too-large'
  | 'no-memory'
  | 'no-space'
  | 'no-descriptors'
  | 'damaged'
  | 'unreadable'
  | 'unwritten'
  | 'closed'
  | 'unknown'
  | 'not-offered';

interface ErrorReply {
  readonly kind: 'error';
  readonly error: ErrorName;
}

/** One line of stats; binary sends it as a packet. */
export interface StatReply {
  readonly kind: 'stat';
  readonly name: string;
  readonly value: string;
}

/**
 * The last reply of a get, of stats or of a listing. `hits` is the number of items that the whole get found; the plain
 * form writes Not-Exists for 0. Meta and binary gets write nothing; binary stats write the empty packet.
 */
interface EndReply {
  readonly kind: 'end';
  readonly hits: number;
}

/** The answer to a `debug` request (me) that hit. */
export interface DebugReply {
  readonly kind: 'debug';
  readonly key: Buffer;
  /** Seconds left; -1: never. */
  readonly ttlSeconds: number;
  readonly idleSeconds: number;
  readonly cas: bigint;
  readonly fetched: boolean;
  /** Bytes of the item, counted as memcached does. */
  readonly itemBytes: number;
}

/** One line as given, without its line end (listings, MEMLIMIT_TOO_SMALL, OK of the tuning commands). */
interface LineReply {
  readonly kind: 'line';
  readonly line: Buffer;
  /** The lines of metadump and watch end in LF alone. */
  readonly ending?: 'lf';
}

/** The reply to version, mn, stats reset, SASL list and auth; and the end of a streamed value. */
type ConstantReply =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'noop' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'sasl-mechanisms'; readonly mechanisms: string }
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'value-end' };

export type Reply =
  | HitReply
  | MissReply
  | ResultReply
  | NumberReply
  | ErrorReply
  | StatReply
  | EndReply
  | DebugReply
  | LineReply
  | ConstantReply;

/** Makes the reply for `error`. */
export function errorReply(error: ErrorName): ErrorReply {
  return { kind: 'error', error };
}
