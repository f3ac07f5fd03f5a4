// Commits: every change of an item is a record that is appended to the log first. The keydir, the cache and the files
// of large values follow in the same turn, and the state before the change is kept to undo it.
//
// Invariants:
// - Flushes whose time has come get their record before any other (`carryOutFlushes`).
// - The log calls `#takeBack` for exactly the changes that were committed here, newest first, which restores the keydir.

import { RECORD_MARK, DELETE_REASON, RECORD, type RecordType } from '../../log/bytes/format.js';
import type { NewRecord } from '../../log/commit/batch.js';
import type { Placed } from '../../log/commit/group-commit.js';
import type { Log } from '../../log/log.js';
import type { FlushNeed } from '../../log/segments/flush-need.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Segment } from '../../log/segments/segment.js';
import type { StoreClock } from '../clock.js';
import type { StoreCounters } from '../counters.js';
import type { FlushPromise } from '../flushes/promises.js';
import type { Flushes } from '../flushes/flushes.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { emptyRecord } from '../keydir/record.js';
import type { RefusedStatus } from '../store.js';
import type { ValueCache } from '../value-cache/value-cache.js';
import type { Items } from './items.js';
import type { LargeValues } from './large-values.js';
import type { Liveness } from './liveness.js';
import { keydirMarks } from './marks.js';
import { PastStates } from './past-states.js';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** The value of a touch, or of a flush that carries out a promise: the seq (u48) of the put or the promise, two zeros. */
const SEQ_VALUE_BYTES = 8;
const TARGET = Buffer.alloc(SEQ_VALUE_BYTES);

/** Reused for each record and each state: nobody keeps them. */
const RECORD_DRAFT: { -readonly [K in keyof NewRecord]-?: NewRecord[K] } = {
  type: RECORD.put,
  marks: 0,
  flags: 0,
  expiresAt: 0,
  key: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  value: NO_BYTES,
  valueStart: 0,
  valueEnd: 0,
  cas: 0n,
};
const BEFORE = emptyRecord();
const STATE = emptyRecord();

/** The content of a put record, without its key. */
export interface Content {
  /** The value is value[valueStart..valueEnd), by default all of it. */
  readonly value: Buffer;
  readonly valueStart?: number;
  readonly valueEnd?: number;
  readonly flags: number;
  readonly expiresAt: number;
  /** Undefined: the record's seq. */
  readonly chosenCas?: bigint | undefined;
  readonly stale?: boolean;
  readonly won?: boolean;
  /** The value is in this file; `value` is its descriptor. */
  readonly large?: LargeReference | undefined;
}

type RemovalReason = keyof typeof DELETE_REASON;

interface CommitParts {
  readonly clock: StoreClock;
  readonly log: Log;
  readonly items: Items;
  readonly liveness: Liveness;
  readonly cache: ValueCache;
  readonly flushes: Flushes;
  readonly large: LargeValues;
  readonly counters: StoreCounters;
}

export class Commits {
  readonly #clock: StoreClock;
  readonly #log: Log;
  readonly #items: Items;
  readonly #liveness: Liveness;
  readonly #cache: ValueCache;
  readonly #flushes: Flushes;
  readonly #large: LargeValues;
  readonly #counters: StoreCounters;
  /** The states before changes that are not durable yet. */
  readonly past = new PastStates();
  /** True once the store closes: nothing is committed any more. */
  closed = false;

