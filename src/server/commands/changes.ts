// The commands delete, touch, incr, decr, flush_all and delete_prefix, with their meta and binary forms.

import type {
  ArithmeticRequest,
  DeletePrefixRequest,
  DeleteRequest,
  FlushRequest,
  OversizedPutRequest,
  TouchRequest,
} from '../../protocol/request.js';
import { uriEncoded } from '../../protocol/listed-key.js';
import type { ReplyForm } from '../../protocol/reply-form.js';
import { errorReply } from '../../protocol/reply.js';
import { expiresAtOf, flushAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { Arithmetic, ArithmeticOutcome, Delete, Maybe, Outcome } from '../../store/store.js';
import type { ReplySection } from '../reply-section.js';
import type { Session } from '../session.js';
import { answerOutcome, countRefusal, settle } from './outcomes.js';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** The arguments for the store: one object per kind, filled again for each request. The store copies what it keeps. */
const DELETE: { -readonly [K in keyof Delete]: Delete[K] } = {
  key: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  compareCas: undefined,
  chosenCas: undefined,
  invalidate: false,
  dropValue: false,
  expiresAt: undefined,
};
const ARITHMETIC: { -readonly [K in keyof Arithmetic]: Arithmetic[K] } = {
  key: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  delta: 0n,
  direction: 'incr',
  compareCas: undefined,
  chosenCas: undefined,
  create: undefined,
  expiresAt: undefined,
};

export function remove(request: DeleteRequest, session: Session): Promise<void> | undefined {
  const { form, exptime } = request;
  const { store, services } = session;
  if (form.wire === 'meta') session.counters.cmd_meta += 1;
  DELETE.key = request.key;
  DELETE.keyStart = request.keyStart;
  DELETE.keyEnd = request.keyEnd;
  DELETE.compareCas = request.compareCas;
  DELETE.chosenCas = request.chosenCas;
  DELETE.invalidate = request.invalidate;
  DELETE.dropValue = request.dropValue;
  DELETE.expiresAt = exptime === undefined ? undefined : expiresAtOf(exptime, store.nowMs(), store);
  // The store writes the item with its whole value again, which can take long.
  if (request.invalidate) session.isClockDue = true;
  if (services.detail.isOn) services.detail.recordDelete(keyOf(request));
  const name = services.watchers.count === 0 ? undefined : uriEncoded(keyOf(request));
  const outcome = store.delete(DELETE);
  if (outcome instanceof Promise) {
    return settle(session, form, outcome, (done, kept, section) =>
      answerRemoval(session, kept, done, name, section),
    );
  }
  answerRemoval(session, form, outcome, name);
  return undefined;
}

function answerRemoval(
  session: Session,
  form: ReplyForm,
  done: Outcome,
  name: string | undefined,
  section?: ReplySection,
): void {
  const { counters, services } = session;
  if (done.status === 'deleted') {
    counters.delete_hits += 1;
    if (name !== undefined) {
      const event = `type=deleted key=${name} cmd=delete clsid=1`;
      services.watchers.emit('deletions', event, done.after);
    }
  } else if (done.status === 'not-found') {
    counters.delete_misses += 1;
  }
  answerOutcome(session, form, done, 0, section);
}

export function touch(request: TouchRequest, session: Session): Promise<void> | undefined {
  const { form, key, keyStart, keyEnd, exptime } = request;
  const { store } = session;
  const outcome = store.touch(key, expiresAtOf(exptime, store.nowMs(), store), keyStart, keyEnd);
  session.counters.cmd_touch += 1;
  if (outcome instanceof Promise) {
    return settle(session, form, outcome, (done, kept, section) =>
      answerTouch(session, kept, done, section),
    );
  }
  answerTouch(session, form, outcome);
  return undefined;
}

function answerTouch(
  session: Session,
  form: ReplyForm,
  done: Outcome,
  section?: ReplySection,
): void {
  const { counters } = session;
  if (done.status === 'touched') counters.touch_hits += 1;
  else if (done.status === 'not-found') counters.touch_misses += 1;
  answerOutcome(session, form, done, 0, section);
}

export function arithmetic(
  request: ArithmeticRequest,
  session: Session,
): Promise<void> | undefined {
  const { form, direction, create, exptime } = request;
  const { store } = session;
  if (form.wire === 'meta') session.counters.cmd_meta += 1;
  const nowMs = store.nowMs();
  ARITHMETIC.key = request.key;
  ARITHMETIC.keyStart = request.keyStart;
  ARITHMETIC.keyEnd = request.keyEnd;
  ARITHMETIC.delta = request.delta;
  ARITHMETIC.direction = direction;
  ARITHMETIC.compareCas = request.compareCas;
  ARITHMETIC.chosenCas = request.chosenCas;
  ARITHMETIC.create =
    create === undefined
      ? undefined
      : { value: create.value, expiresAt: expiresAtOf(create.exptime, nowMs, store) };
  ARITHMETIC.expiresAt = exptime === undefined ? undefined : expiresAtOf(exptime, nowMs, store);
  const outcome = store.arithmetic(ARITHMETIC);
  if (outcome instanceof Promise) {
    return settle(session, form, outcome, (done, kept, section) =>
      answerNumber(session, kept, done, direction, nowMs, section),
    );
  }
  countRefusal(session.counters, outcome.status);
  answerNumber(session, form, outcome, direction, nowMs);
  return undefined;
}

function answerNumber(
  session: Session,
  form: ReplyForm,
  done: ArithmeticOutcome,
  direction: 'incr' | 'decr',
  nowMs: number,
  section?: ReplySection,
): void {
  const { number, status, created = false } = done;
  if (status !== 'stored') {
    if (status === 'not-found') session.counters[`${direction}_misses`] += 1;
    answerOutcome(session, form, done, 0, section);
    return;
  }
  session.counters[`${direction}_hits`] += 1;
  const ttlSeconds = ttlSecondsOf(done.expiresAt, nowMs);
  const ttlSecondsBefore = ttlSecondsOf(done.expiresAtBefore, nowMs);
  const reply = {
    kind: 'number',
    number,
    cas: done.cas,
    ttlSeconds,
    ttlSecondsBefore,
    created,
  } as const;
  session.answerChange(form, reply, done.after, section);
}

function keyOf({ key, keyStart, keyEnd }: DeleteRequest): Buffer {
  return key.subarray(keyStart, keyEnd);
}

export function flush(request: FlushRequest, session: Session): Promise<void> | undefined {
  const { form, exptime } = request;
  const { store, services, counters } = session;
  if (!services.config.flushEnabled) {
    session.answerChange(form, errorReply('flush-not-allowed'), 0);
    return undefined;
  }
  counters.cmd_flush += 1;
  return answerWhole(session, form, store.flush(flushAtOf(exptime, store.nowMs(), store)));
}

/** Answers a change of the whole store, or of many keys. */
function answerWhole(
  session: Session,
  form: ReplyForm,
  outcome: Maybe<Outcome>,
): Promise<void> | undefined {
  if (outcome instanceof Promise) {
    return settle(session, form, outcome, (done, kept, section) =>
      answerOutcome(session, kept, done, 0, section),
    );
  }
  answerOutcome(session, form, outcome);
  return undefined;
}

/** Deletes the old value when the new one was too large, so that no client takes the old value for the new one. */
export function dropOversized(
  request: OversizedPutRequest,
  session: Session,
): Promise<void> | undefined {
  session.counters.store_too_large += 1;
  if (request.form.wire === 'meta') session.counters.cmd_meta += 1;
  const answer = (done: Outcome, form: ReplyForm, section?: ReplySection): void =>
    session.answerChange(form, errorReply('too-large'), done.after, section);
  const outcome = session.store.delete({ key: request.key });
  if (outcome instanceof Promise) return settle(session, request.form, outcome, answer);
  answer(outcome, request.form);
  return undefined;
}

export function removePrefix(
  request: DeletePrefixRequest,
  session: Session,
): Promise<void> | undefined {
  const { form, prefix } = request;
  const { store, services } = session;
  if (!services.config.flushEnabled) {
    session.answerChange(form, errorReply('flush-not-allowed'), 0);
    return undefined;
  }
  return answerWhole(session, form, store.deletePrefix(prefix));
}
