// Which keys a damaged batch was about, for the operator: what is left of its frames is read without
// trusting it. A guess by nature; nothing but a message is made of it.

import {
  ALIGNMENT_BYTES,
  BATCH_HEADER_BYTES,
  CHOSEN_CAS_BYTES,
  FRAME_HEADER_BYTES,
  MARK,
  RECORD,
} from './format.js';
import type { Segment } from './segment.js';

const LOOK_BYTES = 64 * 1024;
const KEYS_MAX = 10;

/** `; keys that may be stale: "a", "b"` for the batch at `offset`, or nothing when none can be made out. */
export async function staleKeysNote(segment: Segment, offset: number): Promise<string> {
  const bytes = Buffer.alloc(LOOK_BYTES);
  const count = await segment.file.read(bytes, offset);
  const keys = keysOf(bytes.subarray(0, count));
  if (keys.length === 0) return '';
  const more = keys.length > KEYS_MAX ? ' and others' : '';
  const shown = keys.slice(0, KEYS_MAX).map((key) => JSON.stringify(key));
  return `; keys that may be stale: ${shown.join(', ')}${more}`;
}

function keysOf(batch: Buffer): string[] {
  const keys: string[] = [];
  for (let at = BATCH_HEADER_BYTES; at + FRAME_HEADER_BYTES <= batch.length;) {
    const bytes = batch.readUInt32LE(at + 4);
    const type = batch[at + 8]!;
    const keyBytes = batch.readUInt16LE(at + 10);
    const hasCas = (batch[at + 9]! & MARK.chosenCas) !== 0;
    const keyAt = at + FRAME_HEADER_BYTES + (hasCas ? CHOSEN_CAS_BYTES : 0);
    const isFrame = bytes >= FRAME_HEADER_BYTES && bytes % ALIGNMENT_BYTES === 0;
    if (!isFrame || type < RECORD.put || type > RECORD.deletePrefix) break;
    if (keyAt + keyBytes > Math.min(at + bytes, batch.length)) break;
    if (keyBytes > 0) keys.push(batch.toString('utf8', keyAt, keyAt + keyBytes));
    at += bytes;
  }
  return keys;
}
