// Evictor: drops one item because the store is at its bounds (bounds.ts says when). It commits the record that
// keeps the item gone after a restart, counts the eviction, and reports it to `watch evictions`.

import type { StoreParts } from '../items/parts.js';
import type { Evicted } from '../store.js';
import { ITEM_MARK } from '../keydir/keydir.js';

export class Evictor {
  /** Called for each eviction (`watch evictions`). */
  onEvicted: ((item: Evicted) => void) | undefined;
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Returns the bytes that the item counts for --max-bytes; 0 for no item. */
  bytesOf(ref: number): number {
    const { items } = this.#parts;
    return ref === 0 ? 0 : items.keydir.length(ref) + (items.largeOf(ref)?.bytes ?? 0);
  }

  /** Returns the least recently used item that is not `ref`; 0: there is none. */
  oldestBut(ref: number): number {
    const { keydir } = this.#parts.items;
    const { oldest } = keydir;
    return oldest === ref && oldest !== 0 ? keydir.newer(oldest) : oldest;
  }

  /** Drops the item of `ref`. Returns false when the log took no record. */
  evict(ref: number): boolean {
    const parts = this.#parts;
    const { keydir } = parts.items;
    if (parts.liveness.deadReason(ref) === 'expired') {
      if (!parts.liveness.isDeadForGood(ref)) {
        return parts.commits.removal(keydir.key(ref), ref, 'expired') !== undefined;
      }
      parts.commits.forget(ref);
      return true;
    }
    const key = keydir.key(ref);
    const item = {
      key,
      expiresAt: keydir.expiresAt(ref),
      fetched: (keydir.marks(ref) & ITEM_MARK.FETCHED) !== 0,
      lastUsedSeconds: keydir.lastUsedSeconds(ref),
      bytes: this.bytesOf(ref),
    };
    if (parts.commits.removal(key, ref, 'evicted') === undefined) return false;
    parts.counters.evictions += 1;
    if (!item.fetched) parts.counters.evictedUnfetched += 1;
    this.onEvicted?.(item);
    return true;
  }
}
