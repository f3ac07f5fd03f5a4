// Outcomes of the store: turns them into replies. This is the one place that knows both vocabularies.

import { isKvError, isOutOfDescriptors, isPassing } from '../../errors.js';
import { MIB } from '../../limits.js';
import type { ReplyForm } from '../../protocol/reply-form.js';
import {
  errorReply,
  type ErrorName,
  type ResultReply,
  type ResultStatus,
} from '../../protocol/reply.js';
import type { Outcome, Status } from '../../store/store.js';
import type { ReplySection } from '../reply-section.js';
import type { Counters } from '../counters.js';
import type { Session } from '../session.js';

/** Bytes of one connection's values that a cluster is storing: above this, further requests of the connection wait. */
const BYTES_AHEAD_MAX = 4 * MIB;

/** The reply to an outcome that is no error. There is one object, composed before it is filled again. */
class OutcomeReply implements ResultReply {
  readonly kind = 'result';
  status: ResultStatus = 'ok';
  valueBytes = 0;
  outcome: Outcome = { status: 'ok', after: 0, cas: 0n };

  /** The token is a BigInt, which is made only if the form shows it. */
  get cas(): bigint {
    return this.outcome.cas;
  }
}

const RESULT = new OutcomeReply();

/** Answers a change. `valueBytes` is the length of the stored value, for ms with flag s. */
export function answerOutcome(
  session: Session,
  form: ReplyForm,
  outcome: Outcome,
  valueBytes = 0,
  section?: ReplySection,
): void {
  const { status } = outcome;
  switch (status) {
    case 'not-a-number':
    case 'too-large':
    case 'no-memory':
    case 'no-space':
    case 'no-descriptors':
    case 'damaged':
    case 'closed':
    case 'unknown':
    case 'not-offered':
      session.answerChange(form, errorReply(status), outcome.after, section);
      return;
    default:
      RESULT.status = status;
      RESULT.valueBytes = valueBytes;
      RESULT.outcome = outcome;
      session.answerChange(form, RESULT, outcome.after, section);
  }
}

/** Counts the statuses that memcached counts as refusals. */
export function countRefusal(counters: Counters, status: Status): void {
  if (status === 'too-large') counters.store_too_large += 1;
  else if (status === 'no-memory') counters.store_no_memory += 1;
}

/**
 * Answers when the store has settled; a failure of the store becomes the reply. The returned promise holds the requests
 * behind a change that is not applied yet. Where changes apply in call order, the answer gets its place now, and the
 * requests behind wait only while many bytes are under way, of which this change adds `bytes`. `form` is copied.
 */
export function settle<O extends Outcome>(
  session: Session,
  form: ReplyForm,
  outcome: Promise<O>,
  answer: (outcome: O, form: ReplyForm, section?: ReplySection) => void,
  bytes = 0,
): Promise<void> | undefined {
  const kept = ownForm(form);
  if (session.store.appliesInCallOrder) {
    const { replies } = session;
    const section = replies.open();
    session.bytesAhead += bytes;
    const settled = outcome.then((done) => {
      session.bytesAhead -= bytes;
      countRefusal(session.counters, done.status);
      if (form.quiet) noteQuiet(session, done.status);
      answer(done, kept, section);
      replies.close(section);
    });
    return session.bytesAhead < BYTES_AHEAD_MAX ? undefined : settled;
  }
  return outcome.then(
    (done) => {
      countRefusal(session.counters, done.status);
      answer(done, kept);
    },
    (error: unknown) => session.answerChange(kept, errorReply(errorOfFailure(error)), 0),
  );
}

/** Records the failure of a quiet change, which the next barrier reports. */
function noteQuiet({ replies }: Session, status: Status): void {
  if (
    status === 'unknown' ||
    status === 'closed' ||
    status === 'not-offered' ||
    status === 'no-space' ||
    status === 'no-memory'
  )
    replies.lostQuietWrite = status;
}

/** Returns a form that outlives the request, whose views are invalid when the parser goes on. */
export function ownForm(form: ReplyForm): ReplyForm {
  if (form.wire !== 'meta') return form;
  return { ...form, key: Buffer.from(form.key), tokens: Buffer.from(form.tokens) };
}

/** Returns the error to answer for a failure of the store; rethrows a bug. */
export function errorOfFailure(failure: unknown): ErrorName {
  if (!isKvError(failure)) throw failure;
  switch (failure.code) {
    case 'KV_NO_SPACE':
      return 'no-space';
    case 'KV_CORRUPTION':
      return 'damaged';
    case 'KV_IO':
      return isPassing(failure) ? 'unreadable' : 'damaged';
    default:
      return 'closed';
  }
}

/** Returns the error to answer for a failure while bytes of the client were being written. */
export function errorOfWrite(failure: unknown): ErrorName {
  if (!isKvError(failure, 'KV_IO')) return errorOfFailure(failure);
  return isOutOfDescriptors(failure) ? 'no-descriptors' : 'unwritten';
}
