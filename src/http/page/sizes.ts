// Sizes: the largest keys, and the prefixes by bytes. A walk over all keys in slices finds them when somebody asks.
//
// Invariants:
// - One walk runs at a time, and it stops when nobody waits for it. A slice is short, and all other work has a turn
//   after it.
// - Memory is bounded, whatever the keys are: when there are too many prefixes, the keys of the further ones are
//   counted together.

import type { Clock } from '../../env/env.js';
import type { Listed } from '../../store/store.js';
import type { Exchange } from '../exchange.js';
import { toText } from './bytes-text.js';
import { beginsWith, nextTurn } from './keys.js';
import { composeEvent, EVENT_STREAM } from './live.js';
import type { Serving } from './serving.js';
import type { SizesEvent, Weight } from './wire.js';

const SLICE_KEYS = 128;
const PROGRESS_MS = 200;
const SHOWN_MAX = 50;
const PREFIXES_MAX = 20_000;
/** Prefixes that are equal up to this length count as one. */
const PREFIX_BYTES_MAX = 256;

interface Sum {
  bytes: number;
  keys: number;
}

/** Weighs the keys that begin with `prefix`. */
export class Weighing {
  readonly #prefix: Buffer;
  readonly #delimiter: Buffer;
  readonly #prefixesMax: number;
  readonly #sums = new Map<string, Sum>();
  /** Heaviest first. */
  #largest: { readonly key: Buffer; readonly bytes: number }[] = [];
  readonly #all: Sum = { bytes: 0, keys: 0 };
  #others = 0;

  /** A prefix ends with the first `delimiter` after `prefix`. */
  constructor(prefix: string, delimiter: string, prefixesMax = PREFIXES_MAX) {
    this.#prefix = Buffer.from(prefix, 'utf8');
    this.#delimiter = Buffer.from(delimiter, 'utf8');
    this.#prefixesMax = prefixesMax;
  }

  add({ key, bytes }: Pick<Listed, 'key' | 'bytes'>): void {
    if (!beginsWith(key, this.#prefix)) return;
    this.#all.bytes += bytes;
    this.#all.keys += 1;
    this.#addLargest(key, bytes);
    const at = key.indexOf(this.#delimiter, this.#prefix.length);
    if (at < 0 || at >= PREFIX_BYTES_MAX) return;
    this.#addPrefix(key.toString('latin1', 0, at + this.#delimiter.length), bytes);
  }

  #addPrefix(name: string, bytes: number): void {
    let sum = this.#sums.get(name);
    if (sum === undefined) {
      if (this.#sums.size >= this.#prefixesMax) {
        this.#others += 1;
        return;
      }
      sum = { bytes: 0, keys: 0 };
      this.#sums.set(name, sum);
    }
    sum.bytes += bytes;
    sum.keys += 1;
  }

  #addLargest(key: Buffer, bytes: number): void {
    const largest = this.#largest;
    if (largest.length >= SHOWN_MAX && bytes <= largest.at(-1)!.bytes) return;
    const at = largest.findIndex((other) => other.bytes < bytes);
    largest.splice(at < 0 ? largest.length : at, 0, { key, bytes });
    if (largest.length > SHOWN_MAX) largest.pop();
  }

  get result(): Extract<SizesEvent, { kind: 'sizes' }> {
    const prefixes = [...this.#sums]
      .toSorted(([, one], [, other]) => other.bytes - one.bytes)
      .slice(0, SHOWN_MAX)
      .map(([name, sum]): Weight => ({ key: toText(Buffer.from(name, 'latin1')), ...sum }));
    const largest = this.#largest.map(({ key, bytes }) => ({ key: toText(key), bytes, keys: 1 }));
    return { kind: 'sizes', largest, prefixes, all: this.#all, others: this.#others };
  }
}

export class Sizes {
  readonly #clock: Clock;
  #isWalking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Query: `?prefix=&delimiter=`. Answers with events, the last of which is the result. */
  async answer(exchange: Exchange, serving: Serving): Promise<void> {
    if (this.#isWalking) {
      exchange.refuse(503, 'The keys are being weighed for somebody else: ask again later');
      return;
    }
    const { query } = exchange;
    const delimiter = query.get('delimiter') ?? '';
    const weighing = new Weighing(query.get('prefix') ?? '', delimiter === '' ? ':' : delimiter);
    this.#isWalking = true;
    try {
      await this.#walk(exchange, serving, weighing);
    } finally {
      this.#isWalking = false;
    }
  }

  async #walk(exchange: Exchange, { store, gate }: Serving, weighing: Weighing): Promise<void> {
    const stream = exchange.stream(EVENT_STREAM);
    if (stream === undefined) return;
    const send = (event: SizesEvent): Promise<void> => stream.send(composeEvent(event));
    const total = Number(store.stats().get('curr_items') ?? 0);
    let toldMs = Number.NEGATIVE_INFINITY;
    let cursor = 0;
    let seen = 0;
    do {
      const nowMs = this.#clock.monotonicMs();
      if (nowMs - toldMs >= PROGRESS_MS) {
        toldMs = nowMs;
        await send({ kind: 'progress', seen, total });
      }
      const listed = store.list(cursor, SLICE_KEYS);
      const page = listed instanceof Promise ? await listed : listed;
      for (const entry of page.entries) weighing.add(entry);
      seen += page.entries.length;
      cursor = page.cursor;
      await nextTurn(this.#clock);
    } while (cursor !== 0 && !stream.ended.aborted);
    if (await gate.durable(store.durability.lastSeq)) await send(weighing.result);
    stream.end();
  }
}
