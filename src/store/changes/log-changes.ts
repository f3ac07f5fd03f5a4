// Change feeds from the log: turns each record into the change that it stands for (store/change-log.ts,
// docs/format.md, "Types").
//
// Invariants:
// - Each feed takes the memory of one window of the log, whatever its reader does; keys and values are views into it.
// - A turn of the loop does a bounded share of the work (log/feed/feed-pace.ts).

import type { Env } from '../../env/env.js';
import { fileFailure } from '../../env/file-failure.js';
import { isFlushPromise } from '../../log/bytes/entry-list.js';
import { RECORD, RECORD_MARK, casOf, frameRecord, frameSeqAt } from '../../log/bytes/format.js';
import type { LogRecord } from '../../log/bytes/format.js';
import { Feeds } from '../../log/feed/feeds.js';
import type { RecordFeed } from '../../log/feed/record-feed.js';
import type { TakeFrame } from '../../log/segments/segment-scanner.js';
import { decodeDescriptor, type LargeReference } from '../../log/segments/large-value-file.js';
import type { History } from '../../log/history.js';
import type { Log } from '../../log/log.js';
import type {
  Change,
  ChangeFeed,
  ChangeLog,
  ChangeType,
  DeleteReason,
  FollowOptions,
} from '../change-log.js';
import type { Maybe, Value } from '../store.js';
import { wallExpiryOf, type Clocks } from '../expiry.js';
import { KeptLargeValues, type KeptLargeValue } from './kept-large-values.js';

/** The time is checked once per so many records. */
const PIECE_RECORDS = 16;
const NO_BYTES = Buffer.alloc(0);

const TYPES: Readonly<Record<LogRecord['type'], ChangeType>> = {
  [RECORD.put]: 'put',
  [RECORD.delete]: 'delete',
  [RECORD.touch]: 'touch',
  [RECORD.flush]: 'flush',
  [RECORD.deletePrefix]: 'delete_prefix',
};
/** Indexed by DELETE_REASON. */
const REASONS: readonly DeleteReason[] = ['deleted', 'evicted', 'expired', 'idle'];

export class LogChanges implements ChangeLog {
  readonly #feeds: Feeds;
  readonly #large: KeptLargeValues;
  readonly #clocks: Clocks;

  constructor(env: Env, log: Log, history: History, clocks: Clocks) {
    this.#feeds = new Feeds(env, log, history);
    this.#large = new KeptLargeValues(env.fs, log.dir, history);
    this.#clocks = clocks;
  }

