// Measures of the store in addition to its counters: durations and sizes of commits, durations of disk reads. They are
// taken only while the server serves metrics.

import { Histogram, SECONDS_BOUNDS } from '../histogram.js';

const BYTES_BOUNDS = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];
const RECORDS_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

export class StoreMeasures {
  /** Duration of each write and sync of a batch. */
  readonly commitSeconds = new Histogram(SECONDS_BOUNDS);
  readonly batchBytes = new Histogram(BYTES_BOUNDS);
  readonly batchRecords = new Histogram(RECORDS_BOUNDS);
  /** Duration of each read of a value from a segment. */
  readonly diskReadSeconds = new Histogram(SECONDS_BOUNDS);

  committed(ms: number, bytes: number, records: number): void {
    this.commitSeconds.observe(ms / 1000);
    this.batchBytes.observe(bytes);
    this.batchRecords.observe(records);
  }

  diskRead(ms: number): void {
    this.diskReadSeconds.observe(ms / 1000);
  }
}
