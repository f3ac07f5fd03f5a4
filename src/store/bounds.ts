// --max-keys and --max-bytes: makes room by dropping the least recently used items, durably, or says that
// there is none (-M). Evictions are delete records: what was evicted stays gone after a restart.

import { MARK } from './keydir.js';
import type { Core } from './core.js';

export class Bounds {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * Room for a record of `bytes` under a key whose item is `ref` (0: a new one). `no-memory`: the bounds
   * hold and nothing may be evicted, or the record alone is over them; `no-space`: the log took no record.
   */
  makeRoom(bytes: number, ref: number): 'ok' | 'no-memory' | 'no-space' {
    const core = this.#core;
    const { keysMax, bytesMax, evicts } = core.options;
    if (keysMax === 0 && bytesMax === 0) return 'ok';
    const { items } = core;
    const replaced = ref === 0 ? 0 : items.keydir.length(ref) + (items.largeOf(ref)?.bytes ?? 0);
    const isOver = (): boolean =>
      (keysMax !== 0 && ref === 0 && items.count >= keysMax) ||
      (bytesMax !== 0 && items.liveBytes - replaced + bytes > bytesMax);
    if (!isOver()) return 'ok';
    if (!evicts || (bytesMax !== 0 && bytes > bytesMax)) {
      core.counters.noMemory += 1;
      return 'no-memory';
    }
    while (isOver()) {
      const oldest = this.#oldestBut(ref);
      if (oldest === 0) return 'no-memory';
      if (!this.#evict(oldest)) return 'no-space';
    }
    return 'ok';
  }

  #oldestBut(ref: number): number {
    const { keydir } = this.#core.items;
    const { oldest } = keydir;
    return oldest === ref && oldest !== 0 ? keydir.newer(oldest) : oldest;
  }

  #evict(ref: number): boolean {
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
      bytes: keydir.length(ref) + (core.items.largeOf(ref)?.bytes ?? 0),
    };
    if (core.commitRemoval(key, ref, 'evicted') === undefined) return false;
    core.counters.evictions += 1;
    if (!item.fetched) core.counters.evictedUnfetched += 1;
    core.onEvicted?.(item);
    return true;
  }
}
