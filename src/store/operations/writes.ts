// Writes: set, add, replace, append, prepend and cas. A write checks memcached's conditions, then appends a put record.
//
// Invariant: a write may have to wait for bytes from the disk, or for room that takes more than a turn to make. It is
// decided again after the wait; if the item has changed meanwhile, its bytes are fetched again. So the order of
// changes is the order of the log.

import { isKvError } from '../../errors.js';
import { INLINE_VALUE_BYTES_MAX } from '../../limits.js';
import { RECORD_MARK, frameBytes } from '../../log/bytes/format.js';
import { LARGE_DESCRIPTOR_BYTES } from '../../log/segments/large-value-file.js';
import type { Bounds } from './bounds.js';
import type { Content } from '../items/commits.js';
import type { StoreParts } from '../items/parts.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { LargeWrites } from './large-writes.js';
import { StoredOutcome, ownOutcome } from './outcomes.js';
import type { Maybe, Put, PutOutcome, Status } from '../store.js';
import type { LoadResult, Loaded, Values } from '../items/values.js';

/** The content of an item when it had that seq. */
export interface Known {
  readonly seq: number;
  readonly loaded: LoadResult;
}

export class Writes {
  readonly #parts: StoreParts;
  readonly #values: Values;
  readonly #bounds: Bounds;
  readonly #large: LargeWrites;
  readonly #stored = new StoredOutcome('stored');
  /** Longer values are refused, or written to files of their own. */
  readonly #inlineBytesMax: number;

  constructor(parts: StoreParts, values: Values, bounds: Bounds) {
    this.#parts = parts;
    this.#values = values;
    this.#bounds = bounds;
    this.#large = new LargeWrites(parts);
    this.#inlineBytesMax = Math.min(INLINE_VALUE_BYTES_MAX, parts.options.valueBytesMax);
  }

  put(put: Put): Maybe<PutOutcome> {
    const { value, valueStart = 0 } = put;
    const isPlain = put.mode === 'set' && put.compareCas === undefined && Buffer.isBuffer(value);
    if (!isPlain || this.#bounds.isBounded) return this.#attempt(put, undefined);
    const { valueEnd = value.length } = put;
    if (valueEnd - valueStart > this.#inlineBytesMax) return this.#attempt(put, undefined);
    return this.#set(put, value, valueStart, valueEnd);
  }

  /** The path of most puts: sets a value in memory that goes into the log, in a store without bounds. */
  #set(put: Put, value: Buffer, valueStart: number, valueEnd: number): PutOutcome {
    const { items, flushes, liveness, commits, counters } = this.#parts;
    const { key, keyStart = 0, keyEnd = key.length } = put;
    const held = items.keydir.find(key, keyStart, keyEnd);
    const mayBeDead =
      items.expiringCount !== 0 || flushes.isOpen || flushes.promises.nextMs !== Infinity;
    const isDead = mayBeDead && held !== 0 && liveness.deadReason(held) !== undefined;
    const content = CONTENT;
    content.value = value;
    content.valueStart = valueStart;
    content.valueEnd = valueEnd;
    content.flags = put.flags;
    content.expiresAt = put.expiresAt;
    content.chosenCas = put.chosenCas;
    content.stale = false;
    content.won = false;
    content.large = undefined;
    const placed = commits.put(key, held, content, keyStart, keyEnd);
    if (placed === undefined) {
      return this.#refused(put, isDead ? 0 : held, commits.refusal(), 0n);
    }
    if (isDead) counters.reclaimed += 1;
    counters.itemsStored += 1;
    return this.#stored.fill(placed.seq, put.chosenCas, valueEnd - valueStart);
  }

  #attempt(put: Put, known: Known | undefined): Maybe<PutOutcome> {
    const parts = this.#parts;
    const { keydir } = parts.items;
    // A dead item may still be in the keydir: the put replaces it.
    const held = keydir.find(put.key, put.keyStart, put.keyEnd);
    const ref = parts.liveness.live(held);
    let old: Loaded | undefined;
    if (ref !== 0 && needsOld(put, keydir.marks(ref))) {
      const seq = keydir.seq(ref);
      const loaded =
        known?.seq === seq
          ? known.loaded
          : this.#values.load(ref, put.key, put.keyStart, put.keyEnd);
      if (loaded instanceof Promise) return this.#later(put, seq, loaded);
      if (loaded === undefined) return this.#refuse(put, ref, 'damaged', 0n);
      old = loaded;
    }
    const isPlain = put.mode === 'set' && put.compareCas === undefined;
    const cas = ref === 0 || isPlain ? 0n : (old?.cas ?? BigInt(keydir.seq(ref)));
    const refusal = refusalOf(put, ref !== 0, cas);
    if (refusal !== undefined) {
      if (ref !== 0 && put.mode === 'add') parts.items.refresh(ref);
      return this.#refuse(put, ref, refusal, cas);
    }
    const joins = joinsOld(put);
    const bytes = bytesOf(put) + (joins && old !== undefined ? valueBytesOf(old) : 0);
    if (bytes > parts.options.valueBytesMax) return this.#refuse(put, ref, 'too-large', 0n);
    if (bytes > INLINE_VALUE_BYTES_MAX && !isReady(put, joins)) {
      return this.#putLarge(put, joins ? old : undefined);
    }
    return this.#store(put, held, ref, joins ? old : undefined, cas);
  }

