// get, gets, gat, gats, mg and their binary forms, one key at a time: what memory can answer is composed at once,
// without a promise; what needs the disk, or a client that reads first, goes on in retrieval-later.ts.

import type { GetRequest } from '../../protocol/request.js';
import type { ReplySection } from '../reply-section.js';
import type { Session } from '../session.js';
import { composeEnd, composeFound, readOptionsOf } from './get-answer.js';
import { getAhead } from './retrieval-ahead.js';
import { answerHere, answerLater } from './retrieval-later.js';

/** Returns a promise when the requests behind it have to wait. */
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
  // A large value: it is read piece by piece.
  if (found.kind === 'hit' && found.item.source === undefined)
    return answerHere(request, session, options, found);
  const { after } = found;
  const start = after > 0 || !last ? beginGet(session, section, last) : 0;
  composeFound(request, session, section, progress, options, found);
  if (after > 0) replies.gatePart(section, start, form, after);
  if (last) composeEnd(request, session, section, progress);
  return undefined;
}

/** Where the part of the get begins that waits when one of its keys does: all of it, as far as none has left. */
function beginGet(session: Session, section: ReplySection, last: boolean): number {
  const { replies, getProgress: progress } = session;
  if (!progress.begun) {
    progress.begun = !last;
    progress.start = section.output.length;
    progress.bytesWritten = replies.bytesWritten;
  }
  return progress.bytesWritten === replies.bytesWritten ? progress.start : section.output.length;
}

/** An error was said in its place: by a lookup, or by a commit that failed while keys were still to come. */
function hasFailed({ replies, getProgress: progress }: Session): boolean {
  if (replies.hasLostGet) progress.failed = true;
  return progress.failed;
}
