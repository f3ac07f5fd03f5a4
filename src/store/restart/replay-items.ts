// Replay of items: applies each record of the log to the keydir and the flushes when a store opens.
//
// Nearly all records are puts and deletes, which are read in place as words. They come in the order of their places
// in the keydir's index, or of their tables in it when the list was not sorted. Only a keydir that keeps the order
// of use takes them in log order.

import {
  entryAt,
  firstWord,
  hashAt,
  isFlushPromise,
  keyBytesAt,
  keyWord,
  marksAt,
  nextWord,
  seqAt,
  typeAt,
  valueBytesAt,
  wordsOf,
} from '../../log/bytes/entry-list.js';
import type { EntryList, ReplayEntry } from '../../log/bytes/entry-list.js';
import { wordsByShard, wordsInLogOrder } from '../../log/bytes/entry-order.js';
import { RECORD_MARK, RECORD } from '../../log/bytes/format.js';
import { decodeDescriptor } from '../../log/segments/large-value-file.js';
import { packKey } from '../../log/bytes/key-hash.js';
import type { Segment } from '../../log/segments/segment.js';
import { KEY_BYTES_LIMIT } from '../../limits.js';
import { keydirMarks } from '../items/marks.js';
import type { Flushes } from '../flushes/flushes.js';
import type { Items } from '../items/items.js';
import { ITEM_MARK } from '../keydir/keydir.js';

const WON = ITEM_MARK.WON;
const prefixWords = new Uint32Array((KEY_BYTES_LIMIT + 3) >>> 2);

/**
 * Applies all records of a segment, which come with their hashes, in hash order (`isSorted`) or in log order.
 * `usedSeconds` becomes the time of the last use, which the log does not hold.
 */
export function replayEntries(
  items: Items,
  flushes: Flushes,
  list: EntryList,
  isSorted: boolean,
  segment: Segment,
  usedSeconds: number,
): void {
  const words = wordsOf(list);
  const inOrder = orderOf(list, isSorted, items.keydir.keepsOrder);
  let next = firstWord(list);
  for (let n = 0; n < list.count; n += 1) {
    const at = inOrder === undefined ? next : inOrder[n]!;
    const isPlain = typeAt(words, at) <= RECORD.delete && valueBytesAt(words, at) === 0;
    if (isPlain) replayPlain(items, words, at, segment, usedSeconds);
    else if (typeAt(words, at) === RECORD.deletePrefix) replayPrefix(flushes, words, at);
    else replayEntry(items, flushes, entryAt(words, at), segment, usedSeconds);
    next = nextWord(words, next);
  }
}

/** Returns the words at which the entries begin, in the order to apply them; undefined: in the list's order. */
function orderOf(list: EntryList, isSorted: boolean, keepsOrder: boolean): Int32Array | undefined {
  if (keepsOrder) return isSorted ? wordsInLogOrder(list) : undefined;
  return isSorted ? undefined : wordsByShard(list);
}

/** Applies a put or a delete. */
function replayPlain(
  items: Items,
  words: Uint32Array,
  at: number,
  segment: Segment,
  usedSeconds: number,
): void {
  const { keydir } = items;
  const hash = hashAt(words, at);
  const keyBytes = keyBytesAt(words, at);
  const found = keydir.findPacked(hash, words, keyWord(at), keyBytes);
  if (typeAt(words, at) === RECORD.delete) {
    if (found !== 0) items.remove(found);
    return;
  }
  const marks = keydirMarks(marksAt(words, at));
  items.replayPut(found, segment, words, at, marks, usedSeconds);
}

/** Applies a delete_prefix without making an object: there may be as many as puts. */
function replayPrefix(flushes: Flushes, words: Uint32Array, at: number): void {
  flushes.replay(seqAt(words, at), words, keyWord(at), keyBytesAt(words, at));
}

function replayFlush(flushes: Flushes, entry: ReplayEntry, slot: number): void {
  const { seq, key, value, expiresAt } = entry;
  const { promises } = flushes;
  if (isFlushPromise(entry)) {
    promises.add({ seq, atMs: expiresAt, slot });
    return;
  }
  // A record without a time is of an older release: it carried out the one promise whose seq it holds.
  if (value.length > 0)
    promises.carryOut(expiresAt || promises.timeOf(value.readUIntLE(0, 6)), seq, seq);
  packKey(key, prefixWords);
  flushes.replay(seq, prefixWords, 0, key.length);
}

/** Applies one record. `usedSeconds` becomes the time of the last use, which the log does not hold. */
export function replayEntry(
  items: Items,
  flushes: Flushes,
  entry: ReplayEntry,
  segment: Pick<Segment, 'slot'>,
  usedSeconds: number,
): void {
  const { keydir } = items;
  const { key, seq, expiresAt } = entry;
  if (entry.type === RECORD.flush || entry.type === RECORD.deletePrefix) {
    replayFlush(flushes, entry, segment.slot);
    return;
  }
  const ref = keydir.find(key);
  if (entry.type === RECORD.put) {
    const isLarge = (entry.marks & RECORD_MARK.largeValue) !== 0;
    const state = {
      segment: segment.slot,
      offset: entry.offset,
      length: entry.bytes,
      seq,
      expiresAt,
      marks: keydirMarks(entry.marks),
      lastUsedSeconds: usedSeconds,
    };
    const at = items.set(key, ref, state, isLarge ? decodeDescriptor(entry.value) : undefined);
    items.refresh(at);
  } else if (ref !== 0 && entry.type === RECORD.delete) {
    items.remove(ref);
  } else if (ref !== 0 && keydir.seq(ref) === entry.value.readUIntLE(0, 6)) {
    // A touch belongs to one put, and has no effect once that put was overwritten.
    items.setExpiresAt(ref, expiresAt);
    if ((entry.marks & RECORD_MARK.won) !== 0) items.addMarks(ref, WON);
    items.refresh(ref);
  }
}
