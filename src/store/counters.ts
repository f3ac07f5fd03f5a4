// Counters of the store since the start or the last `stats reset`.

export class StoreCounters {
  evictions = 0;
  evictedUnfetched = 0;
  expiredUnfetched = 0;
  reclaimed = 0;
  idleDropped = 0;
  sweeperReclaimed = 0;
  sweeperChecked = 0;
  sweeps = 0;
  damagedReads = 0;
  diskReads = 0;
  diskReadBytes = 0;
  itemsStored = 0;
  noMemory = 0;
  compactions = 0;
  compactionsFailed = 0;
  compactedBytes = 0;
  /** Records that compactions copied. */
  compactedRecords = 0;
  snapshots = 0;
  snapshotsFailed = 0;
  scrubbedBytes = 0;
  scrubPasses = 0;

  reset(): void {
    Object.assign(this, new StoreCounters());
  }
}
