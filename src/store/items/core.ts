// What the parts of the store share: the log, the items, the cache, the clock, the counters; and the two
// steps that all of them are made of: find a live item, commit a change of it.
//
// Invariants:
// - Every change of an item goes through `commitPut`, `commitRemoval` or `commitTouch`: the record is
//   appended first, the keydir follows in the same turn, and the undo restores it.
// - An item that has expired or was flushed is never found.

import { createHistogram } from 'node:perf_hooks';

import type { Env } from '../../env/env.js';
import { SEQ_MAX } from '../../limits.js';
import type { FlushNeed } from '../../log/segments/flush-need.js';
import { DELETE_REASON, MARK as RECORD_MARK, RECORD } from '../../log/bytes/format.js';
import type { RecordType } from '../../log/bytes/format.js';
import type { NewRecord, Placed } from '../../log/commit/group-commit.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Log } from '../../log/log.js';
import type { Segment } from '../../log/segments/segment.js';
import type { FlushPromise } from '../flushes/promises.js';
import type { Flushes } from '../flushes/flushes.js';
import type { Items } from './items.js';
import { MARK } from '../keydir/keydir.js';
import { emptyRecord } from '../keydir/entries.js';
import type { LargeValues } from './large-values.js';
import { PastStates } from './past-states.js';
import { ScrubFindings } from '../upkeep/scrub-findings.js';
import type { StoreClock } from '../clock.js';
import type { StoreCounters } from '../counters.js';
import type { StoreOptions } from '../options.js';
import type { Evicted, MissReason, RefusedStatus } from '../store.js';
import type { ValueCache } from '../value-cache/value-cache.js';

const NO_VALUE: Buffer = Buffer.alloc(0);

/** The value of a touch and of a flush that carries out another: the seq (u48) it is meant for, two zeros. */
export const SEQ_VALUE_BYTES = 8;
const TARGET = Buffer.alloc(SEQ_VALUE_BYTES);

/** Filled again for each record and each state: nobody keeps them. */
const RECORD_DRAFT: { -readonly [K in keyof NewRecord]-?: NewRecord[K] } = {
  type: RECORD.put,
  marks: 0,
  flags: 0,
  expiresAt: 0,
  key: NO_VALUE,
  keyStart: 0,
  keyEnd: 0,
  value: NO_VALUE,
  valueStart: 0,
  valueEnd: 0,
  cas: 0n,
};
const STATE = emptyRecord();

/** What a put record is made of, beside its key. */
export interface Content {
  /** value[valueStart..valueEnd), by default all of it. */
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

/** What `find` gives in place of a ref: none is above 0. */
export const NO_ITEM = { absent: 0, expired: -1, flushed: -2 } as const;

/** Why there is no item, of what `find` gave in place of a ref. */
export function missReasonOf(found: number): MissReason {
  if (found === NO_ITEM.expired) return 'expired';
  return found === NO_ITEM.flushed ? 'flushed' : 'absent';
}

export type RemovalReason = keyof typeof DELETE_REASON;

export class Core {
  readonly env: Env;
  readonly options: StoreOptions;
  readonly clock: StoreClock;
  readonly log: Log;
  readonly items: Items;
  readonly cache: ValueCache;
  readonly flushes: Flushes;
  readonly large: LargeValues;
  readonly counters: StoreCounters;
  readonly scrubFindings = new ScrubFindings();
  readonly past = new PastStates();
  /** Of each commit's write and sync, in ns. */
  readonly syncLatency = createHistogram();
  closed = false;
  /** Reads so far: who reads shall not wait for commits. */
  reads = 0;
  /** Told of each eviction (`watch evictions`). */
  onEvicted: ((item: Evicted) => void) | undefined;

  constructor(parts: CoreParts) {
    this.env = parts.env;
    this.options = parts.options;
    this.clock = parts.clock;
    this.log = parts.log;
    this.items = parts.items;
    this.cache = parts.cache;
    this.flushes = parts.flushes;
    this.large = parts.large;
    this.counters = parts.counters;
    this.log.onLatency = (ms) => this.syncLatency.record(Math.max(1, Math.round(ms * 1e6)));
  }

  /** The ref of the key `key[start..end)` when it has a live item, else NO_ITEM's number of why there is none. */
  find(key: Buffer, start = 0, end = key.length): number {
    return this.live(this.items.keydir.find(key, start, end));
  }

