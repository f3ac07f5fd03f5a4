// Own keys: a caller that is the only one to change its keys, and knows what each answer must be. Servers, and flushes by others,
// come between. The answers must be those of one store.
//
// Invariants:
// - A key has several possible states only because of a flush or an expiry in the middle of a call.
// - After `unknown` nobody knows the state, now or later: the caller takes a new key.

import { expect } from 'chai';

import type * as S from '../../src/store/store.js';
import type { SeededRandom } from '../../tools/torture/seeded-random.js';

/** A flush of all keys, by its call and its answer. */
export interface GlobalFlush {
  readonly fromMs: number;
  /** Infinity: there is no answer, or it was `unknown`. */
  toMs: number;
}

interface Item {
  readonly value: string;
  readonly cas: bigint;
  readonly expiresAt: number;
  /** The call that stored it, whatever joined or touched it later: a flush after that removes it. */
  readonly storedFromMs: number;
  readonly storedToMs: number;
}

type State = Item | undefined;

interface Answer {
  readonly status: string;
  readonly value?: string | undefined;
  readonly cas?: bigint;
}

/** A call: how it is made, the answer that it must have in a state, and the state that it leaves. */
interface Call {
  readonly what: string;
  make(store: S.Store, key: Buffer): Promise<Answer>;
  expected(state: State): Answer;
  next(state: State, answer: Answer, fromMs: number, toMs: number): State;
}

const REFUSED: readonly string[] = ['closed', 'no-space'];

export class OwnKeys {
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #stores: readonly S.Store[];
  readonly #flushes: readonly GlobalFlush[];
  readonly #states = new Map<string, State[]>();
  #made = 0;

  constructor(
    name: string,
    random: SeededRandom,
    stores: readonly S.Store[],
    flushes: readonly GlobalFlush[],
  ) {
    this.#name = name;
    this.#random = random;
    this.#stores = stores;
    this.#flushes = flushes;
  }

  /** Makes one call, and throws when its answer is wrong. */
  async step(): Promise<void> {
    while (this.#states.size < 2)
      this.#states.set(`${this.#name}:${(this.#made += 1)}`, [undefined]);
    const store = this.#random.pick(this.#stores);
    if (this.#random.below(40) === 0) {
      await this.#deletePrefix(store);
      return;
    }
    const key = this.#random.pick([...this.#states.keys()]);
    const call = this.#draw(store.nowMs(), this.#states.get(key)!);
    const fromMs = store.nowMs();
    const answer = await call.make(store, Buffer.from(key));
    const toMs = store.nowMs();
    if (answer.status === 'unknown') {
      this.#states.delete(key);
      return;
    }
    const before = this.#states.get(key)!.flatMap((state) => this.#possible(state, fromMs, toMs));
    if (REFUSED.includes(answer.status)) {
      this.#states.set(key, unique(before));
      return;
    }
    const right = before.filter((state) => isAsExpected(answer, call.expected(state)));
    const told = `${key} ${call.what} from ${fromMs} to ${toMs}: ${show(answer)}, although ${show(before)}; flushes ${show(this.#flushes)}`;
    expect(right.length, told).to.be.above(0);
    const after = right.map((state) => call.next(state, answer, fromMs, toMs));
    this.#states.set(key, unique(after));
  }

  async #deletePrefix(store: S.Store): Promise<void> {
    const { status } = await store.deletePrefix(Buffer.from(`${this.#name}:`));
    if (status === 'unknown') {
      // It may still come, and must not hit a new key.
      throw new UnknownFlush();
    }
    if (status === 'ok') for (const key of this.#states.keys()) this.#states.set(key, [undefined]);
  }

  /** The states that a call from `fromMs` to `toMs` may find. */
  #possible(state: State, fromMs: number, toMs: number): State[] {
    if (state === undefined) return [undefined];
    const { expiresAt, storedFromMs, storedToMs } = state;
    if (expiresAt !== 0 && expiresAt <= fromMs) return [undefined];
    let mayBeGone = expiresAt !== 0 && expiresAt <= toMs;
    for (const flush of this.#flushes) {
      if (flush.fromMs > toMs || flush.toMs < storedFromMs) continue;
      if (storedToMs < flush.fromMs && flush.toMs < fromMs) return [undefined];
      mayBeGone = true;
    }
    return mayBeGone ? [state, undefined] : [state];
  }

