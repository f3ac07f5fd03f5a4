// The commands set, add, replace, append, prepend, cas, ms and their binary forms, with values whole or in pieces.

import { uriEncoded } from '../../protocol/listed-key.js';
import type { ReplyForm } from '../../protocol/reply-form.js';
import type { PutRequest } from '../../protocol/request.js';
import { expiresAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { LargeValueHandle, Put, PutOutcome, Store } from '../../store/store.js';
import type { Counters } from '../counters.js';
import type { ReplySection } from '../reply-section.js';
import type { Session } from '../session.js';
import { LargeUpload } from './large-upload.js';
import { answerOutcome, countRefusal, ownForm, settle } from './outcomes.js';

const NO_BYTES: Buffer = Buffer.alloc(0);
/** Copying a value of this length and computing its CRC takes a noticeable part of a millisecond. */
const LONG_VALUE_BYTES = 32 * 1024;

/** The arguments for the store: one object, filled again for each request. The store copies what it keeps. */
const CHANGE: { -readonly [K in keyof Put]: Put[K] } = {
  mode: 'set',
  key: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  value: NO_BYTES,
  valueStart: 0,
  valueEnd: 0,
  flags: 0,
  expiresAt: 0,
  compareCas: undefined,
  chosenCas: undefined,
  invalidate: false,
  vivifyExpiresAt: undefined,
};

/** Stores a value or begins its upload; returns a promise when the requests behind it have to wait. */
export function put(request: PutRequest, session: Session): Promise<void> | undefined {
  const { value, form } = request;
  if (value !== undefined) return store(request, session, value);
  session.upload = new LargeUpload(session, request.kept(ownForm(form)), store);
  return undefined;
}

/** Stores a whole value and answers. */
function store(
  request: PutRequest,
  session: Session,
  value: Buffer | LargeValueHandle,
): Promise<void> | undefined {
  const { counters, services } = session;
  const { form } = request;
  counters.cmd_set += 1;
  if (form.wire === 'meta') counters.cmd_meta += 1;
  fill(request, value, session.store);
  if (services.detail.isOn) services.detail.recordSet(keyOf(request));
  const event = services.watchers.count === 0 ? undefined : eventOf(request, session);
  const isCas = request.compareCas !== undefined;
  const outcome = session.store.put(CHANGE);
  if (outcome instanceof Promise) {
    const settled = (done: PutOutcome, kept: ReplyForm, section?: ReplySection): void =>
      answer(session, kept, done, isCas, event, section);
    return settle(session, form, outcome, settled, request.valueBytes);
  }
  if (outcome.valueBytes >= LONG_VALUE_BYTES) session.isClockDue = true;
  if (outcome.status !== 'stored') countRefusal(counters, outcome.status);
  if (isCas || event !== undefined) answer(session, form, outcome, isCas, event);
  else answerOutcome(session, form, outcome, outcome.valueBytes);
  return undefined;
}

function answer(
  session: Session,
  form: ReplyForm,
  done: PutOutcome,
  isCas: boolean,
  event: PutEvent | undefined,
  section?: ReplySection,
): void {
  if (isCas) countCas(session.counters, done);
  if (event !== undefined) {
    const { key, cmd, ttl } = event;
    const status = done.status.replace('-', '_');
    const fields = `type=item_store key=${key} status=${status} cmd=${cmd} ttl=${ttl}`;
    const size = `clsid=1 cfd=${session.id} size=${done.valueBytes}`;
    session.services.watchers.emit('mutations', `${fields} ${size}`, done.after);
  }
  answerOutcome(session, form, done, done.valueBytes, section);
}

function fill(request: PutRequest, value: Buffer | LargeValueHandle, engine: Store): void {
  const { exptime, vivifyExptime, valueStart } = request;
  const isPlain = exptime === 0 && vivifyExptime === undefined;
  const nowMs = isPlain ? 0 : engine.nowMs();
  CHANGE.mode = request.mode;
  CHANGE.key = request.key;
  CHANGE.keyStart = request.keyStart;
  CHANGE.keyEnd = request.keyEnd;
  CHANGE.value = value;
  CHANGE.valueStart = valueStart;
  CHANGE.valueEnd = valueStart + request.valueBytes;
  CHANGE.flags = request.flags;
  CHANGE.expiresAt = isPlain ? 0 : expiresAtOf(exptime, nowMs, engine);
  CHANGE.compareCas = request.compareCas;
  CHANGE.chosenCas = request.chosenCas;
  CHANGE.invalidate = request.invalidate;
  CHANGE.vivifyExpiresAt =
    vivifyExptime === undefined ? undefined : expiresAtOf(vivifyExptime, nowMs, engine);
}

function keyOf({ key, keyStart, keyEnd }: PutRequest): Buffer {
  return key.subarray(keyStart, keyEnd);
}

/** The fields of a request that watchers of mutations get. */
interface PutEvent {
  readonly key: string;
  readonly cmd: string;
  readonly ttl: number;
}

function eventOf(request: PutRequest, session: Session): PutEvent {
  const { expiresAt } = CHANGE;
  const cmd = request.compareCas === undefined ? request.mode : 'cas';
  const ttl = expiresAt === 0 ? 0 : ttlSecondsOf(expiresAt, session.store.nowMs());
  return { key: uriEncoded(keyOf(request)), cmd, ttl };
}

function countCas(counters: Counters, { status }: PutOutcome): void {
  if (status === 'stored') counters.cas_hits += 1;
  else if (status === 'exists') counters.cas_badval += 1;
  else if (status === 'not-found') counters.cas_misses += 1;
}
