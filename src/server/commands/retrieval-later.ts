// Gets that wait for the disk, for pieces of a large value, or for a client that must read first.
// Invariants: a get of a single key overlaps with later requests of its connection, because its reply has a section of
// its own. Every other get here holds later requests. Only one piece of a large value is in memory at a time.
// The request's views are invalid after the first wait: keys are copied before it.

import { compose } from '../../protocol/composer.js';
import type { ErrorName } from '../../protocol/reply.js';
import type { GetRequest } from '../../protocol/request.js';
import { ownLookup } from '../../store/own-lookup.js';
import type { LargeValue, Lookup, Maybe, ReadOptions } from '../../store/store.js';
import type { ReplySection } from '../reply-section.js';
import { type GetProgress, newGetProgress, type Session } from '../session.js';
import {
  composeEnd,
  composeError,
  composeFound,
  composeReply,
  hitReply,
  noteFound,
  wantsBytes,
} from './get-answer.js';
import { errorOfFailure, ownForm } from './outcomes.js';

const PIECE_BYTES = 256 * 1024;

/** Answers a get of one key whose value is still on disk. The requests behind it go on meanwhile. */
export function answerLater(
  request: GetRequest,
  session: Session,
  options: ReadOptions | undefined,
  found: Promise<Lookup>,
): undefined {
  const section = session.replies.open();
  const later = new LaterAnswer(request, session, options, section, newGetProgress());
  const close = (): void => session.replies.close(section);
  const waits = (lookup: Maybe<Lookup>): Promise<void> => later.answer(lookup).finally(close);
  void found.then(
    (lookup) => (later.answerAtOnce(lookup) ? close() : waits(lookup)),
    () => waits(found),
  );
  return undefined;
}

/** Answers a key in the middle of a get, or a large value. The requests behind it wait. */
export function answerHere(
  request: GetRequest,
  session: Session,
  options: ReadOptions | undefined,
  found: Maybe<Lookup>,
): Promise<void> {
  const { replies, getProgress } = session;
  const kept = found instanceof Promise ? found : ownLookup(found);
  getProgress.begun = true;
  const later = new LaterAnswer(request, session, options, replies.tail, getProgress);
  return replies
    .room(replies.tail)
    .then((alive) => (alive ? later.answer(kept) : releaseUnread(kept)));
}

/** One key that is answered after its turn. */
export class LaterAnswer {
  readonly #request: GetRequest;
  readonly #session: Session;
  readonly #options: ReadOptions | undefined;
  readonly #section: ReplySection;
  readonly #progress: GetProgress;

  constructor(
    request: GetRequest,
    session: Session,
    options: ReadOptions | undefined,
    section: ReplySection,
    progress: GetProgress,
  ) {
    this.#request = request.kept(ownForm(request.form));
    this.#session = session;
    this.#options = options;
    this.#section = section;
    this.#progress = progress;
  }

  /** As answer(), for a lookup that need not wait for the disk or be read in pieces. Returns false for all others. */
  answerAtOnce(found: Lookup): boolean {
    if (largeOf(found) !== undefined || !this.#session.services.gate.isDurable(found.after)) {
      return false;
    }
    if (!this.#isLost()) this.#compose(found);
    this.#end();
    return true;
  }

  /** Composes the reply to the key (undefined: no key) once its value is read and durable, and the end of the get. */
  async answer(pending: Maybe<Lookup> | undefined): Promise<void> {
    if (pending !== undefined) await this.#answerKey(pending);
    this.#end();
  }

  #end(): void {
    if (this.#request.last) composeEnd(this.#request, this.#session, this.#section, this.#progress);
  }

  async #answerKey(pending: Maybe<Lookup>): Promise<void> {
    const { gate } = this.#session.services;
    let found: Lookup;
    try {
      found = pending instanceof Promise ? await pending : pending;
    } catch (error) {
      this.#fail(errorOfFailure(error));
      return;
    }
    const value = largeOf(found);
    if (this.#isLost()) {
      value?.release();
    } else if (value !== undefined) {
      await this.#sendLarge(ownLookup(found), value);
    } else if (gate.isDurable(found.after)) {
      this.#compose(found);
    } else {
      const kept = ownLookup(found);
      const isDurable = await gate.durable(found.after);
      if (this.#isLost()) return;
      if (isDurable) this.#compose(kept);
      else this.#fail('no-space');
    }
  }

  /** True when an error has replaced the earlier replies of this get, which then gets no further ones. */
  #isLost(): boolean {
    if (this.#progress.begun && this.#session.replies.hasLostGet) this.#progress.failed = true;
    return this.#progress.failed;
  }

  #compose(found: Lookup): void {
    composeFound(this.#request, this.#session, this.#section, this.#progress, this.#options, found);
  }

  #fail(error: ErrorName): void {
    composeError(this.#request, this.#session, this.#section, this.#progress, error);
  }

  /** Sends a large value piece by piece, at the pace of its client. */
  async #sendLarge(found: Lookup, value: LargeValue): Promise<void> {
    const request = this.#request;
    const session = this.#session;
    const section = this.#section;
    let isAnnounced = false;
    try {
      const isDurable = await session.services.gate.durable(found.after);
      if (this.#isLost()) return;
      if (!isDurable) {
        this.#fail('no-space');
        return;
      }
      if (found.kind !== 'hit' || !(await session.replies.room(section))) return;
      const { form } = request;
      const wanted = wantsBytes(request, found.item);
      const piece = Buffer.allocUnsafeSlow(wanted ? Math.min(PIECE_BYTES, value.bytes) : 0);
      // Reads before the length is announced: the answer to a missing file can then still be an error.
      let count = wanted ? await value.read(piece, 0) : 0;
      noteFound(request, session, found);
      this.#progress.hits += 1;
      isAnnounced = true;
      composeReply(session, section, form, hitReply(request, session, this.#options, found.item));
      if (!wanted) return;
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
      // The announced bytes cannot be sent, so only closing tells the client of the failure.
      if (isAnnounced) session.abandon();
      else this.#fail(reason);
    } finally {
      value.release();
    }
  }
}

/** Releases a value that nobody wants any more; a failure to read it is ignored. */
async function releaseUnread(pending: Maybe<Lookup>): Promise<void> {
  try {
    largeOf(await pending)?.release();
  } catch (error) {
    errorOfFailure(error);
  }
}

function largeOf(found: Lookup): LargeValue | undefined {
  if (found.kind !== 'hit' || found.item.source !== undefined) return undefined;
  return found.item.value as LargeValue;
}
