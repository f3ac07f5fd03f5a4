// Arguments of the library: checks what an embedding program passes, before anything is done with it. A wrong argument is
// a TypeError that names it; a wrong option of the store is KV_BAD_OPTION (docs/errors.md).
//
// Invariants:
// - undefined and null mean "not given" for every argument that may be left out, and are refused for every other.
// - An argument that a method does not have is refused, so that no options object is ignored.
// - 0 as a lifetime or as a time of expiry means "never".
// - No argument is cut, joined, rounded down or converted: text is text, a number is a number.

import { types } from 'node:util';

import { absolutePath } from './env/absolute-path.js';
import type { Logger } from './env/env.js';
import { KvError } from './errors.js';
import { KEY_BYTES_LIMIT } from './limits.js';
import { suggestion } from './nearest-name.js';
import type { FollowOptions } from './store/change-log.js';
import { storeExpiryOf, type Clocks } from './store/expiry.js';
import { shown, type StoreOptions } from './store/options.js';

/** Bytes, or text that is stored as UTF-8. */
export type Bytes = Buffer | Uint8Array | string;

export interface PutOptions {
  /** 32 bits that are returned with the value. */
  readonly flags?: number | null | undefined;
  /** The lifetime from now, in ms; 0: for ever. */
  readonly ttlMs?: number | null | undefined;
  /** Instead of `ttlMs`: the end of the lifetime, Unix ms; 0: for ever. An entry whose time is past expires at once. */
  readonly expiresAt?: number | null | undefined;
}

export interface ChangesOptions {
  /** A seq: yields the changes after it. `oldest`: all that are kept without a gap. Default: those from now on. */
  readonly after?: number | 'oldest' | null | undefined;
  /** Only changes of keys with this prefix, and those that may have changed such keys: flushes and deletes of a prefix. */
  readonly prefix?: Bytes | null | undefined;
  /** Only changes of this key, and flushes and deletes of a prefix that may have changed it. */
  readonly key?: Bytes | null | undefined;
  /** True: puts come with their values. */
  readonly values?: boolean | null | undefined;
  /** Ends the iteration when it is aborted. */
  readonly signal?: AbortSignal | null | undefined;
}

export type CairnOptions = {
  readonly [Name in keyof Omit<StoreOptions, 'useHints' | 'ownsThread'>]?:
    StoreOptions[Name] | null | undefined;
} & {
  /** Gets the messages of the engine; by default they go nowhere. */
  readonly logger?: Logger | null | undefined;
};

/** The last time that the disk format can hold, Unix ms: it is in the year 10889. */
const TIME_MS_MAX = 2 ** 48 - 1;
/** The present time in seconds lies between these. As ms they are in 1970, and the entry would expire at once. */
const SECONDS_MIN = 1e9;
const SECONDS_MAX = 1e10;
const FLAGS_MAX = 2 ** 32 - 1;
const UINT64_MAX = 2n ** 64n - 1n;
const PUT_OPTIONS: readonly string[] = ['flags', 'ttlMs', 'expiresAt'];
const CHANGES_OPTIONS: readonly string[] = ['after', 'prefix', 'key', 'values', 'signal'];
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** Options of the store that an embedding program may not set. */
const INTERNAL_OPTIONS: readonly string[] = ['useHints', 'ownsThread'];

/** `wanted` continues the message after "must be". */
function wrong(name: string, value: unknown, wanted: string): TypeError {
  return new TypeError(`${name} must be ${wanted}, not ${shown(value)}`);
}

/** Requires that nothing is given beyond the first `countMax` arguments of a method. */
export function requireAtMost(method: string, countMax: number, given: ArrayLike<unknown>): void {
  for (let at = countMax; at < given.length; at += 1)
    if (!isLeftOut(given[at]))
      throw new TypeError(
        `There is no argument ${at + 1} of ${method}(), but ${shown(given[at])} was given`,
      );
}

/** Returns the directory as an absolute path: the program may change its working directory later. */
export function dirOf(dir: unknown): string {
  return pathOf('dir', dir);
}

