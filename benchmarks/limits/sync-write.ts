// The limit that the disk sets: one O_DSYNC write after the other into a file filled with zeros ahead, each as long
// as a record. No store can acknowledge single durable writes faster.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Bench } from '../bench.js';
import {
  ALIGNMENT_BYTES,
  BATCH_HEADER_BYTES,
  FRAME_HEADER_BYTES,
} from '../../src/log/bytes/format.js';
import { LatencyHistogram } from '../load/histogram.js';
import { KEY_BYTES } from '../load/requests.js';
import type { Contender, Sample } from '../rounds.js';

const MIB = 1024 * 1024;
const FILE_BYTES = 64 * MIB;
/** The bytes that Cairn writes beside the value when one client waits: a batch of one frame (docs/format.md). */
const RECORD_OVERHEAD_BYTES = BATCH_HEADER_BYTES + FRAME_HEADER_BYTES + KEY_BYTES;

export const SYNC_WRITE = 'bare O_DSYNC write';

function createZeroed(path: string): void {
  const fd = openSync(path, 'w');
  const zeros = Buffer.alloc(MIB);
  for (let at = 0; at < FILE_BYTES; at += MIB) writeSync(fd, zeros, 0, MIB, at);
  closeSync(fd);
}

function measure(path: string, writeBytes: number, durationMs: number): Sample {
  const fd = openSync(path, constants.O_WRONLY | constants.O_DSYNC);
  const bytes = Buffer.alloc(writeBytes, 1);
  const step = Math.ceil(writeBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const latency = new LatencyHistogram();
  const startedAt = performance.now();
  let now = startedAt;
  let at = 0;
  while (now - startedAt < durationMs) {
    writeSync(fd, bytes, 0, writeBytes, at);
    at = at + 2 * step > FILE_BYTES ? 0 : at + step;
    const after = performance.now();
    latency.record(after - now);
    now = after;
  }
  closeSync(fd);
  return { ...latency.summary(), rps: (latency.count * 1000) / (now - startedAt) };
}

/** Writes `valueBytes` and a record's overhead; rps counts the writes. */
export function syncWriteLimit(bench: Bench, valueBytes: number): Contender {
  const path = join(bench.freshDir(), 'limit');
  createZeroed(path);
  return {
    server: SYNC_WRITE,
    measure: async () => measure(path, valueBytes + RECORD_OVERHEAD_BYTES, bench.sizes.durationMs),
  };
}
