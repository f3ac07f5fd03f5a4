// Reads: get and its relatives. A read finds the item and applies its changes (expiry, recency, the right to
// refill) at the time of the call. Then it fetches the value, which may take a turn.

import { assert } from '../../assert.js';
import { RECORD_MARK, frameBytes } from '../../log/bytes/format.js';
import type { Durability } from '../../log/durability.js';
import type { Bounds } from './bounds.js';
import type { StoreParts } from '../items/parts.js';
import { ttlSecondsOf } from '../expiry.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { emptyRecord } from '../keydir/record.js';
import { FoundItem } from './found-item.js';
import type { LargeValue, Lookup, Maybe, MissReason, ReadOptions } from '../store.js';
import type { LoadResult, Values } from '../items/values.js';
import type { DeadReason } from '../items/liveness.js';

const NO_VALUE = Buffer.alloc(0);
const NO_CONTENT = {
  source: NO_VALUE,
  words: undefined,
  start: 0,
  valueBytes: 0,
  isLasting: true,
  flags: 0,
};

interface Hit {
  readonly kind: 'hit';
  readonly item: FoundItem;
  after: number;
}

interface Miss {
  readonly kind: 'miss';
  reason: MissReason;
  after: number;
}

/** The keydir's record of the item that is being read. */
const RECORD = emptyRecord();

/** The options of most reads, which change only the order of use. Recognized by identity. */
export const PLAIN_READ: ReadOptions = {};

export class Reads {
  readonly #parts: StoreParts;
  readonly #durability: Durability;
  readonly #values: Values;
  readonly #bounds: Bounds;
  /** Reused for each read that memory answers. */
  readonly #hit: Hit = { kind: 'hit', item: new FoundItem(), after: 0 };
  readonly #missed: Miss = { kind: 'miss', reason: 'absent', after: 0 };

  constructor(parts: StoreParts, values: Values, bounds: Bounds) {
    this.#parts = parts;
    this.#durability = parts.log.durability;
    this.#values = values;
    this.#bounds = bounds;
  }

  /** Reads the item of the key key[start..end). */
  get(key: Buffer, options: ReadOptions, start: number, end: number): Maybe<Lookup> {
    const { items, clock, flushes, liveness, cache, commits } = this.#parts;
    const ref = items.keydir.find(key, start, end);
    if (ref === 0) return this.#miss(key, start, end, 0, 'absent', options);
    const record = RECORD;
    items.keydir.load(ref, record);
    const { seq, expiresAt, marks } = record;
    const nowMs = clock.nowMs();
    const isFlushed = flushes.isOpen || flushes.promises.nextMs !== Infinity;
    if (isFlushed || (expiresAt !== 0 && expiresAt <= nowMs)) {
      const reason = liveness.deadReason(ref);
      if (reason !== undefined) return this.#miss(key, start, end, ref, reason, options);
    }
    let wins = false;
    if (options !== PLAIN_READ) {
      wins = this.#winsRefill(options, nowMs);
      if (wins || options.expiresAt !== undefined) {
        const placed = commits.touch(key, ref, options.expiresAt ?? expiresAt, wins, start, end);
        if (placed === undefined) return { kind: 'refused', status: commits.refusal(), after: 0 };
      }
    }
    const nowSeconds = Math.floor(nowMs / 1000);
    if (options.quiet !== true) items.use(ref, nowSeconds);
    const hit = this.#hit;
    const idleSeconds = Math.max(0, nowSeconds - record.lastUsedSeconds);
    const isStale = (marks & ITEM_MARK.STALE) !== 0;
    const isWon = (marks & ITEM_MARK.WON) !== 0;
    hit.item.begin(expiresAt, (marks & ITEM_MARK.FETCHED) !== 0, idleSeconds, isStale, isWon, wins);
    let after = seq > this.#durability.watermark ? seq : 0;
    if (!items.unsynced.isEmpty) after = items.afterOf(ref, key, start, end);
    const cached = cache.get(ref, seq);
    if (cached === undefined) return this.#fetch(key, start, end, ref, seq, after);
    hit.after = after;
    hit.item.complete(cached, undefined);
    return hit;
  }

