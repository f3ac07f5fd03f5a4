// Values: loads the value of an item from the cache, from a batch that is not yet written, or from a segment. Each
// frame that is read is checked by its CRC, its key and its seq. A mismatch is damage: it is counted, logged with
// file and offset, and never served.

import type { Defect, Frame } from '../../log/bytes/format.js';
import { casOf } from '../../log/bytes/format.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import { failureText, isPassing, KvError } from '../../errors.js';
import type { Env } from '../../env/env.js';
import type { Log } from '../../log/log.js';
import type { StoreCounters } from '../counters.js';
import type { ValueCache } from '../value-cache/value-cache.js';
import type { Items } from './items.js';
import type { Observed } from './parts.js';
import type { Item, Maybe } from '../store.js';

/** The place of a value's bytes in memory, and the rest of its record. */
export interface PlacedValue extends Pick<
  Item,
  'words' | 'start' | 'valueBytes' | 'isLasting' | 'flags' | 'cas'
> {
  readonly source: Buffer;
}

/**
 * A record's content. `value` may be a view: valid until the caller returns to the event loop, unless it is
 * lasting. The object is valid until the next value is loaded.
 */
export interface Loaded extends PlacedValue {
  readonly value: Buffer;
  /** The file of a large value; `value` is then only its descriptor. */
  readonly large: LargeReference | undefined;
}

/** Undefined: the record is damaged. */
export type LoadResult = Loaded | undefined;

interface ValueParts {
  readonly env: Env;
  readonly log: Log;
  readonly items: Items;
  readonly cache: ValueCache;
  readonly counters: StoreCounters;
  readonly observed: Observed;
}

export class Values {
  readonly #parts: ValueParts;

  constructor(parts: ValueParts) {
    this.#parts = parts;
  }

  /** Loads the content of the item of `ref`, whose key is key[start..end). A promise may reject with KV_IO. */
  load(ref: number, key: Buffer, start = 0, end = key.length): Maybe<LoadResult> {
    const seq = this.#parts.items.keydir.seq(ref);
    // isKept is false: the caller copies the value at once, so its page may be reused after this turn.
    return this.#parts.cache.get(ref, seq, false) ?? this.fetch(ref, seq, key, start, end);
  }

  /** Loads the content of an item with that seq, which the cache does not have. */
  fetch(ref: number, seq: number, key: Buffer, start: number, end: number): Maybe<LoadResult> {
    const { items, log } = this.#parts;
    const { keydir } = items;
    const slot = keydir.segment(ref);
    const offset = keydir.offset(ref);
    const large = items.largeOf(ref);
    const read = log.read(slot, offset, keydir.length(ref));
    const kept = Buffer.from(key.subarray(start, end));
    if (!(read instanceof Promise))
      return this.#accept(read, seq, kept, slot, offset, large, false);
    const { measures } = this.#parts.observed;
    const { clock } = this.#parts.env;
    const startedMs = measures === undefined ? 0 : clock.monotonicMs();
    return read.then(
      (frame) => {
        measures?.diskRead(clock.monotonicMs() - startedMs);
        const loaded = this.#accept(frame, seq, kept, slot, offset, large, true);
        this.#remember(ref, seq, kept, loaded);
        return loaded;
      },
      (error: unknown) => this.#failed(slot, offset, error),
    );
  }

  #accept(
    frame: Frame | Defect,
    seq: number,
    key: Buffer,
    slot: number,
    offset: number,
    large: LargeReference | undefined,
    isLasting: boolean,
  ): LoadResult {
    if (typeof frame === 'string') return this.#unreadable(slot, offset, frame);
    const { record } = frame;
    if (record.seq !== seq || !record.key.equals(key)) {
      return this.#unreadable(slot, offset, 'another record');
    }
    const { value, flags } = record;
    return {
      value,
      source: value,
      words: undefined,
      start: 0,
      valueBytes: value.length,
      isLasting,
      flags,
      cas: casOf(record),
      large,
    };
  }

  #remember(ref: number, seq: number, key: Buffer, loaded: LoadResult): void {
    const { items, cache, counters } = this.#parts;
    counters.diskReads += 1;
    if (loaded === undefined || loaded.large !== undefined) return;
    counters.diskReadBytes += loaded.value.length;
    if (items.keydir.find(key) !== ref) return;
    cache.put(ref, seq, loaded.flags, loaded.cas, loaded.value);
  }

  /** Throws KV_IO when the failure says nothing about the record, which may be readable the next time. */
  #failed(slot: number, offset: number, error: unknown): undefined {
    if (!isPassing(error)) return this.#unreadable(slot, offset, failureText(error));
    const path = this.#parts.log.table.at(slot).file.path;
    throw new KvError('KV_IO', 'A record could not be read', { path, offset, cause: error });
  }

  #unreadable(slot: number, offset: number, why: string): undefined {
    const { counters, env, log } = this.#parts;
    counters.damagedReads += 1;
    const path = log.table.at(slot).file.path;
    env.logger.error('A record is damaged and not served; run kv-check', {
      path,
      offset,
      why,
    });
    return undefined;
  }
}
