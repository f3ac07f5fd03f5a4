// The command table: kind of request → handler. Adding a command touches a parser, protocol/request.ts,
// this table and docs/protocol.md, nothing else.

import type { Request } from '../../protocol/request.js';
import type { Session } from '../session.js';
import * as admin from './admin.js';
import { authenticate, isAdmitted, listMechanisms } from './authentication.js';
import * as changes from './changes.js';
import * as listings from './listings.js';
import { get } from './retrieval.js';
import { stats } from './stats.js';
import { put } from './storage.js';

/** Answers through the session; returns a promise when the requests behind have to wait for it. */
type Handler<R> = (request: R, session: Session) => Promise<void> | undefined;
/** The commands; `answer` is not one. */
type Commands = Exclude<Request, { readonly kind: 'answer' }>;
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

/** Runs one request, unless its client has to authenticate first. */
export function run(request: Commands, session: Session): Promise<void> | undefined {
  if (!session.isAuthenticated && !isAdmitted(request, session)) return undefined;
  // The most frequent one is spared the look-up by its name.
  if (request.kind === 'get') return get(request, session);
  return (TABLE[request.kind] as Handler<Commands>)(request, session);
}
