// How far a compaction is, from the store's own counters: bytes of segments compacted since it began, of
// those that there were.

import type { ControlProgress } from './messages.js';
import type { Store } from '../store/store.js';

/** Call the result as often as you like while the compaction that begins now goes on. */
export function watchCompaction(store: Pick<Store, 'stats'>): () => ControlProgress {
  const read = (name: string): number => Number(store.stats().get(name) ?? 0);
  const total = read('kv_segment_bytes');
  const before = read('kv_compacted_bytes');
  return () => ({ done: Math.min(total, read('kv_compacted_bytes') - before), total });
}
