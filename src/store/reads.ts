// get and its relatives: finds the item, settles at the time of the call what the read changes (expiry,
// recency, who wins the right to refill), then fetches the value, which may take a turn.

import { MARK as RECORD_MARK, frameBytes } from '../log/format.js';
import type { Bounds } from './bounds.js';
import type { Core } from './core.js';
import { MARK } from './keydir.js';
import type { LargeValue, Lookup, Maybe, ReadOptions } from './store.js';
import type { LoadResult, Values } from './values.js';

const NO_VALUE = Buffer.alloc(0);

/** What is known of the item when the read begins. */
interface Seen {
  readonly after: number;
  readonly expiresAt: number;
  readonly fetched: boolean;
  readonly idleSeconds: number;
  readonly stale: boolean;
  readonly won: boolean;
  readonly wins: boolean;
  readonly created: boolean;
}

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
    const seen = this.#use(ref, key, options);
    if (seen === undefined) return { kind: 'refused', status: core.refusal, after: 0 };
    const reference = core.items.largeOf(ref);
    // Held from now on: a delete must not take the file away before it is read.
    const large = reference === undefined ? undefined : core.large.open(reference);
    const loaded = this.#values.load(ref, key);
    if (loaded instanceof Promise) return loaded.then((content) => this.#hit(content, seen, large));
    return this.#hit(loaded, seen, large);
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
    const room = this.#bounds.makeRoom(bytes, core.items.keydir.find(key));
    if (room !== 'ok') return { kind: 'refused', status: room, after: 0 };
    const placed = core.commitPut(key, content);
    if (placed === undefined) return { kind: 'refused', status: core.refusal, after: 0 };
    // As memcached has it, the creation counts as a use.
    const ref = core.items.keydir.find(key);
    if (options.quiet !== true) {
      core.items.keydir.setMarks(ref, core.items.keydir.marks(ref) | MARK.FETCHED);
    }
    const loaded = { value: NO_VALUE, flags: 0, cas: chosenCas ?? BigInt(placed.seq) };
    const seen = { expiresAt: vivifyExpiresAt, fetched: false, idleSeconds: 0, stale: false };
    return this.#hit(
      { ...loaded, large: undefined },
      { ...seen, after: placed.seq, won: false, wins: true, created: true },
      undefined,
    );
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
  #use(ref: number, key: Buffer, options: ReadOptions): Seen | undefined {
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
    const after = core.afterOf(ref, key);
    return { after, expiresAt, fetched, idleSeconds, stale, won, wins, created: false };
  }

  #hit(loaded: LoadResult, seen: Seen, large: LargeValue | undefined): Lookup {
    const { after } = seen;
    if (loaded === undefined) {
      large?.release();
      return { kind: 'damaged', after };
    }
    const { flags, cas } = loaded;
    // Written out: a spread makes V8 build the object property by property, which costs as much as
    // the rest of a hit.
    const item = {
      value: large ?? loaded.value,
      flags,
      cas,
      expiresAt: seen.expiresAt,
      fetched: seen.fetched,
      idleSeconds: seen.idleSeconds,
      stale: seen.stale,
      won: seen.won,
      wins: seen.wins,
      created: seen.created,
    };
    return { kind: 'hit', item, after };
  }
}
