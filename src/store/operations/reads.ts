// get and its relatives: finds the item, settles at the time of the call what the read changes (expiry,
// recency, who wins the right to refill), then fetches the value, which may take a turn.

import { assert } from '../../assert.js';
import { MARK as RECORD_MARK, frameBytes } from '../../log/bytes/format.js';
import type { Bounds } from './bounds.js';
import { missReasonOf, type Core } from '../items/core.js';
import { MARK } from '../keydir/keydir.js';
import { emptyRecord } from '../keydir/entries.js';
import { FoundItem } from './found-item.js';
import type { LargeValue, Lookup, Maybe, MissReason, ReadOptions } from '../store.js';
import type { LoadResult, Values } from '../items/values.js';

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

const RECORD = emptyRecord();

export class Reads {
  readonly #core: Core;
  readonly #values: Values;
  readonly #bounds: Bounds;
  /** What memory answers is filled in here, one read after the other. */
  readonly #hit: Hit = { kind: 'hit', item: new FoundItem(), after: 0 };
  readonly #missed: Miss = { kind: 'miss', reason: 'absent', after: 0 };

  constructor(core: Core, values: Values, bounds: Bounds) {
    this.#core = core;
    this.#values = values;
    this.#bounds = bounds;
  }

  /** Of the key key[start..end). */
  get(key: Buffer, options: ReadOptions, start: number, end: number): Maybe<Lookup> {
    const core = this.#core;
    const ref = core.find(key, start, end);
    if (ref <= 0) return this.#miss(key, start, end, missReasonOf(ref), options);
    if (!this.#use(ref, key, start, end, options)) {
      return { kind: 'refused', status: core.refusal(), after: 0 };
    }
    const hit = this.#hit;
    const after = core.afterOf(ref, key, start, end);
    const reference = core.items.largeOf(ref);
    // Held from now on: a delete must not take the file away before it is read.
    const large = reference === undefined ? undefined : core.large.open(reference);
    const loaded = this.#values.load(ref, key, start, end);
    if (loaded instanceof Promise) {
      const later: Hit = { kind: 'hit', item: hit.item.draft(), after };
      return loaded.then((content) => filled(later, content, large));
    }
    hit.after = after;
    return filled(hit, loaded, large);
  }

  #miss(key: Buffer, start: number, end: number, reason: MissReason, options: ReadOptions): Lookup {
    if (options.vivifyExpiresAt !== undefined) {
      return this.#vivify(key.subarray(start, end), options.vivifyExpiresAt, options);
    }
    const miss = this.#missed;
    miss.reason = reason;
    miss.after = this.#core.afterOf(0, key, start, end);
    if (reason !== 'absent' && miss.after === 0) this.#forgetDead(key, start, end);
    return miss;
  }

  /** Creates an empty item, which this read has won. */
  #vivify(key: Buffer, vivifyExpiresAt: number, options: ReadOptions): Lookup {
    const core = this.#core;
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
    const held = core.items.keydir.find(key);
    // An empty item is small: the read need not wait for its room.
    const room = this.#bounds.makeRoom(bytes, held, false);
    if (room !== 'ok') {
      assert(room !== 'later', 'Who may not wait is not asked to');
      return { kind: 'refused', status: room, after: 0 };
    }
    const placed = core.commitPut(key, held, content);
    if (placed === undefined) return { kind: 'refused', status: core.refusal(), after: 0 };
    // As memcached has it, the creation counts as a use.
    const ref = core.items.keydir.find(key);
    if (options.quiet !== true) {
      core.items.keydir.setMarks(ref, core.items.keydir.marks(ref) | MARK.FETCHED);
    }
    const hit = this.#hit;
    const cas = chosenCas ?? BigInt(placed.seq);
    hit.item.begin(vivifyExpiresAt, false, 0, false, false, true);
    hit.item.complete({ ...NO_CONTENT, cas }, undefined);
    hit.item.created = true;
    hit.after = placed.seq;
    return hit;
  }

  /** A dead item goes at the first miss; a flushed one only when the flush cannot be taken back. */
  #forgetDead(key: Buffer, start: number, end: number): void {
    const core = this.#core;
    const ref = core.items.keydir.find(key, start, end);
    if (ref === 0 || !core.isDeadForGood(ref)) return;
    if ((core.items.keydir.marks(ref) & MARK.FETCHED) === 0) core.counters.expiredUnfetched += 1;
    core.forget(ref);
  }

  /**
   * Applies what the read changes, and begins the item of it; false when a change was wanted and the log
   * took none.
   */
  #use(ref: number, key: Buffer, start: number, end: number, options: ReadOptions): boolean {
    const core = this.#core;
    const { keydir } = core.items;
    keydir.load(ref, RECORD);
    const { marks, expiresAt, lastUsedSeconds } = RECORD;
    const nowMs = core.clock.nowMs();
    const nowSeconds = Math.floor(nowMs / 1000);
    const idleSeconds = Math.max(0, nowSeconds - lastUsedSeconds);
    const stale = (marks & MARK.STALE) !== 0;
    const won = (marks & MARK.WON) !== 0;
    const isShort = expiresAt > 0 && expiresAt - nowMs < (options.recacheMs ?? 0);
    const wins = options.win === true && !won && (stale || isShort);
    if (wins || options.expiresAt !== undefined) {
      const touchedTo = options.expiresAt ?? expiresAt;
      const placed = core.commitTouch(key, ref, touchedTo, wins, start, end);
      if (placed === undefined) return false;
    }
    if (options.quiet !== true) keydir.use(ref, nowSeconds);
    const fetched = (marks & MARK.FETCHED) !== 0;
    this.#hit.item.begin(expiresAt, fetched, idleSeconds, stale, won, wins);
    return true;
  }
}

/** The hit with its content, or the news that there is none. */
function filled(hit: Hit, loaded: LoadResult, large: LargeValue | undefined): Lookup {
  if (loaded === undefined) {
    large?.release();
    return { kind: 'damaged', after: hit.after };
  }
  hit.item.complete(loaded, large);
  return hit;
}
