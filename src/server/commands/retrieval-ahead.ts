// Gets of a store that answers later and applies calls in their order (a cluster): the lookups of all keys of a get
// start at once, and the requests behind go on meanwhile. Answering one key after the other would cost a round trip per
// key.
//
// Invariants: the replies of one get leave in the order of its keys, in one section. At most KEYS_AHEAD_MAX values of a
// get are in memory; until these are answered, the parser gives no further key.

import type { GetRequest } from '../../protocol/request.js';
import { newGetProgress, type Session } from '../session.js';
import { composeEnd, readOptionsOf } from './get-answer.js';
import { answerLater, LaterAnswer } from './retrieval-later.js';

const KEYS_AHEAD_MAX = 64;

/** As get(). Returns a promise when KEYS_AHEAD_MAX lookups are under way, so that the next keys have to wait. */
export function getAhead(request: GetRequest, session: Session): Promise<void> | undefined {
  const { store, replies } = session;
  const { form, key, keyStart, keyEnd, last } = request;
  const isMeta = form.wire === 'meta';
  const hasKey = keyEnd > keyStart;
  if (!hasKey && session.getAhead === undefined) {
    composeEnd(request, session, replies.tail, session.getProgress);
    return undefined;
  }
  if (isMeta) session.counters.cmd_meta += 1;
  const options =
    isMeta || request.touchExptime !== undefined ? readOptionsOf(request, store) : undefined;
  const found = hasKey ? store.get(key, options, keyStart, keyEnd) : undefined;
  if (last && session.getAhead === undefined && found instanceof Promise)
    return answerLater(request, session, options, found);
  const ahead = (session.getAhead ??= {
    section: replies.open(),
    progress: newGetProgress(),
    answered: Promise.resolve(),
    waiting: 0,
  });
  if (last) session.getAhead = undefined;
  const later = new LaterAnswer(request, session, options, ahead.section, ahead.progress);
  ahead.waiting += 1;
  ahead.answered = ahead.answered
    .then(() => later.answer(found))
    .then(() => {
      ahead.waiting -= 1;
      if (last) replies.close(ahead.section);
    });
  return ahead.waiting < KEYS_AHEAD_MAX ? undefined : ahead.answered;
}