  #draw(nowMs: number, states: readonly State[]): Call {
    const random = this.#random;
    const expiresAt = random.below(5) === 0 ? nowMs + random.between(1, 400) : 0;
    const value = `${random.below(1000)}`;
    const known = states.find((state) => state !== undefined)?.cas ?? 5n;
    const cas = random.below(4) === 0 ? known - 1n : known;
    switch (random.below(14)) {
      case 0:
        return put('set', value, expiresAt);
      case 1:
        return put('add', value, expiresAt);
      case 2:
        return put('replace', value, expiresAt);
      case 3:
        return put('append', value, expiresAt);
      case 4:
        return put('set', value, expiresAt, cas);
      case 5:
        return touch(expiresAt);
      case 6:
        return remove(random.below(2) === 0 ? undefined : cas);
      case 7:
      case 8:
        return count(BigInt(random.below(50)));
      case 9:
        return get(expiresAt);
      case 10:
      case 11:
      case 12:
        return put('set', value, expiresAt);
      default:
        return get();
    }
  }
}

/** The caller's prefix may still be deleted: it ends. */
export class UnknownFlush extends Error {}

function put(mode: S.PutMode, value: string, expiresAt: number, compareCas?: bigint): Call {
  const status = (state: State): string => {
    if (mode === 'add') return state === undefined ? 'stored' : 'not-stored';
    if (state === undefined) {
      if (compareCas !== undefined) return 'not-found';
      return mode === 'set' ? 'stored' : 'not-stored';
    }
    return compareCas === undefined || compareCas === state.cas ? 'stored' : 'exists';
  };
  return {
    what: `${mode} ${value} expires ${expiresAt} cas ${compareCas}`,
    make: async (store, key) => {
      const bytes = Buffer.from(value);
      return store.put({ mode, key, value: bytes, flags: 0, expiresAt, compareCas });
    },
    expected: (state) => ({ status: status(state) }),
    next: (state, answer, storedFromMs, storedToMs) => {
      const { cas = 0n } = answer;
      if (answer.status !== 'stored') return state;
      if (mode === 'append') return { ...state!, value: state!.value + value, cas };
      return { value, cas, expiresAt, storedFromMs, storedToMs };
    },
  };
}

function touch(expiresAt: number): Call {
  return {
    what: `touch ${expiresAt}`,
    make: async (store, key) => store.touch(key, expiresAt),
    expected: (state) =>
      state === undefined ? { status: 'not-found' } : { status: 'touched', cas: state.cas },
    next: (state) => (state === undefined ? undefined : { ...state, expiresAt }),
  };
}

function remove(compareCas: bigint | undefined): Call {
  return {
    what: `delete cas ${compareCas}`,
    make: async (store, key) => store.delete({ key, compareCas }),
    expected: (state) => {
      if (state === undefined) return { status: 'not-found' };
      const isSame = compareCas === undefined || compareCas === state.cas;
      return { status: isSame ? 'deleted' : 'exists' };
    },
    next: (state, { status }) => (status === 'exists' ? state : undefined),
  };
}

function count(delta: bigint): Call {
  const sum = (value: string): string => `${(BigInt(value) + delta) % 2n ** 64n}`;
  return {
    what: `incr ${delta}`,
    make: async (store, key) => {
      const done = await store.arithmetic({ key, delta, direction: 'incr' });
      const { status, cas, number } = done;
      return { status, cas, value: status === 'stored' ? `${number}` : undefined };
    },
    expected: (state) => {
      if (state === undefined) return { status: 'not-found' };
      if (!isNumber(state.value)) return { status: 'not-a-number' };
      return { status: 'stored', value: sum(state.value) };
    },
    next: (state, { status, cas = 0n }) => {
      if (state === undefined || status !== 'stored') return state;
      const value = sum(state.value);
      return { ...state, value: value.padEnd(state.value.length), cas };
    },
  };
}

function isNumber(value: string): boolean {
  return /^\d{1,20} *$/.test(value) && BigInt(value) < 2n ** 64n;
}

function get(expiresAt?: number): Call {
  return {
    what: expiresAt === undefined ? 'get' : `gat ${expiresAt}`,
    make: async (store, key) => {
      const found = await store.get(key, expiresAt === undefined ? {} : { expiresAt });
      if (found.kind === 'refused') return { status: found.status };
      if (found.kind !== 'hit') return { status: found.kind };
      const { value, cas } = found.item;
      return { status: 'hit', value: (value as Buffer).toString(), cas };
    },
    expected: (state) =>
      state === undefined
        ? { status: 'miss' }
        : { status: 'hit', value: state.value, cas: state.cas },
    next: (state) =>
      state === undefined || expiresAt === undefined ? state : { ...state, expiresAt },
  };
}

function isAsExpected(answer: Answer, expected: Answer): boolean {
  if (answer.status !== expected.status) return false;
  if (expected.value !== undefined && expected.value !== answer.value) return false;
  return expected.cas === undefined || expected.cas === answer.cas;
}

function unique(states: readonly State[]): State[] {
  return [...new Map(states.map((state) => [show(state), state])).values()];
}

function show(what: unknown): string {
  return (
    JSON.stringify(what, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value === undefined ? 'none' : value,
    ) ?? 'none'
  );
}
