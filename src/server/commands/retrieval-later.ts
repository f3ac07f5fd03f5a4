// Gets that need the disk, a large value, or a client that reads before more is composed.
// Invariants: of one connection, a get of a single key overlaps with the requests behind it (its reply
// has a section of its own); everything else holds them. A large value is in memory a piece at a time.
// The request's views die with the first wait: keys are copied before it.

import { compose } from '../../protocol/composer.js';
import type { GetRequest } from '../../protocol/request.js';
import { ownLookup } from '../../store/found-item.js';
import type { LargeValue, Lookup, Maybe, ReadOptions } from '../../store/store.js';
import type { Session } from '../session.js';
import { GetJob } from './get-job.js';
import { errorOfFailure, ownForm } from './outcomes.js';

const PIECE_BYTES = 256 * 1024;

/** One key, its value still on the disk: the requests behind it go on meanwhile. */
export function answerLater(
  request: GetRequest,
  session: Session,
  options: ReadOptions | undefined,
  found: Promise<Lookup>,
): undefined {
  const section = session.replies.open();
  const progress = { hits: 0, failed: false };
  const job = new GetJob(withOwnKeys(request), session, section, progress, options);
  void answerKey(job, 0, found)
    .then(() => job.end())
    .finally(() => session.replies.close(section));
  return undefined;
}

/** The keys from `from` on, one after the other; `found` is what the store said to the first of them. */
export function answerRest(
  job: GetJob,
  from: number,
  found: Maybe<Lookup> | undefined,
): Promise<void> {
  job.gate();
  const { request, session, section, progress, options } = job;
  const rest = new GetJob(withOwnKeys(request), session, section, progress, options);
  return answerKeys(rest, from, found, job.after);
}

async function answerKeys(
  job: GetJob,
  from: number,
  first: Maybe<Lookup> | undefined,
  after: number,
): Promise<void> {
  const { session, progress, request } = job;
  // When what has been composed fails, the gate has put the error in its place: say nothing more.
  if (!(await session.services.gate.durable(after))) progress.failed = true;
  let found = first;
  for (let at = from; at < request.keys.length && !progress.failed; at++) {
    if (!(await session.replies.room(job.section))) break;
    await answerKey(job, at, found ?? session.store.get(request.keys[at]!, job.options));
    found = undefined;
  }
  if (found !== undefined) await releaseUnread(found);
  job.end();
}

/** Composes one key when its value is here and durable. */
async function answerKey(job: GetJob, at: number, pending: Maybe<Lookup>): Promise<void> {
  const { session, request } = job;
  const key = request.keys[at]!;
  let found: Lookup;
  try {
    found = pending instanceof Promise ? await pending : pending;
  } catch (error) {
    job.fail(errorOfFailure(error));
    return;
  }
  const value = largeOf(found);
  if (value !== undefined) {
    await sendLarge(job, key, ownLookup(found), value);
  } else if (session.services.gate.isDurable(found.after)) {
    job.compose(key, found);
  } else {
    const kept = ownLookup(found);
    if (await session.services.gate.durable(found.after)) job.compose(key, kept);
    else job.fail('no-space');
  }
}

/** Streams a large value out, at the pace of its client. */
async function sendLarge(
  job: GetJob,
  key: Buffer,
  found: Lookup,
  value: LargeValue,
): Promise<void> {
  const { session, section, request } = job;
  let isAnnounced = false;
  try {
    if (!(await session.services.gate.durable(found.after))) {
      job.fail('no-space');
      return;
    }
    if (found.kind !== 'hit' || !(await session.replies.room(section))) return;
    const { form } = request;
    const wantsBytes = job.wantsBytes(found.item);
    const piece = Buffer.allocUnsafeSlow(wantsBytes ? Math.min(PIECE_BYTES, value.bytes) : 0);
    // Read before the bytes are announced: a file that is not there can still be answered by an error.
    let count = wantsBytes ? await value.read(piece, 0) : 0;
    job.count(key, found);
    job.progress.hits += 1;
    isAnnounced = true;
    compose(section.output, form, job.hit(key, found.item));
    if (!wantsBytes) return;
    for (let position = 0; ;) {
      section.output.writeBytes(piece.subarray(0, count));
      position += count;
      if (position >= value.bytes) break;
      if (!(await session.replies.room(section))) return;
      count = await value.read(piece, position);
    }
    compose(section.output, form, { kind: 'value-end' });
  } catch (error) {
    const reason = errorOfFailure(error);
    if (reason === 'damaged') session.counters.damaged_reads += 1;
    session.services.logger.error('A large value could not be read', { error: reason });
    // Announced bytes that cannot be kept: closing is the only honest answer.
    if (isAnnounced) session.abandon();
    else job.fail(reason);
  } finally {
    value.release();
  }
}

/** Nobody wants the value any more; that it cannot be read does not matter then. */
async function releaseUnread(pending: Maybe<Lookup>): Promise<void> {
  try {
    largeOf(await pending)?.release();
  } catch (error) {
    errorOfFailure(error);
  }
}

function withOwnKeys(request: GetRequest): GetRequest {
  const keys = request.keys.map((key) => Buffer.from(key));
  // Written out, as every read of the disk comes here: a spread costs more than the copies.
  return {
    kind: 'get',
    form: ownForm(request.form),
    keys,
    last: request.last,
    touchExptime: request.touchExptime,
    wantsValue: request.wantsValue,
    unused: request.unused,
    vivifyExptime: request.vivifyExptime,
    recacheSeconds: request.recacheSeconds,
    knownCas: request.knownCas,
    chosenCas: request.chosenCas,
  };
}

function largeOf(found: Lookup): LargeValue | undefined {
  if (found.kind !== 'hit' || found.item.source !== undefined) return undefined;
  return found.item.value as LargeValue;
}
