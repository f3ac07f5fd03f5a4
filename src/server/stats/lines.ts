// The answers of stats commands: names and values in the order to print; long lists are sent in slices.

import type { ReplyForm } from '../../protocol/reply-form.js';
import type { Session } from '../session.js';

/** Number of entries of a long list that are composed at once. */
const SLICE_ENTRIES = 32;

export type StatLines = Iterable<readonly [name: string, value: string | number]>;

/** Sends the lines and the end of the list. */
export function answerLines(session: Session, form: ReplyForm, lines: StatLines): void {
  for (const [name, value] of lines) {
    session.answer(form, { kind: 'stat', name, value: String(value) });
  }
  session.answer(form, { kind: 'end', hits: 1 });
}

/** Sends a list of any length in slices, at the pace of the client. Resolves to false when the client has gone. */
export async function sendInSlices<T>(
  session: Session,
  entries: Iterator<T>,
  send: (entry: T) => void,
): Promise<boolean> {
  const { replies, services } = session;
  for (;;) {
    if (!(await replies.room(replies.tail))) return false;
    await services.slices.enter();
    for (let n = 0; n < SLICE_ENTRIES; n++) {
      const next = entries.next();
      if (next.done === true) return true;
      send(next.value);
    }
  }
}
