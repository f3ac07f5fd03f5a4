// `stats items` and `stats slabs`: the store has no slab classes, so monitors and tools get one class, number 1, that
// holds all items.

import { MIB } from '../../limits.js';
import type { Services } from '../session.js';
import type { StatLines } from './lines.js';

const CLASS = 1;
const CHUNK_BYTES = 1024;
const CHUNKS_PER_PAGE = MIB / CHUNK_BYTES;

/** Returns the lines of `stats items`; no lines while there are no items, as in memcached. */
export function itemsLines({ store, counters }: Services): StatLines {
  const engine = store.stats();
  const of = (name: string): number => Number(engine.get(name) ?? 0);
  const number = of('curr_items');
  if (number === 0) return [];
  const values: readonly (readonly [string, number])[] = [
    ['number', number],
    ['number_hot', 0],
    ['number_warm', 0],
    ['number_cold', number],
    ['age_hot', 0],
    ['age_warm', 0],
    ['age', of('kv_oldest_use_seconds')],
    ['mem_requested', of('bytes')],
    ['evicted', of('evictions')],
    ['evicted_nonzero', 0],
    ['evicted_time', 0],
    ['outofmemory', counters.store_no_memory],
    ['tailrepairs', 0],
    ['reclaimed', of('reclaimed')],
    ['expired_unfetched', of('expired_unfetched')],
    ['evicted_unfetched', of('evicted_unfetched')],
    ['evicted_active', 0],
    ['crawler_reclaimed', of('crawler_reclaimed')],
    ['crawler_items_checked', of('crawler_items_checked')],
    ['lrutail_reflocked', 0],
    ['moves_to_cold', 0],
    ['moves_to_warm', 0],
    ['moves_within_lru', 0],
    ['direct_reclaims', 0],
    ['hits_to_hot', 0],
    ['hits_to_warm', 0],
    ['hits_to_cold', counters.get_hits],
    ['hits_to_temp', 0],
  ];
  return values.map(([name, value]) => [`items:${CLASS}:${name}`, value]);
}

export function slabsLines({ store, counters }: Services): StatLines {
  const engine = store.stats();
  const number = Number(engine.get('curr_items') ?? 0);
  const bytes = Number(engine.get('bytes') ?? 0);
  if (number === 0) {
    return [
      ['active_slabs', 0],
      ['total_malloced', 0],
    ];
  }
  const pages = Math.max(1, Math.ceil(bytes / MIB));
  const chunks = Math.max(number, pages * CHUNKS_PER_PAGE);
  const values: readonly (readonly [string, number])[] = [
    ['chunk_size', CHUNK_BYTES],
    ['chunks_per_page', CHUNKS_PER_PAGE],
    ['total_pages', pages],
    ['total_chunks', chunks],
    ['used_chunks', number],
    ['free_chunks', chunks - number],
    ['free_chunks_end', 0],
    ['mem_requested', bytes],
    ['get_hits', counters.get_hits],
    ['cmd_set', counters.cmd_set],
    ['delete_hits', counters.delete_hits],
    ['incr_hits', counters.incr_hits],
    ['decr_hits', counters.decr_hits],
    ['cas_hits', counters.cas_hits],
    ['cas_badval', counters.cas_badval],
    ['touch_hits', counters.touch_hits],
  ];
  return [
    ...values.map(([name, value]) => [`${CLASS}:${name}`, value] as const),
    ['active_slabs', 1],
    ['total_malloced', pages * MIB],
  ];
}
