// Commands about the connection and the server: version, verbosity, quit, mn, shutdown, cache_memlimit, watch and
// refresh_certs.

import { MEMCACHED_VERSION, MIB } from '../../limits.js';
import type {
  BareRequest,
  CacheMemlimitRequest,
  ShutdownRequest,
  VerbosityRequest,
  WatchRequest,
} from '../../protocol/request.js';
import type { ReplyForm } from '../../protocol/reply-form.js';
import type { Session } from '../session.js';
import { WATCH_STREAMS } from '../watchers.js';
import { ownForm } from './outcomes.js';

const OK = { kind: 'result', status: 'ok', cas: 0n, valueBytes: 0 } as const;
const MEMLIMIT_MEGABYTES_MIN = 8;
const MEMLIMIT_TOO_SMALL = Buffer.from(
  'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m',
  'latin1',
);

const WATCHER_TOO_MANY = Buffer.from('WATCHER_TOO_MANY log watcher limit reached', 'latin1');

/** Answers a barrier once all earlier writes of this connection are durable. */
export function noop(request: BareRequest, session: Session): Promise<void> | undefined {
  const { form } = request;
  if (form.wire === 'meta') session.counters.cmd_meta += 1;
  if (session.store.appliesInCallOrder) {
    // There is room at the tail once all earlier requests have been answered.
    const { replies } = session;
    const kept = ownForm(form);
    return replies.room(replies.tail).then((alive) => {
      if (alive) answerNoop(kept, session);
    });
  }
  answerNoop(form, session);
  return undefined;
}

function answerNoop(form: ReplyForm, session: Session): void {
  const { lostQuietWrite } = session.replies;
  if (lostQuietWrite !== undefined) {
    session.replies.lostQuietWrite = undefined;
    session.fail(form, lostQuietWrite);
    return;
  }
  // Failed writes that had a reply were answered by an error, and their seqs were taken back: do not wait for those.
  const after = Math.min(session.writtenSeq, session.store.durability.lastSeq);
  session.answer(form, { kind: 'noop' }, after);
}

export function version(request: BareRequest, session: Session): undefined {
  session.answer(request.form, { kind: 'version', version: MEMCACHED_VERSION });
  return undefined;
}

export function quit(request: BareRequest, session: Session): undefined {
  // The binary protocol answers quit, text does not.
  if (request.form.wire === 'binary') session.answer(request.form, OK);
  session.closing = true;
  return undefined;
}

export function verbosity(request: VerbosityRequest, session: Session): undefined {
  session.services.control.setVerbosity(request.level);
  session.answer(request.form, OK);
  return undefined;
}

export function shutdown(request: ShutdownRequest, session: Session): undefined {
  const { config, control } = session.services;
  if (!config.shutdownEnabled) session.fail(request.form, 'shutdown-not-enabled');
  else if (!request.isKnown) session.fail(request.form, 'bad-shutdown-mode');
  else control.shutdown(request.graceful);
  return undefined;
}

/**
 * Sets the bound of the hot values, and with --memcached-limits that of the store, which is otherwise --max-bytes
 * (docs/protocol.md).
 */
export function cacheMemlimit(request: CacheMemlimitRequest, session: Session): undefined {
  const { config, control } = session.services;
  const isEnough = request.megabytes >= MEMLIMIT_MEGABYTES_MIN;
  if (isEnough) {
    const bytes = request.megabytes * MIB;
    control.memoryLimitBytes = bytes;
    session.store.resizeCache(bytes);
    if (config.memcachedLimits) session.store.resizeStore(bytes);
  }
  session.answer(request.form, isEnough ? OK : { kind: 'line', line: MEMLIMIT_TOO_SMALL });
  return undefined;
}

/** Subscribes this client to the events of the streams, besides the replies to its commands. */
export function watch(request: WatchRequest, session: Session): undefined {
  const { config, watchers } = session.services;
  const streams = request.streams.length === 0 ? ['fetchers'] : request.streams;
  const known: readonly string[] = WATCH_STREAMS;
  if (!config.watchEnabled || !streams.every((stream) => known.includes(stream))) {
    session.fail(request.form, 'unknown-command');
    return undefined;
  }
  if (watchers.isFull) {
    session.answer(request.form, { kind: 'line', line: WATCHER_TOO_MANY });
    return undefined;
  }
  session.answer(request.form, OK);
  session.cleanups.push(watchers.add(session.replies, request.form, streams));
  return undefined;
}

export function refreshCertificates(request: BareRequest, session: Session): undefined {
  const outcome = session.services.control.refreshCertificates();
  if (outcome === 'no-tls') session.fail(request.form, 'unknown-command');
  else if (outcome === 'refreshed') session.answer(request.form, OK);
  else session.fail(request.form, 'bad-certificates');
  return undefined;
}
