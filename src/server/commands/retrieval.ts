// get, gets, gat, gats, mg and their binary forms: what memory can answer is composed at once, without a
// promise; what needs the disk, or a client that reads first, goes on in retrieval-later.ts.

import type { GetRequest } from '../../protocol/request.js';
import { ownLookup } from '../../store/found-item.js';
import type { Lookup } from '../../store/store.js';
import type { Session } from '../session.js';
import { GetJob, readOptionsOf } from './get-job.js';
import { answerLater, answerRest } from './retrieval-later.js';

/** Returns a promise when the requests behind it have to wait. */
export function get(request: GetRequest, session: Session): Promise<void> | undefined {
  const { keys } = request;
  const { store, replies, getProgress: progress } = session;
  if (request.form.wire === 'meta') session.counters.cmd_meta += 1;
  const options = readOptionsOf(request, store);
  const job = new GetJob(request, session, replies.tail, progress, options);
  for (let at = 0; at < keys.length && !progress.failed; at++) {
    if (at > 0 && replies.isFull) return answerRest(job, at, undefined);
    const found = store.get(keys[at]!, options);
    if (found instanceof Promise) {
      const isAlone = keys.length === 1 && request.last && progress.hits === 0;
      return isAlone ? answerLater(request, session, options, found) : answerRest(job, at, found);
    }
    if (isLarge(found)) return answerRest(job, at, ownLookup(found));
    if (found.after > job.after) job.after = found.after;
    job.compose(keys[at]!, found);
  }
  // A part that is not the last may not be replaced by an error alone: its END would still follow.
  if (!request.last && job.after > store.durability.watermark)
    return answerRest(job, keys.length, undefined);
  job.end();
  job.gate();
  return undefined;
}

function isLarge(found: Lookup): boolean {
  return found.kind === 'hit' && found.item.source === undefined;
}
