// Places in etcd's keys: where items, flush records and the servers' own records lie below the prefix of a store
// (docs/format.md, "Items in a cluster").
//
// | key | what |
// |---|---|
// | `<prefix>k/<key>` | an item, as src/cluster/item-bytes.ts has it |
// | `<prefix>m/f/<prefix of keys>` | a flush record: what was stored before its mod_revision and begins so is gone |
// | `<prefix>m/w/<server>/<lane>` | the slot of a lane: which batch of writes was done last |
// | `<prefix>m/s` | which server sweeps, and since when |

import type { KeyValue } from './messages.js';

/** A range of keys: from `key` up to `range_end`, without it. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

export class Places {
  readonly #items: Buffer;
  readonly #flushes: Buffer;
  readonly #records: Buffer;
  /** All items. */
  readonly items: KeyRange;
  /** All flush records. */
  readonly flushes: KeyRange;
  /** All slots. */
  readonly slots: KeyRange;
  readonly sweep: Buffer;

  constructor(prefix: string) {
    this.#items = Buffer.from(`${prefix}k/`);
    this.#records = Buffer.from(`${prefix}m/`);
    this.#flushes = Buffer.concat([this.#records, Buffer.from('f/')]);
    this.items = rangeOf(this.#items);
    this.flushes = rangeOf(this.#flushes);
    this.slots = rangeOf(Buffer.concat([this.#records, Buffer.from('w/')]));
    this.sweep = Buffer.concat([this.#records, Buffer.from('s')]);
  }

  /** Of the key source[start..end). */
  item(source: Buffer, start: number, end: number): Buffer {
    const prefix = this.#items;
    const key = Buffer.allocUnsafe(prefix.length + end - start);
    prefix.copy(key);
    source.copy(key, prefix.length, start, end);
    return key;
  }

  /** The client's key of an item's. */
  keyOf(itemKey: Buffer): Buffer {
    return itemKey.subarray(this.#items.length);
  }

  flush(prefix: Buffer): Buffer {
    return Buffer.concat([this.#flushes, prefix]);
  }

  /** Whether that flush record is about that item, and younger than it. */
  isFlushed(item: KeyValue, flush: KeyValue): boolean {
    if (flush.mod_revision <= item.mod_revision) return false;
    const { key } = item;
    const start = this.#items.length;
    const from = this.#flushes.length;
    const bytes = flush.key.length - from;
    if (key.length - start < bytes) return false;
    return key.compare(flush.key, from, flush.key.length, start, start + bytes) === 0;
  }

  /** The items that a flush record is about. */
  itemsOf(flush: KeyValue): KeyRange {
    return rangeOf(this.stem(flush.key.subarray(this.#flushes.length)));
  }

  /** What the items' keys begin with whose clients' keys begin with `prefix`. */
  stem(prefix: Buffer): Buffer {
    return Buffer.concat([this.#items, prefix]);
  }

  slot(server: string, lane: number): Buffer {
    return Buffer.concat([this.#records, Buffer.from(`w/${server}/${lane}`)]);
  }
}

/** All keys that begin so. */
export function rangeOf(prefix: Buffer): KeyRange {
  const range_end = Buffer.from(prefix);
  let at = range_end.length - 1;
  while (at >= 0 && range_end[at] === 0xff) at -= 1;
  // Only bytes of 255: up to the end of all keys, which etcd calls \0.
  if (at < 0) return { key: prefix, range_end: Buffer.from([0]) };
  range_end[at] = range_end[at]! + 1;
  return { key: prefix, range_end: range_end.subarray(0, at + 1) };
}
