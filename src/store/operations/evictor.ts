// Drops one item because the store is at its bounds (bounds.ts says which and when): the record that keeps it
// gone after a restart, the counters, and those who watch evictions.

import type { Core } from '../items/core.js';
import { MARK } from '../keydir/keydir.js';

export class Evictor {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** What the item counts below --max-bytes; 0 for no item. */
  bytesOf(ref: number): number {
    const { items } = this.#core;
    return ref === 0 ? 0 : items.keydir.length(ref) + (items.largeOf(ref)?.bytes ?? 0);
  }

  /** The least recently used item that is not `ref`; 0: there is none. */
  oldestBut(ref: number): number {
    const { keydir } = this.#core.items;
    const { oldest } = keydir;
    return oldest === ref && oldest !== 0 ? keydir.newer(oldest) : oldest;
  }

  /** False when the log took no record. */
  evict(ref: number): boolean {
    const core = this.#core;
    const { keydir } = core.items;
    if (core.deadReason(ref) === 'expired') {
      if (!core.isDeadForGood(ref)) {
        return core.commitRemoval(keydir.key(ref), ref, 'expired') !== undefined;
      }
      core.forget(ref);
      return true;
    }
    const key = keydir.key(ref);
    const item = {
      key,
      expiresAt: keydir.expiresAt(ref),
      fetched: (keydir.marks(ref) & MARK.FETCHED) !== 0,
      lastUsedSeconds: keydir.lastUsedSeconds(ref),
      bytes: this.bytesOf(ref),
    };
    if (core.commitRemoval(key, ref, 'evicted') === undefined) return false;
    core.counters.evictions += 1;
    if (!item.fetched) core.counters.evictedUnfetched += 1;
    core.onEvicted?.(item);
    return true;
  }
}