  /** Puts the value through a file. An append or prepend whose item changed meanwhile begins again. */
  async #putLarge(put: Put, base: Loaded | undefined): Promise<PutOutcome> {
    const own = ownCopy(put);
    let isOver = true;
    try {
      const next = await this.#large.make(own, base);
      if ('status' in next) return next;
      const outcome = ownOutcome(await this.#attempt(next, undefined));
      isOver = !isOvertaken(own, base !== undefined, outcome.status);
      if (isOver) return outcome;
    } finally {
      if (isOver && !Buffer.isBuffer(own.value)) this.#parts.large.discard(own.value);
    }
    return ownOutcome(await this.#attempt(own, undefined));
  }

  /** `held` is the key's entry in the keydir, dead or alive, or 0; `ref` is the same if it is alive, otherwise 0. */
  #store(
    put: Put,
    held: number,
    ref: number,
    base: Loaded | undefined,
    oldCas: bigint,
  ): Maybe<PutOutcome> {
    const parts = this.#parts;
    const bytes = recordBytes(put, base);
    // A dead item's bytes count as free for the put that replaces it.
    const room = this.#bounds.makeRoom(bytes, held, true);
    if (room === 'later') {
      const own = ownCopy(put);
      return this.#bounds.whenRoom(own.key, bytes, () => {
        const outcome = this.#attempt(own, undefined);
        return outcome instanceof Promise ? outcome : ownOutcome(outcome);
      });
    }
    if (room !== 'ok') return this.#refuse(put, ref, room, 0n);
    const content = this.#contentOf(put, ref, base, oldCas);
    const replacesDead = ref === 0 && held !== 0;
    const { key, keyStart = 0, keyEnd = key.length } = put;
    const placed = parts.commits.put(key, held, content, keyStart, keyEnd);
    if (placed === undefined) {
      parts.large.dropNow(content.large);
      return this.#refused(put, ref, parts.commits.refusal(), 0n);
    }
    if (replacesDead) parts.counters.reclaimed += 1;
    parts.counters.itemsStored += 1;
    const { large, valueStart, valueEnd } = content;
    const valueBytes = large === undefined ? valueEnd - valueStart : large.bytes;
    return this.#stored.fill(placed.seq, put.chosenCas, valueBytes);
  }

  #contentOf(put: Put, ref: number, base: Loaded | undefined, oldCas: bigint): PutContent {
    const parts = this.#parts;
    const { keydir } = parts.items;
    const joins = joinsOld(put);
    const stale = ref !== 0 && isStale(put, oldCas);
    const content = CONTENT;
    content.flags = put.flags;
    // A stale value must not extend the item's lifetime, nor let a second client win.
    content.expiresAt = stale || put.keepsExpiry === true ? keydir.expiresAt(ref) : put.expiresAt;
    content.chosenCas = put.chosenCas;
    content.stale = stale;
    content.won = stale && (keydir.marks(ref) & ITEM_MARK.WON) !== 0;
    content.large = undefined;
    if (!Buffer.isBuffer(put.value)) {
      content.large = parts.large.take(put.value);
      return withValue(content, parts.large.descriptor(content.large));
    }
    if (!joins || base === undefined) {
      if (joins) content.expiresAt = put.vivifyExpiresAt ?? 0;
      return withValue(content, put.value, put.valueStart, put.valueEnd);
    }
    const added = put.value.subarray(put.valueStart, put.valueEnd);
    content.flags = base.flags;
    content.expiresAt = keydir.expiresAt(ref);
    return put.mode === 'append'
      ? withJoined(content, base.value, added)
      : withJoined(content, added, base.value);
  }

  /** Waits for the old value with copied bytes: the caller's bytes are valid only in this turn. */
  async #later(put: Put, seq: number, loading: Promise<LoadResult>): Promise<PutOutcome> {
    const own = ownCopy(put);
    let loaded: LoadResult;
    try {
      loaded = await loading;
    } catch (error) {
      // The old value could not be read, so the file of the new one is not needed.
      if (isKvError(error) && !Buffer.isBuffer(own.value))
        this.#parts.large.dropNow(this.#parts.large.take(own.value));
      throw error;
    }
    return ownOutcome(await this.#attempt(own, { seq, loaded }));
  }

  #refuse(put: Put, ref: number, status: Status, cas: bigint): PutOutcome {
    if (!Buffer.isBuffer(put.value)) this.#parts.large.dropNow(this.#parts.large.take(put.value));
    return this.#refused(put, ref, status, cas);
  }

  #refused(put: Put, ref: number, status: Status, cas: bigint): PutOutcome {
    const { items, commits } = this.#parts;
    const { key, keyStart, keyEnd } = put;
    const after =
      ref === 0
        ? commits.absence(items.keydir.find(key, keyStart, keyEnd), key, keyStart, keyEnd)
        : items.afterOf(ref, key, keyStart, keyEnd);
    return { status, after, cas, valueBytes: bytesOf(put) };
  }
}

