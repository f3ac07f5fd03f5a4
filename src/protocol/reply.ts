// The one Reply model of all protocols: what is answered, without the bytes it is said in. compose()
// (composer.ts) writes it in the form that the request asked for, or nothing when that form is quiet.

/** An item found: answer to a get, one for each key. */
export interface HitReply {
  readonly kind: 'hit';
  /** The key is key[keyStart..keyEnd), by default all of it. */
  readonly key: Buffer;
  readonly keyStart?: number;
  readonly keyEnd?: number;
  readonly item: HitItem;
  /** Meta alone. */
  readonly meta: MetaHit | undefined;
}

/** What of an item is told; the store's items are such. */
export interface HitItem {
  readonly flags: number;
  /** CAS token; read only when the form shows it. */
  readonly cas: bigint;
  readonly valueBytes: number;
  /**
   * The value is source[start .. start + valueBytes). Undefined: compose() writes what comes before it, the
   * caller sends `valueBytes` bytes itself and then composes `value-end`.
   */
  readonly source: Buffer | undefined;
  /** The same memory as words, if there are such and `start` is a multiple of 4. */
  readonly words: Uint32Array | undefined;
  readonly start: number;
  /** The value's bytes stay as they are for as long as somebody refers to them: it may be sent from there. */
  readonly isLasting: boolean;
}

export interface MetaHit {
  /** Whole seconds left; -1: never expires. `Before`: as it was before flag T of this request. */
  readonly ttlSeconds: number;
  readonly ttlSecondsBefore: number;
  /** Flag N of this request made the item. */
  readonly created: boolean;
  /** Read before (h) and seconds since the last access (l). */
  readonly fetched: boolean;
  readonly idleSeconds: number;
  /** W: this client shall refill it. X: stale. Z: somebody else has won already. */
  readonly won: boolean;
  readonly stale: boolean;
  readonly winSent: boolean;
  /** The item's CAS is the client's (flag C): HD without the value. */
  readonly known: boolean;
}

/** A key without an item: text says nothing, meta EN, binary status 1 (or nothing when quiet). */
export interface MissReply {
  readonly kind: 'miss';
  readonly key: Buffer;
  readonly keyStart?: number;
  readonly keyEnd?: number;
}

/** What a change came to (the names of the Store's statuses). */
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
  /** Whole seconds left; -1: never (ma with flag t). `Before`: as it was before flags N and T. */
  readonly ttlSeconds: number;
  readonly ttlSecondsBefore: number;
  /** The item is new. */
  readonly created?: boolean | undefined;
}

/** Everything that went wrong; the texts and the binary statuses are in errors.ts. */
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
 * The last of a get, of stats, of a listing. `hits`: items found by the whole get; the plain form says
 * Not-Exists for 0. Meta and binary gets write nothing; binary stats write the empty packet.
 */
interface EndReply {
  readonly kind: 'end';
  readonly hits: number;
}

/** me: answer to a `debug` request that hit. */
export interface DebugReply {
  readonly kind: 'debug';
  readonly key: Buffer;
  /** Seconds left; -1: never. */
  readonly ttlSeconds: number;
  readonly idleSeconds: number;
  readonly cas: bigint;
  readonly fetched: boolean;
  /** Bytes of the item, as memcached counts them. */
  readonly itemBytes: number;
}

/** One line as it is, without its line end (listings, MEMLIMIT_TOO_SMALL, OK of the tuning commands). */
interface LineReply {
  readonly kind: 'line';
  readonly line: Buffer;
  /** metadump and watch end their lines so. */
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

/** A reply that is an error. */
export function errorReply(error: ErrorName): ErrorReply {
  return { kind: 'error', error };
}
