// Compaction progress: takes from the store's counters the bytes of segments that the compaction has read, and the
// bytes that there were at its start.

import type { ControlProgress } from './messages.js';
import type { Store } from '../store/store.js';

/** Returns a function that reports the progress of the compaction that begins now. It may be called at any time. */
export function watchCompaction(store: Pick<Store, 'stats'>): () => ControlProgress {
  const read = (name: string): number => Number(store.stats().get(name) ?? 0);
  const total = read('kv_segment_bytes');
  const before = read('kv_compacted_bytes');
  return () => ({ done: Math.min(total, read('kv_compacted_bytes') - before), total });
}
