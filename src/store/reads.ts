// get and its relatives: finds the item, settles at the time of the call what the read changes (expiry,
// recency, who wins the right to refill), then fetches the value, which may take a turn.

import { MARK as RECORD_MARK, frameBytes } from '../log/format.js';
import type { Bounds } from './bounds.js';
import type { Core } from './core.js';
import { MARK } from './keydir.js';
import type { Item, LargeValue, Lookup, Maybe, ReadOptions } from './store.js';
import type { LoadResult, Values } from './values.js';

const NO_VALUE = Buffer.alloc(0);

/**
 * An item as it was when the read began; value, flags and CAS token follow when they are loaded. One
 * object, filled in two steps: a spread or a second object costs as much as the rest of a hit.
 */
type Draft = { -readonly [K in keyof Item]: Item[K] };

export class Reads {
  readonly #core: Core;
  readonly #values: Values;
  readonly #bounds: Bounds;

  constructor(core: Core, values: Values, bounds: Bounds) {
    this.#core = core;
    this.#values = values;
    this.#bounds = bounds;
  }

  get(key: Buffer, options: ReadOptions): Maybe<Lookup> {
    const core = this.#core;
    const ref = core.find(key);
    if (ref === 0) return this.#miss(key, options);
    const item = this.#use(ref, key, options);
    if (item === undefined) return { kind: 'refused', status: core.refusal, after: 0 };
    const after = core.afterOf(ref, key);
    const reference = core.items.largeOf(ref);
    // Held from now on: a delete must not take the file away before it is read.
    const large = reference === undefined ? undefined : core.large.open(reference);
    const loaded = this.#values.load(ref, key);
    if (loaded instanceof Promise) {
      return loaded.then((content) => hitOf(item, after, content, large));
    }
    return hitOf(item, after, loaded, large);
  }

  #miss(key: Buffer, options: ReadOptions): Lookup {
    const core = this.#core;
    const { vivifyExpiresAt, chosenCas } = options;
    if (vivifyExpiresAt === undefined) {
      const reason = core.missReason;
      const after = core.afterOf(0, key);
      this.#forgetDead(key, after);
      return { kind: 'miss', reason, after };
    }
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
    const room = this.#bounds.makeRoom(bytes, held);
    if (room !== 'ok') return { kind: 'refused', status: room, after: 0 };
    const placed = core.commitPut(key, held, content);
    if (placed === undefined) return { kind: 'refused', status: core.refusal, after: 0 };
    // As memcached has it, the creation counts as a use.
    const ref = core.items.keydir.find(key);
    if (options.quiet !== true) {
      core.items.keydir.setMarks(ref, core.items.keydir.marks(ref) | MARK.FETCHED);
    }
    const item = draft(vivifyExpiresAt, false, 0, false, false, true);
    item.cas = chosenCas ?? BigInt(placed.seq);
    item.created = true;
    return { kind: 'hit', item, after: placed.seq };
  }

  /** A dead item goes at the first miss; a flushed one only when the flush cannot be taken back. */
  #forgetDead(key: Buffer, after: number): void {
    const core = this.#core;
    if (core.missReason === 'absent' || after !== 0) return;
    const ref = core.items.keydir.find(key);
    if (ref === 0 || !core.isDeadForGood(ref)) return;
    if ((core.items.keydir.marks(ref) & MARK.FETCHED) === 0) core.counters.expiredUnfetched += 1;
    core.forget(ref);
  }

  /** Applies what the read changes; undefined when a change was wanted and the log took none. */
  #use(ref: number, key: Buffer, options: ReadOptions): Draft | undefined {
    const core = this.#core;
    const { keydir } = core.items;
    const marks = keydir.marks(ref);
    const expiresAt = keydir.expiresAt(ref);
    const nowMs = core.clock.nowMs();
    const nowSeconds = Math.floor(nowMs / 1000);
    const idleSeconds = Math.max(0, nowSeconds - keydir.lastUsedSeconds(ref));
    const stale = (marks & MARK.STALE) !== 0;
    const won = (marks & MARK.WON) !== 0;
    const isShort = expiresAt > 0 && expiresAt - nowMs < (options.recacheMs ?? 0);
    const wins = options.win === true && !won && (stale || isShort);
    if (wins || options.expiresAt !== undefined) {
      const placed = core.commitTouch(key, ref, options.expiresAt ?? expiresAt, wins);
      if (placed === undefined) return undefined;
    }
    if (options.quiet !== true) {
      if ((marks & MARK.FETCHED) === 0) keydir.setMarks(ref, keydir.marks(ref) | MARK.FETCHED);
      keydir.setLastUsedSeconds(ref, nowSeconds);
      keydir.touch(ref);
    }
    const fetched = (marks & MARK.FETCHED) !== 0;
    return draft(expiresAt, fetched, idleSeconds, stale, won, wins);
  }
}

function draft(
  expiresAt: number,
  fetched: boolean,
  idleSeconds: number,
  stale: boolean,
  won: boolean,
  wins: boolean,
): Draft {
  return {
    value: NO_VALUE,
    isLasting: false,
    flags: 0,
    cas: 0n,
    expiresAt,
    fetched,
    idleSeconds,
    stale,
    won,
    wins,
    created: false,
  };
}

function hitOf(
  item: Draft,
  after: number,
  loaded: LoadResult,
  large: LargeValue | undefined,
): Lookup {
  if (loaded === undefined) {
    large?.release();
    return { kind: 'damaged', after };
  }
  item.value = large ?? loaded.value;
  item.isLasting = loaded.isLasting;
  item.flags = loaded.flags;
  item.cas = loaded.cas;
  return { kind: 'hit', item, after };
}
