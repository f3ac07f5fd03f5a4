// set, add, replace, append, prepend, cas, ms and their binary forms, whole or in pieces.

import { uriEncoded } from '../../protocol/listed-key.js';
import type { PutRequest } from '../../protocol/request.js';
import { expiresAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { LargeValueHandle, Put, PutOutcome, Store } from '../../store/store.js';
import type { Counters } from '../counters.js';
import type { Session } from '../session.js';
import { LargeUpload } from './large-upload.js';
import { outcomeReply, ownForm, settle } from './outcomes.js';

/** Returns a promise when the requests behind it have to wait. */
export function put(request: PutRequest, session: Session): Promise<void> | undefined {
  const { value, form } = request;
  if (value === undefined) {
    // The value follows in pieces; the request's views do not live that long.
    const kept = { ...request, form: ownForm(form), key: Buffer.from(request.key) };
    session.upload = new LargeUpload(session, kept, store);
    return undefined;
  }
  return store(request, session, value);
}

/** Stores a value that is whole and answers. */
function store(
  request: PutRequest,
  session: Session,
  value: Buffer | LargeValueHandle,
): Promise<void> | undefined {
  const { counters } = session;
  counters.cmd_set += 1;
  if (request.form.wire === 'meta') counters.cmd_meta += 1;
  const { detail, watchers } = session.services;
  if (detail.isOn) detail.recordSet(request.key);
  const name = watchers.count === 0 ? undefined : uriEncoded(request.key);
  const change = changeOf(request, value, session.store);
  const cmd = request.compareCas === undefined ? request.mode : 'cas';
  const { expiresAt } = change;
  const ttl =
    name === undefined || expiresAt === 0 ? 0 : ttlSecondsOf(expiresAt, session.store.nowMs());
  const outcome = session.store.put(change);
  return settle(session, request.form, outcome, (done, form) => {
    if (request.compareCas !== undefined) countCas(counters, done);
    if (name !== undefined) {
      const status = done.status.replace('-', '_');
      const fields = `type=item_store key=${name} status=${status} cmd=${cmd} ttl=${ttl}`;
      const size = `clsid=1 cfd=${session.id} size=${done.valueBytes}`;
      watchers.emit('mutations', `${fields} ${size}`, done.after);
    }
    const reply = outcomeReply(done.status, done.cas, done.valueBytes);
    session.answerChange(form, reply, done.after);
  });
}

function changeOf(request: PutRequest, value: Buffer | LargeValueHandle, store: Store): Put {
  const { exptime, vivifyExptime } = request;
  const isPlain = exptime === 0 && vivifyExptime === undefined;
  const nowMs = isPlain ? 0 : store.nowMs();
  return {
    mode: request.mode,
    key: request.key,
    value,
    flags: request.flags,
    expiresAt: expiresAtOf(exptime, nowMs, store),
    compareCas: request.compareCas,
    chosenCas: request.chosenCas,
    invalidate: request.invalidate,
    vivifyExpiresAt:
      vivifyExptime === undefined ? undefined : expiresAtOf(vivifyExptime, nowMs, store),
  };
}

function countCas(counters: Counters, { status }: PutOutcome): void {
  if (status === 'stored') counters.cas_hits += 1;
  else if (status === 'exists') counters.cas_badval += 1;
  else if (status === 'not-found') counters.cas_misses += 1;
}