  /** Fetches a value that the cache does not have. */
  #fetch(
    key: Buffer,
    start: number,
    end: number,
    ref: number,
    seq: number,
    after: number,
  ): Maybe<Lookup> {
    const parts = this.#parts;
    const hit = this.#hit;
    const reference = parts.items.largeOf(ref);
    // Opened now, so that no delete removes the file before it is read.
    const large = reference === undefined ? undefined : parts.large.open(reference);
    const loaded = this.#values.fetch(ref, seq, key, start, end);
    if (loaded instanceof Promise) {
      const later: Hit = { kind: 'hit', item: hit.item.draft(), after };
      return loaded.then((content) => filled(later, content, large));
    }
    hit.after = after;
    return filled(hit, loaded, large);
  }

  /** Checks whether this read of the item in RECORD wins the right to refill it. */
  #winsRefill(options: ReadOptions, nowMs: number): boolean {
    const { marks } = RECORD;
    if (options.win !== true || (marks & ITEM_MARK.WON) !== 0) return false;
    if ((marks & ITEM_MARK.STALE) !== 0) return true;
    const { recacheMs = 0, recachesLast, expiresAt = RECORD.expiresAt } = options;
    const end = recachesLast === true ? expiresAt : RECORD.expiresAt;
    return end !== 0 && ttlSecondsOf(end, nowMs) * 1000 < recacheMs;
  }

  /** Answers a miss. `held` is the key's dead entry in the keydir, or 0. */
  #miss(
    key: Buffer,
    start: number,
    end: number,
    held: number,
    reason: 'absent' | DeadReason,
    options: ReadOptions,
  ): Lookup {
    if (options.vivifyExpiresAt !== undefined) {
      return this.#vivify(key.subarray(start, end), held, options.vivifyExpiresAt, options);
    }
    const { items, flushes, commits } = this.#parts;
    const miss = this.#missed;
    miss.reason = reason;
    const isPlain = held === 0 && items.unsynced.isEmpty && !flushes.isOpen;
    miss.after = isPlain ? 0 : commits.absence(held, key, start, end);
    if (held !== 0 && miss.after === 0) this.#forgetDead(held);
    return miss;
  }

  /** Creates an empty item, which this read has won. It replaces the dead entry `held`, if that is not 0. */
  #vivify(key: Buffer, held: number, vivifyExpiresAt: number, options: ReadOptions): Lookup {
    const { items, commits } = this.#parts;
    const { chosenCas } = options;
    const content = {
      value: NO_VALUE,
      flags: 0,
      expiresAt: vivifyExpiresAt,
      chosenCas,
      won: true,
    };
    const marks = chosenCas === undefined ? 0 : RECORD_MARK.chosenCas;
    const bytes = frameBytes(key.length, 0, marks);
    // An empty item is small, so its room is made at once.
    const room = this.#bounds.makeRoom(bytes, held, false);
    if (room !== 'ok') {
      assert(room !== 'later', 'A call that may not wait gets its room at once');
      return { kind: 'refused', status: room, after: 0 };
    }
    const placed = commits.put(key, held, content);
    if (placed === undefined) return { kind: 'refused', status: commits.refusal(), after: 0 };
    // As in memcached, the creation counts as a use.
    if (options.quiet !== true) items.addMarks(items.keydir.find(key), ITEM_MARK.FETCHED);
    const hit = this.#hit;
    const cas = chosenCas ?? BigInt(placed.seq);
    hit.item.begin(vivifyExpiresAt, false, 0, false, false, true);
    hit.item.complete({ ...NO_CONTENT, cas }, undefined);
    hit.item.created = true;
    hit.after = placed.seq;
    return hit;
  }

  /** Removes a dead item at the first miss, unless its end may yet be taken back. */
  #forgetDead(ref: number): void {
    const { items, liveness, commits, counters } = this.#parts;
    if (!liveness.isDeadForGood(ref)) return;
    if ((items.keydir.marks(ref) & ITEM_MARK.FETCHED) === 0) counters.expiredUnfetched += 1;
    commits.forget(ref);
  }
}

/** Returns the hit with its content, or `damaged` when there is none. */
function filled(hit: Hit, loaded: LoadResult, large: LargeValue | undefined): Lookup {
  if (loaded === undefined) {
    large?.release();
    return { kind: 'damaged', after: hit.after };
  }
  hit.item.complete(loaded, large);
  return hit;
}