/** Returns the put with copied bytes: the caller's bytes are valid only in this turn. */
function ownCopy(put: Put): Put {
  const { keyStart, keyEnd, valueStart, valueEnd, ...rest } = put;
  const { value } = put;
  return {
    ...rest,
    key: Buffer.from(put.key.subarray(keyStart, keyEnd)),
    value: Buffer.isBuffer(value) ? Buffer.from(value.subarray(valueStart, valueEnd)) : value,
  };
}

/** Returns the length of the put's value. */
function bytesOf({ value, valueStart = 0, valueEnd }: Put): number {
  return Buffer.isBuffer(value) ? (valueEnd ?? value.length) - valueStart : value.bytes;
}

/** A Content that is reused for each put. */
type PutContent = { -readonly [K in keyof Content]: Content[K] } & {
  valueStart: number;
  valueEnd: number;
};

const CONTENT: PutContent = {
  value: Buffer.alloc(0),
  valueStart: 0,
  valueEnd: 0,
  flags: 0,
  expiresAt: 0,
  chosenCas: undefined,
  stale: false,
  won: false,
  large: undefined,
};

function withValue(content: PutContent, value: Buffer, start = 0, end = value.length): PutContent {
  content.value = value;
  content.valueStart = start;
  content.valueEnd = end;
  return content;
}

/** Memory for joined values. Reused, because the log and the cache copy it and new memory would burden the collector. */
let joined = Buffer.alloc(0);

function withJoined(content: PutContent, first: Buffer, second: Buffer): PutContent {
  const bytes = first.length + second.length;
  if (joined.length < bytes)
    joined = Buffer.allocUnsafeSlow(Math.min(2 * bytes, INLINE_VALUE_BYTES_MAX));
  first.copy(joined);
  second.copy(joined, first.length);
  return withValue(content, joined, 0, bytes);
}

/** Returns the bytes of the frame, plus those of the value's file if it has one. */
function recordBytes(put: Put, base: Loaded | undefined): number {
  const { key, keyStart = 0, keyEnd = key.length, value } = put;
  const marks = put.chosenCas === undefined ? 0 : RECORD_MARK.chosenCas;
  if (!Buffer.isBuffer(value)) {
    return frameBytes(keyEnd - keyStart, LARGE_DESCRIPTOR_BYTES, marks) + value.bytes;
  }
  const baseBytes = base === undefined ? 0 : base.value.length;
  return frameBytes(keyEnd - keyStart, bytesOf(put) + baseBytes, marks);
}

function valueBytesOf(loaded: Loaded): number {
  return loaded.large?.bytes ?? loaded.value.length;
}

/** Checks whether the put needs the item's value or the CAS token that a client chose: both are only in the record. */
function needsOld(put: Put, marks: number): boolean {
  if (joinsOld(put)) return true;
  return (
    (marks & ITEM_MARK.CHOSEN_CAS) !== 0 && (put.compareCas !== undefined || put.mode === 'add')
  );
}

/** Checks whether a value that belongs into a file is in one already. */
function isReady(put: Put, joins: boolean): boolean {
  return !joins && !Buffer.isBuffer(put.value);
}

/** Returns the reason to refuse the put, or undefined. `exists`: there is a live item, with the CAS token `cas`. */
function refusalOf(put: Put, exists: boolean, cas: bigint): Status | undefined {
  const { mode, compareCas } = put;
  if (!exists) return refusalOfMissing(put);
  if (mode === 'add') return 'not-stored';
  if (compareCas === undefined || compareCas === cas || isStale(put, cas)) return undefined;
  return 'exists';
}

/** Returns the reason to refuse the put for a missing key. Only a set and a replace look at `compareCas`. */
function refusalOfMissing(put: Put): Status | undefined {
  const { mode, compareCas } = put;
  if (mode === 'add') return undefined;
  if (joinsOld(put)) return put.vivifyExpiresAt === undefined ? 'not-stored' : undefined;
  if (compareCas !== undefined) return 'not-found';
  return mode === 'replace' ? 'not-stored' : undefined;
}

/** Checks whether the put stores an older value over the item with that CAS token (meta flag I). 0 is no token. */
function isStale(put: Put, cas: bigint): boolean {
  const { mode, compareCas } = put;
  if (put.invalidate !== true || compareCas === undefined) return false;
  return (mode === 'set' || mode === 'replace') && compareCas !== 0n && compareCas < cas;
}

/** Checks whether the item of a join through a file has changed, so that the join begins again with its own piece. */
function isOvertaken(put: Put, hasBase: boolean, status: Status): boolean {
  if (hasBase)
    return put.compareCas === undefined && (status === 'exists' || status === 'not-found');
  return joinsOld(put) && Buffer.isBuffer(put.value) && status === 'not-stored';
}

function joinsOld({ mode }: Put): boolean {
  return mode === 'append' || mode === 'prepend';
}
