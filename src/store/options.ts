// Options of a store: those that an operator or an embedding program may set. This file alone checks their values; their
// defaults are in src/defaults.ts.

import { inspect } from 'node:util';

import {
  APPEND_BYTES_DEFAULT,
  CACHE_BYTES_DEFAULT,
  COMPACT_MIN_BYTES_DEFAULT,
  COMPACT_RATIO_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  SNAPSHOT_PAUSE_MS_DEFAULT,
} from '../defaults.js';
import { KvError } from '../errors.js';
import { GIB, VALUE_BYTES_LIMIT } from '../limits.js';
import { suggestion } from '../nearest-name.js';

export interface StoreOptions {
  /** A segment is sealed when it would grow over this. */
  readonly segmentBytesMax: number;
  /** Commits of at least this size are appended to the log; shorter ones overwrite zeros that were written ahead. */
  readonly appendBytesMin: number;
  /** Memory for hot values; 0: none. */
  readonly cacheBytesMax: number;
  /** Longer values are `too-large`. */
  readonly valueBytesMax: number;
  /** Bounds of the store; 0: none. */
  readonly keysMax: number;
  readonly bytesMax: number;
  /** At a bound: drop the least recently used item, or refuse the write. */
  readonly evicts: boolean;
  /** Items that nobody used for this long are dropped; 0: never. */
  readonly idleMsMax: number;
  /** Share of dead bytes from which a run of segments is compacted. */
  readonly compactRatio: number;
  /** Compaction waits until this many bytes are dead in all. */
  readonly compactMinBytes: number;
  /** `compact`: after a compaction, at most once per snapshotPauseMs. A number: once per so many ms. */
  readonly snapshot: 'never' | 'compact' | number;
  readonly snapshotPauseMs: number;
  /** Files that compaction replaces are kept for this long (docs/format.md, "history"); 0: not at all. */
  readonly keepHistoryMs: number;
  /** Above this size of the history, its oldest files are removed; 0: no bound. */
  readonly historyBytesMax: number;
  /** Each expiry is a record of its own, so that it comes in the change feed. */
  readonly logExpiries: boolean;
  /** Sealed segments and large values are checked for damage at this rate; 0: not at all. */
  readonly scrubBytesPerSecond: number;
  /** The thread belongs to the store: short commits may block it (log/commit/direct-writes.ts). */
  readonly ownsThread: boolean;
  /** Start from hints where they are valid. */
  readonly useHints: boolean;
  /** Go on although the wall clock is more than a day behind the log (KV_CLOCK otherwise). */
  readonly acceptClock: boolean;
  /** Called while the log is replayed. */
  readonly onProgress?: ((segmentsDone: number, segmentsTotal: number) => void) | undefined;
}

export const STORE_OPTIONS_DEFAULT: StoreOptions = {
  segmentBytesMax: SEGMENT_BYTES_DEFAULT,
  appendBytesMin: APPEND_BYTES_DEFAULT,
  cacheBytesMax: CACHE_BYTES_DEFAULT,
  valueBytesMax: VALUE_BYTES_LIMIT,
  keysMax: 0,
  bytesMax: 0,
  evicts: true,
  idleMsMax: 0,
  compactRatio: COMPACT_RATIO_DEFAULT,
  compactMinBytes: COMPACT_MIN_BYTES_DEFAULT,
  snapshot: 'compact',
  snapshotPauseMs: SNAPSHOT_PAUSE_MS_DEFAULT,
  keepHistoryMs: 0,
  historyBytesMax: 0,
  logExpiries: false,
  scrubBytesPerSecond: 0,
  ownsThread: false,
  useHints: true,
  acceptClock: false,
};

/** Smaller segments would make more files than there are slots. */
const SEGMENT_BYTES_MIN = 4096;
const SEGMENT_BYTES_LIMIT = 4 * GIB;

/** Returns what the option must be, as words after "must be"; undefined when the value is right. */
type Check = (value: unknown) => string | undefined;

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
  const what = `a whole number, at least ${min}${upTo}`;
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : what;
}

const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

const CHECKS: Readonly<Record<keyof StoreOptions, Check>> = {
  segmentBytesMax: wholeNumber(SEGMENT_BYTES_MIN, SEGMENT_BYTES_LIMIT),
  appendBytesMin: wholeNumber(0),
  cacheBytesMax: wholeNumber(0),
  valueBytesMax: wholeNumber(1, VALUE_BYTES_LIMIT),
  keysMax: wholeNumber(0),
  bytesMax: wholeNumber(0),
  evicts: isBoolean,
  idleMsMax: wholeNumber(0),
  compactRatio: (value) =>
    typeof value === 'number' && value > 0 && value < 1
      ? undefined
      : 'a number above 0 and below 1',
  compactMinBytes: wholeNumber(0),
  snapshot: (value) =>
    value === 'never' || value === 'compact' || wholeNumber(1)(value) === undefined
      ? undefined
      : "'never', 'compact' or ms, at least 1",
  snapshotPauseMs: wholeNumber(0),
  keepHistoryMs: wholeNumber(0),
  historyBytesMax: wholeNumber(0),
  logExpiries: isBoolean,
  scrubBytesPerSecond: wholeNumber(0),
  ownsThread: isBoolean,
  useHints: isBoolean,
  acceptClock: isBoolean,
  onProgress: (value) => (typeof value === 'function' ? undefined : 'a function'),
};

/**
 * Returns all options, with defaults for those that are undefined or null. Throws KV_BAD_OPTION, which names option and
 * value, for a wrong value and for an unknown name.
 */
export function checkedOptions(given: Readonly<Partial<StoreOptions>>): StoreOptions {
  const options: Record<string, unknown> = { ...STORE_OPTIONS_DEFAULT };
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (!Object.hasOwn(CHECKS, name)) throw unknownOption(name, Object.keys(CHECKS));
    if (value === undefined || value === null) continue;
    const wanted = CHECKS[name as keyof StoreOptions](value);
    if (wanted !== undefined) throw badOption(name, value, wanted);
    options[name] = value;
  }
  return options as unknown as StoreOptions;
}

function badOption(name: string, value: unknown, wanted: string): KvError {
  return new KvError('KV_BAD_OPTION', `The option ${name} must be ${wanted}, not ${shown(value)}`);
}

function unknownOption(name: string, known: readonly string[]): KvError {
  const message = `There is no option ${shown(name)}${suggestion(name, known)}`;
  return new KvError('KV_BAD_OPTION', message);
}

/** Returns a value as messages show it: on one line, cut short. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 });
}
