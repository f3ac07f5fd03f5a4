// get, gets, gat, gats, mg and their binary forms, one key at a time: what memory can answer is composed at once,
// without a promise; what needs the disk, or a client that reads first, goes on in retrieval-later.ts.

import type { GetRequest } from '../../protocol/request.js';
import type { Lookup } from '../../store/store.js';
import type { Session } from '../session.js';
import { composeEnd, composeFound, readOptionsOf } from './get-answer.js';
import { answerHere, answerLater } from './retrieval-later.js';

/** Returns a promise when the requests behind it have to wait. */
export function get(request: GetRequest, session: Session): Promise<void> | undefined {
  const { store, replies, getProgress: progress } = session;
  const { form, key, keyStart, keyEnd, last } = request;
  const section = replies.tail;
  if (keyEnd === keyStart || hasFailed(session)) {
    composeEnd(request, session, section, progress);
    return undefined;
  }
  if (form.wire === 'meta') session.counters.cmd_meta += 1;
  const options = readOptionsOf(request, store);
  const found = store.get(key, options, keyStart, keyEnd);
  if (found instanceof Promise) {
    if (!last || progress.begun) return answerHere(request, session, options, found);
    return answerLater(request, session, options, found);
  }
  if (isLarge(found)) return answerHere(request, session, options, found);
  if (!progress.begun) {
    progress.begun = !last;
    progress.start = section.output.length;
    progress.bytesWritten = replies.bytesWritten;
  }
  // What waits for the disk holds the whole get back, as far as none of it has left.
  const isWhole = progress.bytesWritten === replies.bytesWritten;
  const start = isWhole ? progress.start : section.output.length;
  composeFound(request, session, section, progress, options, found);
  if (found.after > 0) replies.gatePart(section, start, form, found.after);
  if (last) composeEnd(request, session, section, progress);
  return undefined;
}

/** An error was said in its place: by a lookup, or by a commit that failed while keys were still to come. */
function hasFailed(session: Session): boolean {
  const { replies, getProgress: progress } = session;
  if (!progress.begun) return false;
  if (replies.hasLostGet) progress.failed = true;
  return progress.failed;
}

function isLarge(found: Lookup): boolean {
  return found.kind === 'hit' && found.item.source === undefined;
}
