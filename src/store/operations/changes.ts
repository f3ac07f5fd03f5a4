// Changes that are not a plain put: incr and decr, touch, delete, flush.

import type { Bounds } from './bounds.js';
import type { Content } from '../items/commits.js';
import type { StoreParts } from '../items/parts.js';
import { addDelta, composeDecimal, parseDecimal } from './decimal.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { ownOutcome } from './outcomes.js';
import type * as S from '../store.js';
import type { Loaded, Values } from '../items/values.js';
import type { Known, Writes } from './writes.js';

const NOTHING = Buffer.alloc(0);
const NO_NUMBER = { cas: 0n, number: 0n, expiresAt: 0, expiresAtBefore: 0 };

/** Returns the change with its own copy of the key: the caller's bytes are valid only in this turn. */
function withOwnKey<C extends S.KeyPlace>(change: C): C {
  const { key, keyStart, keyEnd } = change;
  const own = Buffer.from(key.subarray(keyStart, keyEnd));
  return { ...change, key: own, keyStart: 0, keyEnd: own.length };
}

export class Changes {
  readonly #parts: StoreParts;
  readonly #values: Values;
  readonly #writes: Writes;
  readonly #deleted = { status: 'deleted', after: 0, cas: 0n } as S.Outcome & { after: number };
  readonly #bounds: Bounds;

  constructor(parts: StoreParts, values: Values, writes: Writes, bounds: Bounds) {
    this.#parts = parts;
    this.#values = values;
    this.#writes = writes;
    this.#bounds = bounds;
  }

  arithmetic(change: S.Arithmetic, known?: Known): S.Maybe<S.ArithmeticOutcome> {
    const parts = this.#parts;
    const { key, keyStart = 0, keyEnd = key.length } = change;
    const held = parts.items.keydir.find(key, keyStart, keyEnd);
    const ref = parts.liveness.live(held);
    if (ref === 0) return this.#createNumber(change, held);
    const seq = parts.items.keydir.seq(ref);
    const loaded =
      known?.seq === seq ? known.loaded : this.#values.load(ref, key, keyStart, keyEnd);
    if (loaded instanceof Promise) {
      const own = withOwnKey(change);
      return loaded.then((content) => this.arithmetic(own, { seq, loaded: content }));
    }
    return this.#addTo(change, ref, loaded);
  }

