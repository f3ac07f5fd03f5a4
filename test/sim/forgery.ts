// The value that a malicious client would store: it holds batch headers like those in a segment, and each claims that
// everything before it was on disk. With a salt that no client knows, these bytes are like any others. Without a salt, a
// torn write in front of them would be taken for proven damage.

import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  encodeBatchHeader,
} from '../../src/log/bytes/format.js';
import { SECTOR_BYTES } from './inode.js';

/** Returns a value of that many bytes, as latin1. Its headers are valid if it is the first record of the first segment. */
export function forgedValue(key: string, bytes: number, number: number): string {
  const value = Buffer.alloc(bytes, `${number}:forged `);
  const headers = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + FRAME_HEADER_BYTES;
  const start = headers + key.length;
  for (let offset = SECTOR_BYTES; offset < start + bytes; offset += SECTOR_BYTES) {
    const at = offset - start;
    if (at < 0 || at + BATCH_HEADER_BYTES > bytes) continue;
    const claim = {
      batchBytes: BATCH_HEADER_BYTES,
      frameCount: 0,
      durableSegment: 1,
      kind: BATCH_KIND.seal,
      durableOffset: 2 ** 40,
      firstSeq: 1,
      timeMs: 0,
    };
    encodeBatchHeader(value, at, claim, 0, offset);
  }
  return value.toString('latin1');
}
