// The marks of a put record, as the keydir has them.

import { RECORD_MARK } from '../../log/bytes/format.js';
import { ITEM_MARK } from '../keydir/keydir.js';

/** The keydir's marks of a put record with those marks. */
export function keydirMarks(marks: number): number {
  return (
    ((marks & RECORD_MARK.chosenCas) === 0 ? 0 : ITEM_MARK.CHOSEN_CAS) |
    ((marks & RECORD_MARK.stale) === 0 ? 0 : ITEM_MARK.STALE) |
    ((marks & RECORD_MARK.won) === 0 ? 0 : ITEM_MARK.WON)
  );
}
