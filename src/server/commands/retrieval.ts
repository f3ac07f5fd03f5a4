// The commands get, gets, gat, gats, mg and their binary forms, one key at a time. A value in memory is answered at
// once, without a promise. A get that waits for the disk or for a reading client goes on in retrieval-later.ts.

import type { GetRequest } from '../../protocol/request.js';
import type { ReplySection } from '../reply-section.js';
import type { Session } from '../session.js';
import { composeEnd, composeFound, readOptionsOf } from './get-answer.js';
import { getAhead } from './retrieval-ahead.js';
import { answerHere, answerLater } from './retrieval-later.js';

/** Answers one key; returns a promise when the requests behind it have to wait. */
export function get(request: GetRequest, session: Session): Promise<void> | undefined {
  const { store, replies, getProgress: progress } = session;
  if (store.appliesInCallOrder) return getAhead(request, session);
  const { form, key, keyStart, keyEnd, last } = request;
  const section = replies.tail;
  if (keyEnd === keyStart || (progress.begun && hasFailed(session))) {
    if (last) composeEnd(request, session, section, progress);
    return undefined;
  }
  const isMeta = form.wire === 'meta';
  if (isMeta) session.counters.cmd_meta += 1;
  const options =
    isMeta || request.touchExptime !== undefined ? readOptionsOf(request, store) : undefined;
  const found = store.get(key, options, keyStart, keyEnd);
  if (found instanceof Promise) {
    if (!last || progress.begun) return answerHere(request, session, options, found);
    return answerLater(request, session, options, found);
  }
  // A large value is read piece by piece.
  if (found.kind === 'hit' && found.item.source === undefined)
    return answerHere(request, session, options, found);
  const { after } = found;
  const start = after > 0 || !last ? beginGet(session, section, last) : 0;
  composeFound(request, session, section, progress, options, found);
  if (after > 0) replies.gatePart(section, start, form, after);
  if (last) composeEnd(request, session, section, progress);
  return undefined;
}

/** Returns where the bytes begin that wait as one part: at the start of the get, or here if a part of it has left. */
function beginGet(session: Session, section: ReplySection, last: boolean): number {
  const { replies, getProgress: progress } = session;
  if (!progress.begun) {
    progress.begun = !last;
    progress.start = section.output.length;
    progress.bytesWritten = replies.bytesWritten;
  }
  return progress.bytesWritten === replies.bytesWritten ? progress.start : section.output.length;
}

/** True when an error has replaced the get: a lookup failed, or a commit failed while keys were still to come. */
function hasFailed({ replies, getProgress: progress }: Session): boolean {
  if (replies.hasLostGet) progress.failed = true;
  return progress.failed;
}