  constructor(parts: CommitParts) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#items = parts.items;
    this.#liveness = parts.liveness;
    this.#cache = parts.cache;
    this.#flushes = parts.flushes;
    this.#large = parts.large;
    this.#counters = parts.counters;
  }

  /** Returns the reason why the log took no record. */
  refusal(): RefusedStatus {
    const log = this.#log;
    if (this.closed || log.poisoned) return 'closed';
    return log.lacksDescriptors && !log.short ? 'no-descriptors' : 'no-space';
  }

  /**
   * Stores an item under the key key[start..end). `ref` is the key's entry in the keydir (dead or alive), or 0. Returns
   * the place of the record; undefined: the log took none.
   */
  put(key: Buffer, ref: number, content: Content, start = 0, end = key.length): Placed | undefined {
    if (this.#flushes.promises.nextMs !== Infinity && !this.carryOutFlushes()) return undefined;
    const items = this.#items;
    const { value, flags, expiresAt, chosenCas, valueStart = 0, valueEnd = value.length } = content;
    const marks = recordMarks(content);
    const record = RECORD_DRAFT;
    record.type = RECORD.put;
    record.marks = marks;
    record.flags = flags;
    record.expiresAt = expiresAt;
    record.key = key;
    record.keyStart = start;
    record.keyEnd = end;
    record.value = value;
    record.valueStart = valueStart;
    record.valueEnd = valueEnd;
    record.cas = chosenCas === undefined ? 0n : chosenCas;
    const placed = this.#log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    const { seq } = placed;
    const old = items.hasLarge && ref !== 0 ? items.largeOf(ref) : undefined;
    if (ref === 0) this.past.push(seq, undefined, undefined);
    else this.#keepPast(seq, ref);
    const state = STATE;
    state.segment = placed.segment.slot;
    state.offset = placed.offset;
    state.length = placed.bytes;
    state.seq = seq;
    state.expiresAt = expiresAt;
    state.marks = marks === 0 ? 0 : keydirMarks(marks);
    state.lastUsedSeconds = Math.floor(this.#clock.nowMs() / 1000);
    const at =
      ref === 0
        ? items.add(key, start, end, state, placed.segment, content.large)
        : items.replace(ref, BEFORE, state, placed.segment, content.large);
    if (old !== undefined) this.#large.dropAfter(old, seq);
    if (content.large === undefined) {
      this.#cache.put(at, seq, flags, chosenCas, value, valueStart, valueEnd);
    }
    return placed;
  }

  /** Deletes the item of `ref`, whose key is key[start..end), by a record. */
  removal(
    key: Buffer,
    ref: number,
    reason: RemovalReason,
    start = 0,
    end = key.length,
  ): Placed | undefined {
    if (!this.carryOutFlushes()) return undefined;
    const items = this.#items;
    const record = this.#draft(RECORD.delete, key, start, end);
    record.flags = DELETE_REASON[reason];
    const placed = this.#log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    const old = items.largeOf(ref);
    this.#keepPast(placed.seq, ref);
    items.remove(ref);
    items.unsynced.note(key, start, end, placed.seq);
    if (old !== undefined) this.#large.dropAfter(old, placed.seq);
    return placed;
  }

  /** Gives the item of `ref` another expiry by a record, and with `wins` the mark that a client refills it. */
  touch(
    key: Buffer,
    ref: number,
    expiresAt: number,
    wins = false,
    start = 0,
    end = key.length,
  ): Placed | undefined {
    if (!this.carryOutFlushes()) return undefined;
    const items = this.#items;
    const { keydir } = items;
    const won = wins || (keydir.marks(ref) & ITEM_MARK.WON) !== 0;
    const record = this.#draft(RECORD.touch, key, start, end);
    record.marks = won ? RECORD_MARK.won : 0;
    record.expiresAt = expiresAt;
    TARGET.writeUIntLE(keydir.seq(ref), 0, 6);
    record.value = TARGET;
    record.valueEnd = SEQ_VALUE_BYTES;
    const placed = this.#log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    items.load(ref, BEFORE);
    this.past.push(placed.seq, BEFORE, items.largeOf(ref));
    items.setExpiresAt(ref, expiresAt);
    if (wins) items.addMarks(ref, ITEM_MARK.WON);
    items.unsynced.note(key, start, end, placed.seq);
    return placed;
  }

  /**
   * Returns the seq that must be durable before a client hears that there is no item under key[start..end); 0: at once.
   * `held` is the key's dead entry in the keydir, or 0. A restart with a clock that is behind must not find the item
   * either: where the log does not show its end, its expiry is committed. When a flush is due, the next record
   * carries it out (carryOutFlushes), and has the next seq.
   */
  absence(held: number, key: Buffer, start = 0, end = key.length): number {
    if (held !== 0) {
      const liveness = this.#liveness;
      if (liveness.isFlushDue && this.#takesRecords) return this.#log.lastSeq + 1;
      if (liveness.isDeadByTimeAlone(held)) return this.#expiry(key, start, end, held);
    }
    const after = this.#items.afterOf(0, key, start, end);
    if (!this.#flushes.isOpen) return after;
    const { newest } = this.#flushes;
    return newest > this.#log.watermark ? Math.max(newest, after) : after;
  }

  /** Commits the expiry of an item. Returns the record's seq; 0: the log took none. */
  #expiry(key: Buffer, start: number, end: number, ref: number): number {
    const isUnfetched = (this.#items.keydir.marks(ref) & ITEM_MARK.FETCHED) === 0;
    const placed = this.removal(key, ref, 'expired', start, end);
    if (placed === undefined) return 0;
    if (isUnfetched) this.#counters.expiredUnfetched += 1;
    return placed.seq;
  }

  /** Commits a flush_all, or with a prefix a delete_prefix; `atMs` 0: at once. Returns its seq; 0: the log took none. */
  flush(prefix: Buffer, atMs: number): number {
    if (!this.carryOutFlushes()) return 0;
    const flushes = this.#flushes;
    const log = this.#log;
    const promised = atMs === 0 ? 0 : flushes.promises.seqAt(atMs);
    if (promised !== 0) return promised;
    const type = prefix.length === 0 ? RECORD.flush : RECORD.deletePrefix;
    const record = { marks: 0, flags: 0, expiresAt: atMs, key: prefix, value: NO_BYTES, cas: 0n };
    let undo: (() => void) | undefined;
    const placed = log.append({ type, ...record }, () => undo?.());
    if (placed === undefined) return 0;
    const { seq } = placed;
    const { slot } = placed.segment;
    undo =
      atMs === 0
        ? flushes.add(seq, prefix, log.watermark)
        : flushes.promises.add({ seq, atMs, slot });
    return seq;
  }

  /**
   * Appends the record of flushes whose time has come, before anything else is appended: items behind it are
   * younger. Returns false when the log took none; then nothing else may be stored either. The sweeper calls
   * this at the time of a flush, because queries do not write.
   */
  carryOutFlushes(): boolean {
    const { promises } = this.#flushes;
    if (promises.nextMs === Infinity) return true;
    const due = promises.due(this.#clock.nowMs());
    return due === undefined || this.#carryOut(due);
  }

  /** Carries out `due` and all promises that were due before it. */
  #carryOut(due: FlushPromise): boolean {
    const flushes = this.#flushes;
    const log = this.#log;
    const value = Buffer.alloc(SEQ_VALUE_BYTES);
    value.writeUIntLE(due.seq, 0, 6);
    const record = { marks: 0, flags: 0, expiresAt: due.atMs, key: NO_BYTES, value, cas: 0n };
    const undos: (() => void)[] = [];
    const placed = log.append({ type: RECORD.flush, ...record }, () => {
      for (const undo of undos) undo();
    });
    if (placed === undefined) return false;
    undos.push(
      flushes.add(placed.seq, NO_BYTES, log.watermark),
      flushes.promises.carryOut(due.atMs, placed.seq, log.watermark),
    );
    flushes.promises.noteNeeds((slot) => log.table.at(slot));
    return true;
  }

  /**
   * Removes an item that is dead for good from the keydir. Its record stays in the log without effect. When a flush killed
   * the item, the log needs that flush as long as the record: `need` notes it, by default for the record's segment.
   */
  forget(ref: number, need = this.#segmentOf(ref).flushNeed): void {
    const items = this.#items;
    this.#noteKiller(ref, need);
    const reference = items.largeOf(ref);
    if (reference === undefined) {
      items.remove(ref);
      return;
    }
    const { keydir } = items;
    // The touch that made the item expire may yet be taken back.
    const seq = Math.max(keydir.seq(ref), items.afterOf(ref, keydir.key(ref)));
    // The item first: a running snapshot opens the file when the item is removed.
    items.remove(ref);
    this.#large.dropAfter(reference, seq);
  }

  get #takesRecords(): boolean {
    return !this.closed && !this.#log.poisoned && !this.#log.short;
  }

  /** Resets the one record draft, without a value. */
  #draft(type: RecordType, key: Buffer, start: number, end: number): typeof RECORD_DRAFT {
    const record = RECORD_DRAFT;
    record.type = type;
    record.marks = 0;
    record.flags = 0;
    record.expiresAt = 0;
    record.key = key;
    record.keyStart = start;
    record.keyEnd = end;
    record.value = NO_BYTES;
    record.valueStart = 0;
    record.valueEnd = 0;
    record.cas = 0n;
    return record;
  }

  /**
   * Loads the item of `ref` into BEFORE and notes it as the state before the change of `seq`. An item that is dead for good
   * is noted as no item: no failed commit puts it back. Its record may stay in the log, which needs the flush that
   * killed it.
   */
  #keepPast(seq: number, ref: number): void {
    const items = this.#items;
    const flushes = this.#flushes;
    items.load(ref, BEFORE);
    const mayBeDead =
      BEFORE.expiresAt !== 0 || flushes.isOpen || flushes.promises.nextMs !== Infinity;
    if (mayBeDead && this.#liveness.isDeadForGood(ref)) {
      this.#noteKiller(ref, this.#segmentOf(ref).flushNeed);
      this.past.push(seq, undefined, undefined);
      return;
    }
    this.past.push(seq, BEFORE, items.hasLarge ? items.largeOf(ref) : undefined);
  }

  /** Undoes the change of that key by the record of `seq`, whose commit failed. */
  readonly #takeBack = (key: Buffer, seq: number): void => {
    const items = this.#items;
    const large = this.#large;
    const before = this.past.pop(seq);
    const ref = items.keydir.find(key);
    const now = ref === 0 ? undefined : items.largeOf(ref);
    items.restore(key, before);
    large.keep(before?.large);
    // An invalidated item keeps its file: both records refer to it.
    if (now !== undefined && now.id !== before?.large?.id) large.dropNow(now);
  };

  #noteKiller(ref: number, need: FlushNeed): void {
    const killer = this.#liveness.killerOf(ref, this.#log.watermark);
    if (killer !== 0) need.note(killer);
  }

  #segmentOf(ref: number): Segment {
    return this.#log.table.at(this.#items.keydir.segment(ref));
  }
}

function recordMarks(content: Content): number {
  return (
    (content.chosenCas === undefined ? 0 : RECORD_MARK.chosenCas) |
    (content.stale === true ? RECORD_MARK.stale : 0) |
    (content.won === true ? RECORD_MARK.won : 0) |
    (content.large === undefined ? 0 : RECORD_MARK.largeValue)
  );
}