  async follow(options: FollowOptions): Promise<ChangeFeed> {
    const records = await reported(this.#feeds.begin(options.after));
    return new LogChangeFeed(this.#feeds, records, this.#large, this.#clocks, options);
  }

  close(): Promise<void> {
    return this.#feeds.close();
  }
}

class LogChangeFeed implements ChangeFeed {
  readonly #feeds: Feeds;
  readonly #records: RecordFeed;
  readonly #large: KeptLargeValues;
  readonly #clocks: Clocks;
  readonly #options: FollowOptions;
  /** Positions in #window of the frames of the batch at hand. */
  readonly #frames: number[] = [];
  #window: Buffer = NO_BYTES;
  #timeMs = 0;
  /** Index in #frames of the next frame. */
  #at = 0;
  /** Feeds.moves, as it was when this feed found no further batch. */
  #seenMoves = 0;
  /** The open large value of the last change. */
  #openValue: KeptLargeValue | undefined;
  /** The large value of the next change is being opened. */
  #isOpening = false;
  #isClosed = false;

  constructor(
    feeds: Feeds,
    records: RecordFeed,
    large: KeptLargeValues,
    clocks: Clocks,
    options: FollowOptions,
  ) {
    this.#feeds = feeds;
    this.#records = records;
    this.#large = large;
    this.#clocks = clocks;
    this.#options = options;
  }

  get position(): number {
    const { position } = this.#records;
    return this.#isOpening ? position - 1 : position;
  }

  get isEnded(): boolean {
    return this.#isClosed || this.#feeds.isClosed;
  }

  next(): Maybe<Change | undefined> {
    const found = this.#openValue === undefined ? this.#search() : 'later';
    return found === undefined || found === 'later' ? this.#nextLater() : found;
  }

  async more(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true || this.#isClosed) return;
    await this.#feeds.moved(this.#seenMoves, signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeValue();
    await this.#feeds.end(this.#records);
  }

  async #nextLater(): Promise<Change | undefined> {
    await this.#closeValue();
    while (!this.isEnded) {
      const found = this.#search();
      if (found === 'later') await this.#feeds.pace.nextTurn();
      else if (found !== undefined) return found;
      else if (!(await this.#fetch())) return undefined;
    }
    return undefined;
  }

  /** Returns the next change in the batch at hand; undefined: there is none; `later`: this turn's time is used up. */
  #search(): Maybe<Change> | undefined | 'later' {
    while (this.#at < this.#frames.length && !this.isEnded) {
      if (this.#at % PIECE_RECORDS === 0 && this.#feeds.pace.isOver) return 'later';
      const record = this.#nextWanted();
      if (record !== undefined) return this.#changeOf(record);
    }
    return undefined;
  }

  /** Returns the next record of the batch, or undefined when it was not asked for. */
  #nextWanted(): LogRecord | undefined {
    const place = this.#frames[this.#at]!;
    this.#at += 1;
    const seq = frameSeqAt(this.#window, place);
    if (seq <= this.#records.position) return undefined;
    this.#records.position = seq;
    const record = frameRecord(this.#window, place);
    return isWanted(record, this.#options) ? record : undefined;
  }

  /** Fetches the next batch. Returns false when there is none yet. */
  async #fetch(): Promise<boolean> {
    const frames = this.#frames;
    frames.length = 0;
    this.#at = 0;
    this.#seenMoves = this.#feeds.moves;
    const header = await reported(this.#records.next(this.#take));
    if (header === undefined) return false;
    this.#timeMs = header.timeMs;
    const last = frames.at(-1);
    // The feed was positioned before this batch, which holds only changes up to its position.
    if (last !== undefined && frameSeqAt(this.#window, last) <= this.position) frames.length = 0;
    return true;
  }

  readonly #take: TakeFrame = (source, at) => {
    this.#window = source;
    this.#frames.push(at);
  };

  #changeOf(record: LogRecord): Maybe<Change> {
    const { type, marks, value } = record;
    if (type !== RECORD.put) return this.#compose(record, 0, undefined);
    const wanted = this.#options.values === true;
    if ((marks & RECORD_MARK.largeValue) === 0) {
      return this.#compose(record, value.length, wanted ? value : undefined);
    }
    const reference = decodeDescriptor(value);
    if (!wanted) return this.#compose(record, reference.bytes, undefined);
    return this.#withLarge(record, reference);
  }

  async #withLarge(record: LogRecord, reference: LargeReference): Promise<Change> {
    this.#isOpening = true;
    try {
      this.#openValue = await reported(this.#large.open(reference));
    } finally {
      this.#isOpening = false;
    }
    return this.#compose(record, reference.bytes, this.#openValue);
  }

  #compose(record: LogRecord, valueBytes: number, value: Value | undefined): Change {
    const { type, seq, key, flags } = record;
    const isPut = type === RECORD.put;
    return {
      type: TYPES[type],
      seq,
      timeMs: this.#timeMs,
      key,
      flags: isPut ? flags : 0,
      expiresAt: this.#endOf(record),
      cas: isPut ? casOf(record) : 0n,
      reason: type === RECORD.delete ? (REASONS[flags] ?? 'deleted') : undefined,
      valueBytes,
      value,
    };
  }

  #endOf(record: LogRecord): number {
    const { type, expiresAt } = record;
    if (type === RECORD.flush && !isFlushPromise(record)) return 0;
    return wallExpiryOf(expiresAt, this.#clocks);
  }

  async #closeValue(): Promise<void> {
    const value = this.#openValue;
    this.#openValue = undefined;
    await value?.close();
  }
}

/** Awaits the work and throws what the system refuses as a KvError. */
async function reported<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fileFailure('The log cannot be read for a change feed', undefined, error);
  }
}

/** Checks whether the record may have changed a key that was asked for. */
function isWanted({ type, key }: LogRecord, { prefix, key: wanted }: FollowOptions): boolean {
  if (type === RECORD.flush) return true;
  const isPrefix = type === RECORD.deletePrefix;
  if (wanted !== undefined && !(isPrefix ? beginsWith(wanted, key) : wanted.equals(key))) {
    return false;
  }
  if (prefix === undefined) return true;
  return beginsWith(key, prefix) || (isPrefix && beginsWith(prefix, key));
}

function beginsWith(bytes: Buffer, start: Buffer): boolean {
  return (
    bytes.length >= start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0
  );
}
