// The commands lru_crawler metadump and mgdump, our own `keys`, and `me`.

import { isPlainKey, uriEncoded } from '../../protocol/listed-key.js';
import type { DebugRequest, DumpRequest, KeysRequest } from '../../protocol/request.js';
import { errorReply } from '../../protocol/reply.js';
import { ttlSecondsOf, wallExpiryOf, type Clocks } from '../../store/expiry.js';
import type { Listed, Lookup } from '../../store/store.js';
import { listedPage, sendListing } from '../listing.js';
import type { Session } from '../session.js';
import { errorOfFailure, ownForm } from './outcomes.js';

const PAGE_KEYS = 128;
/** memcached counts these bytes of an item besides key and value: its header, CAS token and line ends. */
const ITEM_OVERHEAD_BYTES = 59;
const ONLY_CLASS = 1;

export function dump(request: DumpRequest, session: Session): Promise<void> | undefined {
  const { form, listing, classes } = request;
  if (!session.services.config.dumpEnabled) {
    session.fail(form, 'unknown-command');
    return undefined;
  }
  const isEmpty = classes !== undefined && classes.length > 0 && !classes.includes(ONLY_CLASS);
  if (listing === 'mgdump') {
    const lines = { form, limit: isEmpty ? 0 : Number.POSITIVE_INFINITY, lineOf: mgLine };
    return sendListing(session, lines).then((whole) => {
      if (whole) session.answer(form, { kind: 'line', line: Buffer.from('EN') });
    });
  }
  const lines = {
    form,
    limit: isEmpty ? 0 : Number.POSITIVE_INFINITY,
    lineOf: (entry: Listed) => metadumpLine(entry, session.store),
    ending: 'lf',
  } as const;
  return sendListing(session, lines).then((whole) => {
    if (whole) session.answer(form, { kind: 'end', hits: 1 });
  });
}

/** Answers `keys <prefix> [limit] [cursor]` with KEY lines, CURSOR when there are more keys, END. */
export function keys(request: KeysRequest, session: Session): Promise<void> | undefined {
  if (!session.services.config.dumpEnabled) {
    session.fail(request.form, 'unknown-command');
    return undefined;
  }
  return sendKeys(request, Buffer.from(request.prefix), session);
}

async function sendKeys(request: KeysRequest, prefix: Buffer, session: Session): Promise<void> {
  const { form } = request;
  const { store, replies, services } = session;
  let left = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
  let { cursor } = request;
  do {
    if (!(await replies.room(replies.tail))) return;
    // A page never has more keys than are left, so that the cursor continues exactly behind the last key sent.
    const page = await listedPage(session, form, cursor, Math.min(PAGE_KEYS, left));
    if (page === undefined) return;
    const found = page.entries.filter(({ key }) => startsWith(key, prefix));
    if (!(await services.gate.durable(store.durability.lastSeq))) {
      session.fail(form, 'no-space');
      return;
    }
    for (const { key } of found) {
      session.answer(form, { kind: 'line', line: Buffer.from(keyLine(key), 'latin1') });
    }
    left -= found.length;
    cursor = page.cursor;
    await new Promise<void>((resolve) => services.clock.defer(resolve));
  } while (cursor !== 0 && left > 0);
  if (cursor !== 0) {
    session.answer(form, { kind: 'line', line: Buffer.from(`CURSOR ${cursor}`) });
  }
  session.answer(form, { kind: 'end', hits: 1 });
}

/** Answers me with the facts about an item, without counting as a use of it. */
export function debug(request: DebugRequest, session: Session): Promise<void> | undefined {
  const { store, counters } = session;
  counters.cmd_meta += 1;
  const found = store.get(request.key, { quiet: true });
  if (!(found instanceof Promise)) {
    answerDebug(request, session, found);
    return undefined;
  }
  const kept = { ...request, form: ownForm(request.form), key: Buffer.from(request.key) };
  return found.then(
    (lookup) => answerDebug(kept, session, lookup),
    (error: unknown) => session.answer(kept.form, errorReply(errorOfFailure(error))),
  );
}

function answerDebug(request: DebugRequest, session: Session, found: Lookup): void {
  const { form, key } = request;
  if (found.kind === 'miss') {
    session.answer(form, { kind: 'miss', key }, found.after);
  } else if (found.kind === 'hit') {
    const { item, after } = found;
    const { value, valueBytes, expiresAt, idleSeconds, cas, fetched } = item;
    if (!Buffer.isBuffer(value)) value.release();
    const ttlSeconds = ttlSecondsOf(expiresAt, session.store.nowMs());
    const itemBytes = ITEM_OVERHEAD_BYTES + key.length + valueBytes;
    const reply = { kind: 'debug', key, ttlSeconds, idleSeconds, cas, fetched, itemBytes } as const;
    session.answer(form, reply, after);
  } else {
    session.answer(form, errorReply(found.kind === 'damaged' ? 'damaged' : found.status));
  }
}

/** Composes a metadump line; its times are by the wall clock. */
function metadumpLine(entry: Listed, clocks: Clocks): string {
  const { key, expiresAt, lastUsedSeconds, cas, fetched, bytes } = entry;
  const exp = expiresAt === 0 ? -1 : Math.floor(wallExpiryOf(expiresAt, clocks) / 1000);
  const la = lastUsedSeconds - clocks.clockAheadMs / 1000;
  const fetch = fetched ? 'yes' : 'no';
  const name = uriEncoded(key);
  return `key=${name} exp=${exp} la=${la} cas=${cas} fetch=${fetch} cls=1 size=${bytes}`;
}

function mgLine({ key }: Listed): string {
  return isPlainKey(key) ? `mg ${key.toString('latin1')}` : `mg ${key.toString('base64')} b`;
}

function keyLine(key: Buffer): string {
  return isPlainKey(key) ? `KEY ${key.toString('latin1')}` : `KEY ${key.toString('base64')} b`;
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return (
    key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
  );
}
