// The engine's part of `stats`: memcached's names where they mean the same, and Cairn's own with the prefix kv_
// (docs/protocol.md, "Classic text commands").

import type { StoreParts } from './items/parts.js';
import type { ScrubFindings } from './upkeep/scrub-findings.js';

/** Findings of the start. */
interface Opened {
  readonly keys: number;
  readonly durationMs: number;
}

type Lines = (readonly [name: string, value: number | string])[];

export function engineStats(
  parts: StoreParts,
  opened: Opened,
  scrubFindings: ScrubFindings,
): Map<string, number | string> {
  return new Map([
    ...itemLines(parts),
    ...logLines(parts, opened),
    ...readLines(parts),
    ...upkeepLines(parts, scrubFindings),
  ]);
}

function itemLines({ items, counters }: StoreParts): Lines {
  return [
    ['bytes', items.liveBytes],
    ['curr_items', items.count],
    ['total_items', counters.itemsStored],
    ['evictions', counters.evictions],
    ['evicted_unfetched', counters.evictedUnfetched],
    ['expired_unfetched', counters.expiredUnfetched],
    ['reclaimed', counters.reclaimed],
    ['crawler_reclaimed', counters.sweeperReclaimed],
    ['crawler_items_checked', counters.sweeperChecked],
    ['lru_crawler_starts', counters.sweeps],
    ['store_no_memory', counters.noMemory],
  ];
}

function logLines(parts: StoreParts, opened: Opened): Lines {
  const { items, log } = parts;
  const segments = log.table.ordered;
  const { syncLatency } = parts;
  const syncUs = (percent: number): number =>
    syncLatency.count === 0 ? 0 : Math.round(syncLatency.percentile(percent) / 1000);
  const diskBytes = segments.reduce((sum, { committedBytes }) => sum + committedBytes, 0);
  const deadBytes = segments.reduce((sum, segment) => sum + segment.deadBytes, 0);
  return [
    ['kv_recovered_keys', opened.keys],
    ['kv_recovery_ms', Math.round(opened.durationMs)],
    ['kv_recovery_clean', log.recovery.clean ? 1 : 0],
    ['kv_recovery_image', log.recovery.restored === undefined ? 0 : 1],
    ['kv_recovery_torn_bytes', log.recovery.tornBytes],
    ['kv_watermark', log.watermark],
    ['kv_last_seq', log.lastSeq],
    ['kv_watermark_lag', log.lastSeq - log.watermark],
    ['kv_batches', log.counters.batches],
    ['kv_records', log.counters.records],
    ['kv_log_bytes_written', log.counters.bytes],
    ['kv_seals', log.counters.seals],
    ['kv_sync_p50_us', syncUs(50)],
    ['kv_sync_p99_us', syncUs(99)],
    ['kv_sync_max_us', syncLatency.count === 0 ? 0 : Math.round(syncLatency.max / 1000)],
    ['kv_failed_commits', log.counters.failures],
    ['kv_clock_ahead', Math.round(parts.clock.aheadMs / 1000)],
    ['kv_disk_full', log.short ? 1 : 0],
    ['kv_segments', segments.length],
    ['kv_segments_created', log.segmentsCreated],
    ['kv_segment_bytes', diskBytes],
    ['kv_live_bytes', items.liveBytes],
    ['kv_dead_bytes', deadBytes],
    ['kv_large_bytes', items.largeBytes],
    ['kv_keydir_bytes', items.keydir.memoryBytes],
    ...historyLines(parts),
  ];
}

function historyLines({ history }: StoreParts): Lines {
  if (!history.isKept) return [];
  const { files, bytes, oldestMs } = history.stats;
  return [
    ['kv_history_files', files],
    ['kv_history_bytes', bytes],
    ['kv_history_oldest', Math.floor(oldestMs / 1000)],
  ];
}

function readLines(parts: StoreParts): Lines {
  const { counters } = parts;
  const cache = parts.cache.stats;
  return [
    ['kv_damaged_reads', counters.damagedReads],
    ['kv_disk_reads', counters.diskReads],
    ['kv_disk_read_bytes', counters.diskReadBytes],
    ['kv_cache_bytes', parts.cache.memoryBytes],
    ['kv_cache_entries', cache.entries],
    ['kv_cache_hits', cache.hits],
    ['kv_cache_misses', cache.misses],
    ['kv_cache_evicted', cache.evicted],
    ['kv_oldest_use_seconds', oldestUseSeconds(parts)],
  ];
}

function upkeepLines({ counters }: StoreParts, scrubFindings: ScrubFindings): Lines {
  return [
    ['kv_idle_dropped', counters.idleDropped],
    ['kv_compactions', counters.compactions],
    ['kv_compactions_failed', counters.compactionsFailed],
    ['kv_compacted_bytes', counters.compactedBytes],
    ['kv_compacted_records', counters.compactedRecords],
    ['kv_snapshots', counters.snapshots],
    ['kv_snapshots_failed', counters.snapshotsFailed],
    ['kv_scrub_bytes', counters.scrubbedBytes],
    ['kv_scrub_passes', counters.scrubPasses],
    ['kv_scrub_damaged', scrubFindings.count],
    ['kv_scrub_last_damage', scrubFindings.last ?? 'none'],
  ];
}

/** Returns the seconds since the least recently used item was used; 0 when they are not known. */
function oldestUseSeconds(parts: StoreParts): number {
  const { keydir } = parts.items;
  const { oldest } = keydir;
  return oldest === 0 ? 0 : Math.max(0, parts.clock.nowSeconds() - keydir.lastUsedSeconds(oldest));
}