  #addTo(change: S.Arithmetic, ref: number, old: Loaded | undefined): S.ArithmeticOutcome {
    const parts = this.#parts;
    const { key, keyStart = 0, keyEnd = key.length } = change;
    const after = parts.items.afterOf(ref, key, keyStart, keyEnd);
    if (old === undefined) return { status: 'damaged', after, ...NO_NUMBER };
    // memcached checks for an empty value before the token, and for a number after it.
    if (old.large === undefined && old.value.length === 0) {
      return { status: 'not-a-number', after, ...NO_NUMBER };
    }
    if (change.compareCas !== undefined && change.compareCas !== old.cas) {
      return { status: 'exists', after, ...NO_NUMBER, cas: old.cas };
    }
    const current = old.large === undefined ? parseDecimal(old.value) : undefined;
    if (current === undefined) return { status: 'not-a-number', after, ...NO_NUMBER };
    const number = addDelta(current, change.delta, change.direction);
    const { keydir } = parts.items;
    const expiresAtBefore = keydir.expiresAt(ref);
    const expiresAt = change.expiresAt ?? expiresAtBefore;
    const { chosenCas } = change;
    const value = composeDecimal(number, old.value.length);
    const marks = keydir.marks(ref);
    const content = {
      value,
      flags: old.flags,
      expiresAt,
      chosenCas,
      stale: (marks & ITEM_MARK.STALE) !== 0,
      won: (marks & ITEM_MARK.WON) !== 0,
    };
    const placed = parts.commits.put(key, ref, content, keyStart, keyEnd);
    if (placed === undefined) return { status: parts.commits.refusal(), after: 0, ...NO_NUMBER };
    const { seq } = placed;
    parts.items.addMarks(ref, marks & ITEM_MARK.FETCHED);
    this.#bounds.settle(ref);
    const cas = chosenCas ?? BigInt(seq);
    return { status: 'stored', after: seq, cas, number, expiresAt, expiresAtBefore };
  }

  #createNumber(change: S.Arithmetic, held: number): S.Maybe<S.ArithmeticOutcome> {
    const { create, key, keyStart = 0, keyEnd = key.length, chosenCas } = change;
    if (create === undefined) {
      const after = this.#parts.commits.absence(held, key, keyStart, keyEnd);
      return { status: 'not-found', after, ...NO_NUMBER };
    }
    const { value: number, expiresAt } = create;
    const value = composeDecimal(number, 0);
    const place = { key, keyStart, keyEnd };
    const put = this.#writes.put({ mode: 'set', ...place, value, flags: 0, expiresAt, chosenCas });
    const answer = ({ status, after, cas }: S.PutOutcome): S.ArithmeticOutcome =>
      status === 'stored'
        ? { status, after, cas, number, expiresAt, expiresAtBefore: 0, created: true }
        : { status, after, ...NO_NUMBER };
    return put instanceof Promise ? put.then(answer) : answer(put);
  }

  /** Touches the item of the key key[start..end). */
  touch(key: Buffer, expiresAt: number, start: number, end: number): S.Outcome {
    const parts = this.#parts;
    const { items, liveness, commits } = parts;
    const held = items.keydir.find(key, start, end);
    const ref = liveness.live(held);
    if (ref === 0) {
      return { status: 'not-found', after: commits.absence(held, key, start, end), cas: 0n };
    }
    const placed = parts.commits.touch(key, ref, expiresAt, false, start, end);
    if (placed === undefined) return { status: parts.commits.refusal(), after: 0, cas: 0n };
    // As in memcached, a touch counts as a read.
    items.use(ref, parts.clock.nowSeconds());
    return { status: 'touched', after: placed.seq, cas: BigInt(items.keydir.seq(ref)) };
  }

  delete(change: S.Delete, known?: Known): S.Maybe<S.Outcome> {
    const parts = this.#parts;
    const { keydir } = parts.items;
    const { key, keyStart = 0, keyEnd = key.length } = change;
    const held = keydir.find(key, keyStart, keyEnd);
    const ref = parts.liveness.live(held);
    if (ref === 0) {
      const after = parts.commits.absence(held, key, keyStart, keyEnd);
      return { status: 'not-found', after, cas: 0n };
    }
    const keeps = change.invalidate === true || change.dropValue === true;
    const chosen = (keydir.marks(ref) & ITEM_MARK.CHOSEN_CAS) !== 0;
    let old: Loaded | undefined;
    if (keeps || (chosen && change.compareCas !== undefined)) {
      const seq = keydir.seq(ref);
      const loaded =
        known?.seq === seq ? known.loaded : this.#values.load(ref, key, keyStart, keyEnd);
      if (loaded instanceof Promise) {
        const own = withOwnKey(change);
        return loaded.then(async (content) =>
          ownOutcome(await this.delete(own, { seq, loaded: content })),
        );
      }
      if (loaded === undefined && keeps) {
        return {
          status: 'damaged',
          after: parts.items.afterOf(ref, key, keyStart, keyEnd),
          cas: 0n,
        };
      }
      old = loaded;
    }
    if (change.compareCas !== undefined) {
      const cas = old?.cas ?? BigInt(keydir.seq(ref));
      if (change.compareCas !== cas) {
        return { status: 'exists', after: parts.items.afterOf(ref, key, keyStart, keyEnd), cas };
      }
    }
    if (keeps && old !== undefined) return this.#keepItem(change, ref, old);
    const placed = parts.commits.removal(key, ref, 'deleted', keyStart, keyEnd);
    if (placed === undefined) return { status: parts.commits.refusal(), after: 0, cas: 0n };
    this.#deleted.after = placed.seq;
    return this.#deleted;
  }

  /** Meta `md` with I or x: keeps the item, marked stale or without its value, with a new CAS token. */
  #keepItem(change: S.Delete, ref: number, old: Loaded): S.Outcome {
    const parts = this.#parts;
    const { keydir } = parts.items;
    const marks = keydir.marks(ref);
    const usedSeconds = keydir.lastUsedSeconds(ref);
    const drops = change.dropValue === true;
    const content: Content = {
      value: drops ? NOTHING : Buffer.from(old.value),
      flags: drops ? 0 : old.flags,
      expiresAt: change.expiresAt ?? keydir.expiresAt(ref),
      chosenCas: change.chosenCas,
      stale: change.invalidate === true || (marks & ITEM_MARK.STALE) !== 0,
      won: change.invalidate !== true && (marks & ITEM_MARK.WON) !== 0,
      large: drops ? undefined : old.large,
    };
    const { key, keyStart, keyEnd } = change;
    const placed = parts.commits.put(key, ref, content, keyStart, keyEnd);
    if (placed === undefined) return { status: parts.commits.refusal(), after: 0, cas: 0n };
    // The new record refers to the value's file too, so the file must survive the old record.
    parts.large.keep(content.large);
    if (!drops) parts.items.keepUse(ref, marks & ITEM_MARK.FETCHED, usedSeconds);
    const { seq } = placed;
    this.#bounds.settle(ref);
    return { status: 'deleted', after: seq, cas: change.chosenCas ?? BigInt(seq) };
  }

  flush(atMs: number): S.Outcome {
    return this.#flush(NOTHING, atMs);
  }

  deletePrefix(prefix: Buffer): S.Outcome {
    return this.#flush(Buffer.from(prefix), 0);
  }

  #flush(prefix: Buffer, atMs: number): S.Outcome {
    const parts = this.#parts;
    const seq = parts.commits.flush(prefix, atMs);
    if (seq === 0) return { status: parts.commits.refusal(), after: 0, cas: 0n };
    return { status: 'ok', after: seq, cas: 0n };
  }
}