  /** The same for what the keydir holds of a key: `ref`, dead or alive, or 0. */
  live(ref: number): number {
    if (ref === 0) return NO_ITEM.absent;
    const reason = this.deadReason(ref);
    return reason === undefined ? ref : NO_ITEM[reason];
  }

  /** Why an item that is in the keydir is not live; undefined when it is. */
  deadReason(ref: number): 'expired' | 'flushed' | undefined {
    const { keydir } = this.items;
    const { clock, flushes } = this;
    if (flushes.any && (this.#isFlushDue || this.#killerOf(ref, SEQ_MAX) !== 0)) return 'flushed';
    const expiresAt = keydir.expiresAt(ref);
    return expiresAt !== 0 && expiresAt <= clock.nowMs() ? 'expired' : undefined;
  }

  /**
   * Dead, and nothing can bring it back: no failed commit (a flush that is not durable may yet be taken
   * back), and no restart with a clock that is behind (the log must show a time when it was dead).
   */
  isDeadForGood(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined) return false;
    const { durableTimeMs, watermark } = this.log;
    if (reason === 'flushed') return this.#killerOf(ref, watermark) !== 0;
    return this.items.keydir.expiresAt(ref) <= durableTimeMs;
  }

  /** Dead by the clock, of which a restart would find nothing in the log. */
  #isDeadByTimeAlone(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined || this.isDeadForGood(ref)) return false;
    return reason === 'expired' || this.#isFlushDue;
  }

  /** The time of a later flush has come, and its record has not: all that is there is dead. */
  get #isFlushDue(): boolean {
    return this.flushes.promises.nextMs <= this.clock.nowMs();
  }

