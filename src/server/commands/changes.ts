// delete, touch, incr, decr, flush_all and their meta and binary forms.

import type {
  ArithmeticRequest,
  DeletePrefixRequest,
  DeleteRequest,
  FlushRequest,
  OversizedPutRequest,
  TouchRequest,
} from '../../protocol/request.js';
import { uriEncoded } from '../../protocol/listed-key.js';
import { errorReply, type Reply } from '../../protocol/reply.js';
import { expiresAtOf, flushAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { ArithmeticOutcome } from '../../store/store.js';
import type { Session } from '../session.js';
import { outcomeReply, settle } from './outcomes.js';

export function remove(request: DeleteRequest, session: Session): Promise<void> | undefined {
  const { form, key, compareCas, chosenCas, invalidate, dropValue, exptime } = request;
  const { store } = session;
  if (form.wire === 'meta') session.counters.cmd_meta += 1;
  const expiresAt = exptime === undefined ? undefined : expiresAtOf(exptime, store.nowMs(), store);
  const { detail, watchers } = session.services;
  if (detail.isOn) detail.recordDelete(key);
  const name = watchers.count === 0 ? undefined : uriEncoded(key);
  const outcome = store.delete({ key, compareCas, chosenCas, invalidate, dropValue, expiresAt });
  return settle(session, form, outcome, (done, form) => {
    if (done.status === 'deleted' && name !== undefined) {
      watchers.emit('deletions', `type=deleted key=${name} cmd=delete clsid=1`, done.after);
    }
    if (done.status === 'deleted') session.counters.delete_hits += 1;
    else if (done.status === 'not-found') session.counters.delete_misses += 1;
    session.answerChange(form, outcomeReply(done.status, done.cas), done.after);
  });
}

export function touch(request: TouchRequest, session: Session): undefined {
  const { form, key, exptime } = request;
  const { store, counters } = session;
  const { status, cas, after } = store.touch(key, expiresAtOf(exptime, store.nowMs(), store));
  counters.cmd_touch += 1;
  if (status === 'touched') counters.touch_hits += 1;
  else if (status === 'not-found') counters.touch_misses += 1;
  session.answerChange(form, outcomeReply(status, cas), after);
  return undefined;
}

export function arithmetic(
  request: ArithmeticRequest,
  session: Session,
): Promise<void> | undefined {
  const { form, key, direction, delta, compareCas, chosenCas, create, exptime } = request;
  const { store, counters } = session;
  if (form.wire === 'meta') counters.cmd_meta += 1;
  const nowMs = store.nowMs();
  const outcome = store.arithmetic({
    key,
    delta,
    direction,
    compareCas,
    chosenCas,
    create:
      create === undefined
        ? undefined
        : {
            value: create.value,
            expiresAt: expiresAtOf(create.exptime, nowMs, store),
          },
    expiresAt: exptime === undefined ? undefined : expiresAtOf(exptime, nowMs, store),
  });
  return settle(session, form, outcome, (done, form) => {
    if (done.status === 'stored') counters[`${direction}_hits`] += 1;
    else if (done.status === 'not-found') counters[`${direction}_misses`] += 1;
    session.answerChange(form, numberReply(done, nowMs), done.after);
  });
}

function numberReply(done: ArithmeticOutcome, nowMs: number): Reply {
  const { number, cas, expiresAt, expiresAtBefore, status, created = false } = done;
  if (status !== 'stored') return outcomeReply(status, cas);
  const ttlSeconds = ttlSecondsOf(expiresAt, nowMs);
  const ttlSecondsBefore = ttlSecondsOf(expiresAtBefore, nowMs);
  return { kind: 'number', number, cas, ttlSeconds, ttlSecondsBefore, created };
}

export function flush(request: FlushRequest, session: Session): undefined {
  const { form, exptime } = request;
  const { store, services, counters } = session;
  if (!services.config.flushEnabled) {
    session.answerChange(form, errorReply('flush-not-allowed'), 0);
    return undefined;
  }
  counters.cmd_flush += 1;
  const { status, cas, after } = store.flush(flushAtOf(exptime, store.nowMs(), store));
  session.answerChange(form, outcomeReply(status, cas), after);
  return undefined;
}

/** The value was too large: the old one goes, so that nobody takes it for the new one. */
export function dropOversized(
  request: OversizedPutRequest,
  session: Session,
): Promise<void> | undefined {
  session.counters.store_too_large += 1;
  if (request.form.wire === 'meta') session.counters.cmd_meta += 1;
  return settle(session, request.form, session.store.delete({ key: request.key }), (done, form) =>
    session.answerChange(form, errorReply('too-large'), done.after),
  );
}

export function removePrefix(request: DeletePrefixRequest, session: Session): undefined {
  const { form, prefix } = request;
  const { store, services } = session;
  if (!services.config.flushEnabled) {
    session.answerChange(form, errorReply('flush-not-allowed'), 0);
    return undefined;
  }
  const { status, cas, after } = store.deletePrefix(prefix);
  session.answerChange(form, outcomeReply(status, cas), after);
  return undefined;
}
