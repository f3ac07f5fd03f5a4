// The command table: maps the kind of a request to its handler, and runs all that a parser gives. Adding a command
// touches a parser, protocol/request.ts, this table and docs/protocol.md, nothing else.

import { assert } from '../../assert.js';
import type { Parsed } from '../../protocol/parser.js';
import type { Request } from '../../protocol/request.js';
import { commandOf } from '../latencies.js';
import type { Session } from '../session.js';
import * as admin from './admin.js';
import { authenticate, isAdmitted, listMechanisms } from './authentication.js';
import * as changes from './changes.js';
import * as listings from './listings.js';
import { get } from './retrieval.js';
import { stats } from './stats.js';
import { put } from './storage.js';

/** Answers through the session; returns a promise when the requests behind it have to wait. */
type Handler<R> = (request: R, session: Session) => Promise<void> | undefined;
/** All kinds of requests but `answer`, which needs no handler. */
type Commands = Exclude<Request, { readonly kind: 'answer' }>;
type Runnable = Exclude<Parsed, { readonly kind: 'need-more' }>;
type Table = { readonly [K in Commands['kind']]: Handler<Extract<Commands, { readonly kind: K }>> };

const TABLE: Table = {
  get,
  put,
  'oversized-put': changes.dropOversized,
  delete: changes.remove,
  arithmetic: changes.arithmetic,
  touch: changes.touch,
  flush: changes.flush,
  'delete-prefix': changes.removePrefix,
  noop: admin.noop,
  version: admin.version,
  quit: admin.quit,
  verbosity: admin.verbosity,
  shutdown: admin.shutdown,
  'cache-memlimit': admin.cacheMemlimit,
  'refresh-certs': admin.refreshCertificates,
  debug: listings.debug,
  stats,
  dump: listings.dump,
  keys: listings.keys,
  watch: admin.watch,
  authenticate,
  'sasl-list': listMechanisms,
};

/** As run(), but measures the time of the request until its reply leaves. */
export function runTimed(parsed: Runnable, session: Session): Promise<void> | undefined {
  const { replies } = session;
  const command = commandOf(parsed);
  const before = replies.tail;
  const pending = run(parsed, session);
  if (command < 0) return pending;
  if (pending !== undefined) return pending.then(() => replies.time(command, replies.tail));
  replies.time(command, before);
  return undefined;
}

/** Runs what the parser gave. Returns a promise when the requests behind it have to wait. */
export function run(parsed: Runnable, session: Session): Promise<void> | undefined {
  if (session.trace.level > 0) session.trace.request(session.id, parsed);
  // The most frequent requests need no look-up by name.
  if (session.isAuthenticated) {
    if (parsed.kind === 'get') return get(parsed, session);
    if (parsed.kind === 'put') return put(parsed, session);
  }
  switch (parsed.kind) {
    case 'close':
      session.closing = true;
      return undefined;
    case 'answer':
      session.answer(parsed.form, parsed.reply);
      if (parsed.close) session.closing = true;
      return session.dropUpload();
    case 'value-piece':
      assert(session.upload !== undefined, 'A piece belongs to a large value');
      return session.upload.piece(parsed.bytes);
    case 'value-end': {
      const { upload } = session;
      assert(upload !== undefined, 'The end belongs to a large value');
      session.upload = undefined;
      return upload.end();
    }
    default:
      if (!session.isAuthenticated && !isAdmitted(parsed, session)) return undefined;
      return (TABLE[parsed.kind] as Handler<Commands>)(parsed, session);
  }
}