/** Returns the path as an absolute one, or undefined when none is given. */
export function snapshotPathOf(path: unknown): string | undefined {
  return path === undefined || path === null ? undefined : pathOf('path', path);
}

function pathOf(name: string, path: unknown): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw wrong(name, path, 'a path, as text');
  if (/^file:/i.test(path)) throw wrong(name, path, 'a path, as fileURLToPath(url) gives it');
  return absolutePath(path);
}

/** Splits the logger from the other options, which the store checks itself. */
export function optionsOf(given: unknown): {
  readonly logger: Logger;
  readonly rest: Partial<StoreOptions>;
} {
  if (given === undefined || given === null) return { logger: SILENT, rest: {} };
  if (!isOptions(given)) throw wrong('options', given, 'an object');
  const { logger, ...rest } = given as CairnOptions;
  for (const name of INTERNAL_OPTIONS)
    if (Object.hasOwn(rest, name))
      throw new KvError('KV_BAD_OPTION', `There is no option '${name}'`);
  return { logger: loggerOf(logger), rest: rest as Partial<StoreOptions> };
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Returns a logger that never throws: what the program's logger throws becomes an uncaught exception. */
function loggerOf(given: unknown): Logger {
  if (given === undefined || given === null) return SILENT;
  const logger = given as Logger;
  const lacking = LEVELS.find((level) => typeof logger[level] !== 'function');
  if (lacking !== undefined) {
    const wanted = `an object with the methods ${LEVELS.join(', ')}`;
    throw new KvError('KV_BAD_OPTION', `The option logger must be ${wanted}, not ${shown(given)}`);
  }
  const guarded =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      try {
        logger[level](message, fields);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    };
  return {
    debug: guarded('debug'),
    info: guarded('info'),
    warn: guarded('warn'),
    error: guarded('error'),
  };
}

export function keyOf(key: unknown): Buffer {
  const bytes = bytesOf('key', key);
  if (bytes.length === 0 || bytes.length > KEY_BYTES_LIMIT)
    throw new TypeError(`key must have 1 to ${KEY_BYTES_LIMIT} bytes, not ${bytes.length}`);
  return bytes;
}

/** `name` is the argument's name in the message of an error. */
export function bytesOf(name: string, bytes: unknown): Buffer {
  if (typeof bytes === 'string') {
    if (isWellFormed(bytes)) return Buffer.from(bytes);
    throw wrong(name, bytes, 'text without lone surrogates, which have no UTF-8');
  }
  if (Buffer.isBuffer(bytes)) return bytes;
  // Test runners pass arrays of another realm, for which instanceof is false.
  if (types.isUint8Array(bytes))
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw wrong(name, bytes, 'text, a Buffer or a Uint8Array');
}

/** String.isWellFormed is of ES2024: Node 20 has it, the types that this project compiles with do not. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Returns the flags, and the expiry on the store's clock of an entry that is put at `nowMs`. */
export function putOptionsOf(
  given: unknown,
  nowMs: number,
  clocks: Clocks,
): { readonly flags: number; readonly expiresAt: number } {
  if (given === undefined || given === null) return { flags: 0, expiresAt: 0 };
  if (!isOptions(given)) throw wrong('options', given, 'an object such as { ttlMs: 1000 }');
  for (const name of Object.keys(given))
    if (!PUT_OPTIONS.includes(name))
      throw new TypeError(`There is no option ${shown(name)}${suggestion(name, PUT_OPTIONS)}`);
  const { flags, ttlMs, expiresAt } = given as PutOptions;
  return { flags: flagsOf(flags), expiresAt: expiryOf(ttlMs, expiresAt, nowMs, clocks) };
}

export function changesOptionsOf(
  given: unknown,
): FollowOptions & { readonly signal: AbortSignal | undefined } {
  const options = given ?? {};
  if (!isOptions(options)) throw wrong('options', given, 'an object such as { after: 0 }');
  for (const name of Object.keys(options))
    if (!CHANGES_OPTIONS.includes(name))
      throw new TypeError(`There is no option ${shown(name)}${suggestion(name, CHANGES_OPTIONS)}`);
  const { after, prefix, key, values, signal } = options as ChangesOptions;
  const isSeq = typeof after === 'number' && Number.isSafeInteger(after) && after >= 0;
  if (!isSeq && after !== 'oldest' && !isLeftOut(after))
    throw wrong('after', after, "a seq, from 0, or 'oldest'");
  if (!isLeftOut(values) && typeof values !== 'boolean')
    throw wrong('values', values, 'true or false');
  if (!isLeftOut(signal) && !(signal instanceof AbortSignal))
    throw wrong('signal', signal, 'an AbortSignal');
  return {
    after: after ?? undefined,
    prefix: isLeftOut(prefix) ? undefined : Buffer.from(bytesOf('prefix', prefix)),
    key: isLeftOut(key) ? undefined : Buffer.from(keyOf(key)),
    values: values ?? false,
    signal: signal ?? undefined,
  };
}

/**
 * A list, a map, a promise, or an object that only inherits its values would be taken for one without any of the names.
 * Objects of another realm have a prototype of their own, which has none.
 */
function isOptions(given: unknown): given is object {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return false;
  if (Object.keys(given).length > 0) return true;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isLeftOut(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function flagsOf(flags: unknown): number {
  if (flags === undefined || flags === null) return 0;
  if (typeof flags === 'number' && Number.isInteger(flags) && flags >= 0 && flags <= FLAGS_MAX)
    return flags;
  throw wrong('flags', flags, `a whole number from 0 to ${FLAGS_MAX}`);
}

function expiryOf(ttlMs: unknown, expiresAt: unknown, nowMs: number, clocks: Clocks): number {
  const hasTtl = ttlMs !== undefined && ttlMs !== null;
  if (expiresAt === undefined || expiresAt === null) return hasTtl ? lifetimeEnd(ttlMs, nowMs) : 0;
  if (hasTtl) throw new TypeError('Give ttlMs or expiresAt, not both');
  if (typeof expiresAt !== 'number' || !(expiresAt >= 0 && expiresAt <= TIME_MS_MAX))
    throw wrong('expiresAt', expiresAt, `Unix time in ms, from 0 to ${TIME_MS_MAX}`);
  if (expiresAt >= SECONDS_MIN && expiresAt <= SECONDS_MAX)
    throw wrong('expiresAt', expiresAt, 'Unix time in ms (this number looks like seconds)');
  if (expiresAt === 0) return 0;
  // At least 1, because 0 would mean "never".
  return Math.min(TIME_MS_MAX, Math.max(1, storeExpiryOf(Math.ceil(expiresAt), clocks)));
}

/** Returns the end of a lifetime that begins at `nowMs`, on the same clock; 0: never. */
export function lifetimeEnd(ttlMs: unknown, nowMs: number): number {
  if (typeof ttlMs !== 'number' || !(ttlMs >= 0 && ttlMs <= TIME_MS_MAX - nowMs))
    throw wrong('ttlMs', ttlMs, `ms from 0 (for ever) to ${TIME_MS_MAX - nowMs}`);
  return ttlMs === 0 ? 0 : nowMs + Math.ceil(ttlMs);
}

/** Requires a token as `get` returns it. */
export function tokenOf(cas: unknown): bigint {
  if (typeof cas === 'bigint' && cas >= 0n && cas <= UINT64_MAX) return cas;
  throw wrong('cas', cas, 'a token as get() gives it, a bigint');
}

/** Returns the delta as unsigned 64 bits; 1 when it is not given. */
export function deltaOf(delta: unknown): bigint {
  if (delta === undefined || delta === null) return 1n;
  if (typeof delta === 'bigint' && delta >= 0n && delta <= UINT64_MAX) return delta;
  if (typeof delta === 'number' && Number.isSafeInteger(delta) && delta >= 0) return BigInt(delta);
  throw wrong('delta', delta, 'a whole number from 0 to 2^64 - 1 (a bigint above 2^53 - 1)');
}
