// What a stats command answers: names and values in the order to print.

import type { ReplyForm } from '../../protocol/reply-form.js';
import type { Session } from '../session.js';

export type StatLines = Iterable<readonly [name: string, value: string | number]>;

/** Sends the lines and the end of the list. */
export function answerLines(session: Session, form: ReplyForm, lines: StatLines): void {
  for (const [name, value] of lines) {
    session.answer(form, { kind: 'stat', name, value: String(value) });
  }
  session.answer(form, { kind: 'end', hits: 1 });
}
