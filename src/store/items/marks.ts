// The marks of a put record, as the keydir has them.

import { MARK as RECORD_MARK } from '../../log/bytes/format.js';
import { MARK } from '../keydir/keydir.js';

/** The keydir's marks of a put record with those marks. */
export function keydirMarks(marks: number): number {
  return (
    ((marks & RECORD_MARK.chosenCas) === 0 ? 0 : MARK.CHOSEN_CAS) |
    ((marks & RECORD_MARK.stale) === 0 ? 0 : MARK.STALE) |
    ((marks & RECORD_MARK.won) === 0 ? 0 : MARK.WON)
  );
}
