// Statistics of the log under the names of memcached's extstore, so that existing dashboards show them: pages are
// segments, objects are records, fragmented bytes are dead bytes.

import type { StatLines } from './lines.js';

/** Name → the engine's name, or 0 for events that cannot happen here. */
const NAMES: Readonly<Record<string, string | 0>> = {
  extstore_compact_lost: 0,
  extstore_compact_rescues: 'kv_compacted_records',
  extstore_compact_skipped: 0,
  extstore_compact_cas: 0,
  extstore_page_allocs: 'kv_segments_created',
  extstore_page_evictions: 0,
  extstore_page_reclaims: 'kv_compactions',
  extstore_pages_free: 0,
  extstore_pages_used: 'kv_segments',
  extstore_objects_evicted: 'evictions',
  extstore_objects_read: 'kv_disk_reads',
  extstore_objects_written: 'kv_records',
  extstore_objects_used: 'curr_items',
  extstore_bytes_evicted: 0,
  extstore_bytes_written: 'kv_log_bytes_written',
  extstore_bytes_read: 'kv_disk_read_bytes',
  extstore_bytes_used: 'kv_segment_bytes',
  extstore_bytes_fragmented: 'kv_dead_bytes',
  extstore_limit_maxbytes: 'kv_segment_bytes',
  extstore_io_queue: 'kv_watermark_lag',
};

/** Returns the lines. Names that the engine itself reports are left out. */
export function extstoreLines(engine: ReadonlyMap<string, number | string>): StatLines {
  return Object.entries(NAMES)
    .filter(([name]) => !engine.has(name))
    .map(([name, source]) => [name, source === 0 ? 0 : (engine.get(source) ?? 0)] as const);
}