  #killerOf(ref: number, seqMax: number): number {
    return this.flushes.isOpen ? this.flushes.killerOf(this.items.keydir, ref, seqMax) : 0;
  }

  /**
   * Seq that must be durable before anyone hears of the key; a `ref` that is none (`find`): of its absence. When a flush
   * is due, the next record carries it out (carryOutFlushes), and has the next seq.
   */
  afterOf(ref: number, key: Buffer, start = 0, end = key.length): number {
    if (ref > 0) return this.items.afterOf(ref, key, start, end);
    const dead = this.items.keydir.find(key, start, end);
    if (dead !== 0 && this.#isFlushDue && this.#takesRecords) return this.log.lastSeq + 1;
    if (dead !== 0 && this.#isDeadByTimeAlone(dead)) {
      return this.#commitExpiry(key, start, end, dead);
    }
    const after = this.items.afterOf(0, key, start, end);
    if (!this.flushes.isOpen) return after;
    const { newest } = this.flushes;
    return newest > this.log.watermark ? Math.max(newest, after) : after;
  }

  /**
   * Flushes whose time has come get their record before anything else is appended: items behind it are
   * younger. False when the log took none; then nothing else may be stored either. The sweeper calls it at
   * their time: queries do not write.
   */
  carryOutFlushes(): boolean {
    const { promises } = this.flushes;
    if (promises.nextMs === Infinity) return true;
    const nowMs = this.clock.nowMs();
    for (let due = promises.due(nowMs); due !== undefined; due = promises.due(nowMs)) {
      if (!this.#carryOut(due)) return false;
    }
    return true;
  }

  #carryOut(due: FlushPromise): boolean {
    const { flushes, log } = this;
    const value = Buffer.alloc(SEQ_VALUE_BYTES);
    value.writeUIntLE(due.seq, 0, 6);
    const record = { marks: 0, flags: 0, expiresAt: 0, key: NO_VALUE, value, cas: 0n };
    const undos: (() => void)[] = [];
    const placed = log.append({ type: RECORD.flush, ...record }, () => {
      for (const undo of undos) undo();
    });
    if (placed === undefined) return false;
    undos.push(
      flushes.add(placed.seq, NO_VALUE, log.watermark),
      flushes.promises.carryOut(due.seq, placed.seq, log.watermark),
    );
    return true;
  }

  /** flush_all and, with a prefix, delete_prefix; `atMs` 0: at once. Gives the record's seq; 0: the log took none. */
  commitFlush(prefix: Buffer, atMs: number): number {
    if (!this.carryOutFlushes()) return 0;
    const { flushes, log } = this;
    const promised = atMs === 0 ? 0 : flushes.promises.seqAt(atMs);
    if (promised !== 0) return promised;
    const type = prefix.length === 0 ? RECORD.flush : RECORD.deletePrefix;
    const record = { marks: 0, flags: 0, expiresAt: atMs, key: prefix, value: NO_VALUE, cas: 0n };
    let undo: (() => void) | undefined;
    const placed = log.append({ type, ...record }, () => undo?.());
    if (placed === undefined) return 0;
    const { seq } = placed;
    undo =
      atMs === 0 ? flushes.add(seq, prefix, log.watermark) : flushes.promises.add({ seq, atMs });
    return seq;
  }

  /** Makes durable what nobody could tell after a restart with a clock that is behind; 0 when the log takes nothing. */
  #commitExpiry(key: Buffer, start: number, end: number, ref: number): number {
    const { keydir } = this.items;
    const isUnfetched = (keydir.marks(ref) & MARK.FETCHED) === 0;
    const placed = this.commitRemoval(key, ref, 'expired', start, end);
    if (placed !== undefined && isUnfetched) this.counters.expiredUnfetched += 1;
    return placed?.seq ?? 0;
  }

  get #takesRecords(): boolean {
    return !this.closed && !this.log.poisoned && !this.log.short;
  }

  /** Why the log took no record. */
  refusal(): RefusedStatus {
    return this.closed || this.log.poisoned ? 'closed' : 'no-space';
  }

  nowSeconds(): number {
    return Math.floor(this.clock.nowMs() / 1000);
  }

  /**
   * Stores an item under the key `key[start..end)`; `ref` is the key's in the keydir (dead or alive), 0 when it has none.
   * Returns where its record stands.
   */
  commitPut(
    key: Buffer,
    ref: number,
    content: Content,
    start = 0,
    end = key.length,
  ): Placed | undefined {
    if (!this.carryOutFlushes()) return undefined;
    const { items, large } = this;
    const { value, flags, expiresAt, chosenCas, valueStart = 0, valueEnd = value.length } = content;
    const record = RECORD_DRAFT;
    record.type = RECORD.put;
    record.marks = recordMarks(content);
    record.flags = flags;
    record.expiresAt = expiresAt;
    record.key = key;
    record.keyStart = start;
    record.keyEnd = end;
    record.value = value;
    record.valueStart = valueStart;
    record.valueEnd = valueEnd;
    record.cas = chosenCas ?? 0n;
    const placed = this.log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    const old = ref === 0 ? undefined : items.largeOf(ref);
    this.#keepPast(placed.seq, ref, ref !== 0 && !this.#letGo(ref));
    const state = STATE;
    state.segment = placed.segment.slot;
    state.offset = placed.offset;
    state.length = placed.bytes;
    state.seq = placed.seq;
    state.expiresAt = expiresAt;
    state.marks = keydirMarks(record.marks);
    state.lastUsedSeconds = this.nowSeconds();
    const at = items.set(key, ref, state, content.large, start, end);
    if (old !== undefined) large.dropAfter(old, placed.seq);
    items.keydir.touch(at);
    if (content.large === undefined) {
      this.cache.put(at, placed.seq, flags, chosenCas, value, valueStart, valueEnd);
    }
    return placed;
  }

  /** Deletes the item of `ref`, whose key is key[start..end), durably. */
  commitRemoval(
    key: Buffer,
    ref: number,
    reason: RemovalReason,
    start = 0,
    end = key.length,
  ): Placed | undefined {
    if (!this.carryOutFlushes()) return undefined;
    const { items, large } = this;
    const record = this.#draft(RECORD.delete, key, start, end);
    record.flags = DELETE_REASON[reason];
    const placed = this.log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    const old = items.largeOf(ref);
    this.#keepPast(placed.seq, ref, !this.#letGo(ref));
    items.remove(ref);
    items.noteUnsynced(key, start, end, placed.seq);
    if (old !== undefined) large.dropAfter(old, placed.seq);
    return placed;
  }

  /** Gives the item of `ref` another expiry, and with `wins` the mark that a client refills it, durably. */
  commitTouch(
    key: Buffer,
    ref: number,
    expiresAt: number,
    wins = false,
    start = 0,
    end = key.length,
  ): Placed | undefined {
    if (!this.carryOutFlushes()) return undefined;
    const { items } = this;
    const { keydir } = items;
    const won = wins || (keydir.marks(ref) & MARK.WON) !== 0;
    const record = this.#draft(RECORD.touch, key, start, end);
    record.marks = won ? RECORD_MARK.won : 0;
    record.expiresAt = expiresAt;
    TARGET.writeUIntLE(keydir.seq(ref), 0, 6);
    record.value = TARGET;
    record.valueEnd = SEQ_VALUE_BYTES;
    const placed = this.log.append(record, this.#takeBack);
    if (placed === undefined) return undefined;
    this.#keepPast(placed.seq, ref, true);
    items.setExpiresAt(ref, expiresAt);
    if (wins) keydir.setMarks(ref, keydir.marks(ref) | MARK.WON);
    items.noteUnsynced(key, start, end, placed.seq);
    return placed;
  }

  /** The one draft of a record, without a value. */
  #draft(type: RecordType, key: Buffer, start: number, end: number): typeof RECORD_DRAFT {
    const record = RECORD_DRAFT;
    record.type = type;
    record.marks = 0;
    record.flags = 0;
    record.expiresAt = 0;
    record.key = key;
    record.keyStart = start;
    record.keyEnd = end;
    record.value = NO_VALUE;
    record.valueStart = 0;
    record.valueEnd = 0;
    record.cas = 0n;
    return record;
  }

  /** Notes what the item of `ref` was before the change of `seq`; not `isKept`: nothing that could come back. */
  #keepPast(seq: number, ref: number, isKept: boolean): void {
    const { items, past } = this;
    if (!isKept) {
      past.push(seq, undefined, undefined);
      return;
    }
    items.load(ref, STATE);
    past.push(seq, STATE, items.largeOf(ref));
  }

  /** The change of that key by the record of `seq` did not come to be. */
  readonly #takeBack = (key: Buffer, seq: number): void => {
    const { items, large } = this;
    const before = this.past.pop(seq);
    const ref = items.keydir.find(key);
    const now = ref === 0 ? undefined : items.largeOf(ref);
    items.restore(key, before);
    large.keep(before?.large);
    // An invalidated item keeps its file: both records refer to it.
    if (now !== undefined && now.id !== before?.large?.id) large.dropNow(now);
  };

  /**
   * Whether the item is dead for good: then no failed commit puts it back. Its record may stay in the log, which
   * needs the flush that killed it.
   */
  #letGo(ref: number): boolean {
    if (!this.isDeadForGood(ref)) return false;
    this.#noteKiller(ref, this.#segmentOf(ref).flushNeed);
    return true;
  }

  #noteKiller(ref: number, need: FlushNeed): void {
    const killer = this.#killerOf(ref, this.log.watermark);
    if (killer !== 0) need.note(killer);
  }

  #segmentOf(ref: number): Segment {
    return this.log.table.at(this.items.keydir.segment(ref));
  }

  /**
   * Takes an item that is dead for good out of the keydir; its record stays in the log and means nothing any more.
   * When a flush killed it, that is needed as long: by the record's segment, or by what `need` says.
   */
  forget(ref: number, need = this.#segmentOf(ref).flushNeed): void {
    const { items, large } = this;
    this.#noteKiller(ref, need);
    const reference = items.largeOf(ref);
    if (reference === undefined) {
      items.remove(ref);
      return;
    }
    const { keydir } = items;
    // The touch that gave it its end may yet be taken back.
    const seq = Math.max(keydir.seq(ref), items.afterOf(ref, keydir.key(ref)));
    // First the item: a running snapshot takes hold of the file when it goes.
    items.remove(ref);
    large.dropAfter(reference, seq);
  }
}

export interface CoreParts {
  readonly env: Env;
  readonly options: StoreOptions;
  readonly clock: StoreClock;
  readonly log: Log;
  readonly items: Items;
  readonly cache: ValueCache;
  readonly flushes: Flushes;
  readonly large: LargeValues;
  readonly counters: StoreCounters;
}

function recordMarks(content: Content): number {
  return (
    (content.chosenCas === undefined ? 0 : RECORD_MARK.chosenCas) |
    (content.stale === true ? RECORD_MARK.stale : 0) |
    (content.won === true ? RECORD_MARK.won : 0) |
    (content.large === undefined ? 0 : RECORD_MARK.largeValue)
  );
}

/** The keydir's marks of a put record with those marks. */
export function keydirMarks(marks: number): number {
  return (
    ((marks & RECORD_MARK.chosenCas) === 0 ? 0 : MARK.CHOSEN_CAS) |
    ((marks & RECORD_MARK.stale) === 0 ? 0 : MARK.STALE) |
    ((marks & RECORD_MARK.won) === 0 ? 0 : MARK.WON)
  );
}
