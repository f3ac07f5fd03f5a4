// What a malicious client would store: a value that holds batch headers as a segment does, each claiming
// that everything before it was on disk. With a salt that nobody knows they are bytes like others; without
// one, a torn write in front of them would be taken for proved damage.

import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  encodeBatchHeader,
} from '../../src/log/bytes/format.js';
import { SECTOR_BYTES } from './inode.js';

/** A value of that many bytes, as latin1, that is right if it is the first record of the first segment. */
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
