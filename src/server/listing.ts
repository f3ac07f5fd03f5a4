// Listings of the whole store (cachedump, metadump, mgdump, keys): page by page, at the pace of the
// client, with a turn for all other clients after each page. A page is sent only when its keys are durable.

import { isKvError } from '../errors.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import type { Listed, ListPage } from '../store/store.js';
import type { Session } from './session.js';

const PAGE_KEYS = 128;

interface Listing {
  readonly form: ReplyForm;
  /** Maximum number of lines to send. */
  readonly limit: number;
  /** Composes one entry as a line without its end; undefined leaves the entry out. */
  readonly lineOf: (entry: Listed) => string | undefined;
  readonly ending?: 'lf';
}

/** Reads the next page of keys. Undefined: the cluster does not answer, and the client has got an error. */
export async function listedPage(
  session: Session,
  form: ReplyForm,
  cursor: number,
  limit: number,
): Promise<ListPage | undefined> {
  try {
    const listed = session.store.list(cursor, limit);
    return listed instanceof Promise ? await listed : listed;
  } catch (error) {
    if (!isKvError(error)) throw error;
    session.fail(form, 'closed');
    return undefined;
  }
}

/** Sends a listing. Resolves to false when the client has gone, a commit failed or the cluster does not answer. */
export async function sendListing(session: Session, listing: Listing): Promise<boolean> {
  const { store, replies, services } = session;
  let left = listing.limit;
  let cursor = 0;
  do {
    if (!(await replies.room(replies.tail))) return false;
    const page = await listedPage(session, listing.form, cursor, PAGE_KEYS);
    if (page === undefined) return false;
    const lines = page.entries.flatMap((entry) => listing.lineOf(entry) ?? []).slice(0, left);
    if (!(await services.gate.durable(store.durability.lastSeq))) {
      session.fail(listing.form, 'no-space');
      return false;
    }
    for (const text of lines) {
      const line = Buffer.from(text, 'latin1');
      const reply = listing.ending === undefined ? { line } : { line, ending: listing.ending };
      session.answer(listing.form, { kind: 'line', ...reply });
    }
    left -= lines.length;
    cursor = page.cursor;
    await new Promise<void>((resolve) => services.clock.defer(resolve));
  } while (cursor !== 0 && left > 0);
  return true;
}
