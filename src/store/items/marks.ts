// Marks: converts the marks of a put record to those of the keydir.

import { RECORD_MARK } from '../../log/bytes/format.js';
import { ITEM_MARK } from '../keydir/keydir.js';

/** Returns the keydir's marks for a put record with `marks`. */
export function keydirMarks(marks: number): number {
  return (
    ((marks & RECORD_MARK.chosenCas) === 0 ? 0 : ITEM_MARK.CHOSEN_CAS) |
    ((marks & RECORD_MARK.stale) === 0 ? 0 : ITEM_MARK.STALE) |
    ((marks & RECORD_MARK.won) === 0 ? 0 : ITEM_MARK.WON)
  );
}
