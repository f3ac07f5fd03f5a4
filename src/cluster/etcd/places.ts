// Places: the keys in etcd of items, flush records and the servers' own records, below the prefix of a store
// (docs/format.md, "Items in a cluster").
//
// | key | what |
// |---|---|
// | `<prefix>k/<key>` | an item, as src/cluster/item-bytes.ts has it |
// | `<prefix>m/f/<prefix of keys>` | a flush record: items with this prefix that were stored before its mod_revision are gone |
// | `<prefix>m/w/<server>/<lane>` | the slot of a lane: the number of the batch of writes that was done last |
// | `<prefix>m/s` | the claim: which server does the upkeep, and since when |

import type { KeyValue } from './messages.js';

/** A range of keys from `key` up to `range_end`, which does not belong to it. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

export class Places {
  readonly #items: Buffer;
  readonly #flushes: Buffer;
  readonly #records: Buffer;
  /** The range of all items. */
  readonly items: KeyRange;
  /** The range of all flush records. */
  readonly flushes: KeyRange;
  /** The range of all slots. */
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

  /** The key in etcd of the client's key source[start..end). */
  item(source: Buffer, start: number, end: number): Buffer {
    const prefix = this.#items;
    const key = Buffer.allocUnsafe(prefix.length + end - start);
    prefix.copy(key);
    source.copy(key, prefix.length, start, end);
    return key;
  }

  /** The client's key for an item's key in etcd. */
  keyOf(itemKey: Buffer): Buffer {
    return itemKey.subarray(this.#items.length);
  }

  flush(prefix: Buffer): Buffer {
    return Buffer.concat([this.#flushes, prefix]);
  }

  /** Checks whether the flush record covers the item and is younger than it. */
  isFlushed(item: KeyValue, flush: KeyValue): boolean {
    if (flush.mod_revision <= item.mod_revision) return false;
    const { key } = item;
    const start = this.#items.length;
    const from = this.#flushes.length;
    const bytes = flush.key.length - from;
    if (key.length - start < bytes) return false;
    return key.compare(flush.key, from, flush.key.length, start, start + bytes) === 0;
  }

  /** The range of the items that a flush record covers. */
  itemsOf(flush: KeyValue): KeyRange {
    return rangeOf(this.stem(flush.key.subarray(this.#flushes.length)));
  }

  /** The first bytes in etcd of all items whose keys begin with `prefix`. */
  stem(prefix: Buffer): Buffer {
    return Buffer.concat([this.#items, prefix]);
  }

  slot(server: string, lane: number): Buffer {
    return Buffer.concat([this.#records, Buffer.from(`w/${server}/${lane}`)]);
  }
}

/** The range of all keys that begin with these bytes. */
export function rangeOf(prefix: Buffer): KeyRange {
  const range_end = Buffer.from(prefix);
  let at = range_end.length - 1;
  while (at >= 0 && range_end[at] === 0xff) at -= 1;
  // All bytes are 255: the range goes to the end of all keys, which etcd writes as \0.
  if (at < 0) return { key: prefix, range_end: Buffer.from([0]) };
  range_end[at] = range_end[at]! + 1;
  return { key: prefix, range_end: range_end.subarray(0, at + 1) };
}
