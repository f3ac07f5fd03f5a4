// Fills the items from the log when a store opens: what each record means to the keydir, in log order.

import { MARK, RECORD } from '../log/format.js';
import type { ReplayEntry } from '../log/hint.js';
import { decodeDescriptor } from '../log/large-value-file.js';
import type { Segment } from '../log/segment.js';
import { keydirMarks } from './core.js';
import type { Flushes } from './flushes.js';
import type { Items } from './items.js';
import { MARK as KEYDIR_MARK } from './keydir.js';

const WON = KEYDIR_MARK.WON;

/** Applies one record. `usedSeconds` stands for the last use, of which the log knows nothing. */
export function replayEntry(
  items: Items,
  flushes: Flushes,
  entry: ReplayEntry,
  segment: Segment,
  usedSeconds: number,
): void {
  const { keydir } = items;
  const { key, seq, expiresAt } = entry;
  if (entry.type === RECORD.flush || entry.type === RECORD.deletePrefix) {
    flushes.add({ seq, atMs: expiresAt, prefix: Buffer.from(key) });
    return;
  }
  const ref = keydir.find(key);
  if (entry.type === RECORD.put) {
    const isLarge = (entry.marks & MARK.largeValue) !== 0;
    const at = items.set(key, ref, {
      slot: segment.slot,
      offset: entry.offset,
      bytes: entry.bytes,
      seq,
      expiresAt,
      marks: keydirMarks(entry.marks),
      lastUsedSeconds: usedSeconds,
      large: isLarge ? decodeDescriptor(entry.value) : undefined,
    });
    keydir.touch(at);
  } else if (ref !== 0 && entry.type === RECORD.delete) {
    items.remove(ref);
  } else if (ref !== 0 && keydir.seq(ref) === entry.value.readUIntLE(0, 6)) {
    // A touch is meant for one put; after that was overwritten it means nothing.
    items.setExpiresAt(ref, expiresAt);
    if ((entry.marks & MARK.won) !== 0) keydir.setMarks(ref, keydir.marks(ref) | WON);
    keydir.touch(ref);
  }
}
