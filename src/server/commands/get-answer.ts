// The answer to one key of a get: composes a lookup as a reply in a section, counts it, and reports it to stats detail
// and watchers. The path that never waits (retrieval.ts) and the path that waits (retrieval-later.ts) share it.
//
// Invariant: the replies made here are one object per kind, composed before the next one is made.

import { compose } from '../../protocol/composer.js';
import { uriEncoded } from '../../protocol/listed-key.js';
import type { GetRequest } from '../../protocol/request.js';
import type { ReplyForm } from '../../protocol/reply-form.js';
import {
  errorReply,
  type ErrorName,
  type HitReply,
  type MetaHit,
  type Reply,
} from '../../protocol/reply.js';
import { expiresAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { Item, Lookup, ReadOptions, Store } from '../../store/store.js';
import type { ReplySection } from '../reply-section.js';
import type { GetProgress, Session } from '../session.js';

const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_ITEM = {
  flags: 0,
  cas: 0n,
  valueBytes: 0,
  source: undefined,
  words: undefined,
  start: 0,
  isLasting: false,
};
const HIT: { -readonly [K in keyof HitReply]: HitReply[K] } = {
  kind: 'hit',
  key: NO_BYTES,
  keyStart: 0,
  keyEnd: 0,
  item: NO_ITEM,
  meta: undefined,
};
const MISS = { kind: 'miss' as const, key: NO_BYTES, keyStart: 0, keyEnd: 0 };
const END = { kind: 'end' as const, hits: 0 };

/** Composes the answer to a key whose value is in memory, to a miss or to damage. */
export function composeFound(
  request: GetRequest,
  session: Session,
  section: ReplySection,
  progress: GetProgress,
  options: ReadOptions | undefined,
  found: Lookup,
): void {
  noteFound(request, session, found);
  const { form } = request;
  if (found.kind === 'hit') {
    progress.hits += 1;
    const hit = hitReply(request, session, options, found.item);
    if (session.trace.level > 0) session.trace.reply(session.id, form, hit);
    compose(section.output, form, hit);
  } else if (found.kind === 'miss') {
    // The text protocol has no reply to a miss.
    if (form.wire === 'text' || form.wire === 'plain') return;
    MISS.key = request.key;
    MISS.keyStart = request.keyStart;
    MISS.keyEnd = request.keyEnd;
    composeReply(session, section, form, MISS);
  } else {
    if (found.kind === 'damaged') session.counters.damaged_reads += 1;
    const error = found.kind === 'refused' ? found.status : 'damaged';
    composeError(request, session, section, progress, error);
  }
}

/** Composes a reply of a get; other commands answer by the session. The frequent hit and END bypass this function. */
export function composeReply(
  session: Session,
  section: ReplySection,
  form: ReplyForm,
  reply: Reply,
): void {
  if (session.trace.level > 0) session.trace.reply(session.id, form, reply);
  compose(section.output, form, reply);
}

/** Answers by an error, after which this get gets no further reply. */
export function composeError(
  request: GetRequest,
  session: Session,
  section: ReplySection,
  progress: GetProgress,
  error: ErrorName,
): void {
  progress.failed = true;
  composeReply(session, section, request.form, errorReply(error));
}

/** Composes END behind the last key, unless the get was answered by an error. */
export function composeEnd(
  request: GetRequest,
  session: Session,
  section: ReplySection,
  progress: GetProgress,
): void {
  if (!progress.failed) {
    END.hits = progress.hits;
    if (session.trace.level > 0) session.trace.reply(session.id, request.form, END);
    compose(section.output, request.form, END);
  }
  if (section.marks.count > 0) section.endMark();
  progress.begun = false;
  progress.hits = 0;
  progress.failed = false;
  session.replies.hasLostGet = false;
}

/** Counts a lookup by memcached's rules (a gat that hits is a touch, not a get_hit); reports it to detail and watchers. */
export function noteFound(request: GetRequest, session: Session, found: Lookup): void {
  const { counters } = session;
  const { detail, watchers } = session.services;
  const touches = request.touchExptime !== undefined;
  counters.cmd_get += 1;
  if (touches) counters.cmd_touch += 1;
  if (found.kind === 'hit') {
    if (touches) counters.touch_hits += 1;
    else counters.get_hits += 1;
  } else {
    if (touches) counters.touch_misses += 1;
    else counters.get_misses += 1;
    if (found.kind === 'miss') {
      if (found.reason === 'expired') counters.get_expired += 1;
      else if (found.reason === 'flushed') counters.get_flushed += 1;
    }
  }
  if (detail.isOn || watchers.count > 0) report(request, session, found);
}

/** Makes the reply to a hit, which is valid until the next one is made. */
export function hitReply(
  request: GetRequest,
  session: Session,
  options: ReadOptions | undefined,
  item: Item,
): HitReply {
  HIT.key = request.key;
  HIT.keyStart = request.keyStart;
  HIT.keyEnd = request.keyEnd;
  HIT.item = item;
  HIT.meta = request.form.wire === 'meta' ? metaHit(request, session, options, item) : undefined;
  return HIT;
}

/** False when the reply is a header alone: meta without flag v, or with a CAS that the client knows. */
export function wantsBytes(request: GetRequest, item: Item): boolean {
  return request.wantsValue && request.knownCas !== item.cas;
}

function report(request: GetRequest, session: Session, found: Lookup): void {
  const { detail, watchers } = session.services;
  const key = request.key.subarray(request.keyStart, request.keyEnd);
  const isHit = found.kind === 'hit';
  if (detail.isOn) detail.recordGet(key, isHit);
  if (watchers.count === 0) return;
  const reason = found.kind === 'miss' && found.reason !== 'absent' ? found.reason : 'not_found';
  const status = `status=${isHit ? 'found' : reason} clsid=${isHit ? 1 : 0}`;
  const size = `cfd=${session.id} size=${isHit ? found.item.valueBytes : 0}`;
  watchers.emit('fetchers', `type=item_get key=${uriEncoded(key)} ${status} ${size}`, found.after);
}

function metaHit(
  request: GetRequest,
  session: Session,
  options: ReadOptions | undefined,
  item: Item,
): MetaHit {
  const nowMs = session.store.nowMs();
  const { knownCas } = request;
  const { created } = item;
  const touchedTo = created ? undefined : options?.expiresAt;
  return {
    ttlSeconds: ttlSecondsOf(touchedTo ?? item.expiresAt, nowMs),
    ttlSecondsBefore: created ? -1 : ttlSecondsOf(item.expiresAt, nowMs),
    created,
    fetched: item.fetched,
    idleSeconds: item.idleSeconds,
    won: item.wins,
    stale: item.stale,
    winSent: item.won && !item.wins,
    known: knownCas !== undefined && knownCas === item.cas,
  };
}

/** Returns the options with which the store reads; undefined for a plain get, which makes no object. */
export function readOptionsOf(request: GetRequest, store: Store): ReadOptions | undefined {
  const { touchExptime, vivifyExptime, recacheExptime = 0, form } = request;
  if (form.wire !== 'meta' && touchExptime === undefined) return undefined;
  const nowMs = store.nowMs();
  const expiry = (exptime: number | undefined): number | undefined =>
    exptime === undefined ? undefined : expiresAtOf(exptime, nowMs, store);
  return {
    expiresAt: expiry(touchExptime),
    quiet: request.unused,
    win: form.wire === 'meta',
    recacheMs: recacheExptime <= 0 ? 0 : expiresAtOf(recacheExptime, nowMs, store) - nowMs,
    recachesLast: request.recachesLast,
    vivifyExpiresAt: expiry(vivifyExptime),
    chosenCas: request.chosenCas,
  };
}
