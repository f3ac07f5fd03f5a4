// The session of a connection, with which command handlers work: the services that all connections share, and the state
// of this connection (its login, and the get or the large value that is under way).

import type { Config } from '../config/config.js';
import type { Clock, Logger } from '../env/env.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import { errorReply, type ErrorName, type Reply } from '../protocol/reply.js';
import type { Store } from '../store/store.js';
import type { Counters } from './counters.js';
import type { Gate } from './gate.js';
import type { Latencies } from './latencies.js';
import type { LoginClient, Login, Logins } from './login/logins.js';
import type { Receipts } from './receipts.js';
import type { Replies } from './replies.js';
import type { ReplySection } from './reply-section.js';
import type { Slices } from './slices.js';
import type { PrefixStats } from './stats/detail.js';
import type { Trace } from './trace.js';
import type { Turns } from './turns.js';
import type { Watchers } from './watchers.js';

/** The services that all connections share. */
export interface Services {
  readonly config: Config;
  readonly store: Store;
  readonly gate: Gate;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly control: ServerControl;
  /** Version of this program. */
  readonly version: string;
  readonly detail: PrefixStats;
  readonly watchers: Watchers;
  /** The log lines of -v and -vv about clients. */
  readonly trace: Trace;
  readonly slices: Slices;
  /** Memory for incoming values. */
  readonly receipts: Receipts;
  /** Files for incoming large values. */
  readonly uploads: Receipts;
  readonly turns: Turns;
  /** Undefined: requests are not timed. */
  readonly latencies: Latencies | undefined;
  /** URL of health, metrics and changes; undefined: there is none. */
  readonly httpUrl: string | undefined;
  /** Undefined: no client needs a login. */
  readonly logins: Logins | undefined;
}

/** The server as commands see it. */
export interface ServerControl {
  readonly connectionCount: number;
  /** The part of `connectionCount` that has not made a request, or not logged in, yet. */
  readonly silentCount: number;
  readonly connectionsMax: number;
  /** Monotonic ms of the start. */
  readonly startedMs: number;
  readonly verbosity: number;
  /** The first TCP port on which the server listens; 0: none. */
  readonly tcpPort: number;
  /** The value of -m, or of the last cache_memlimit. */
  memoryLimitBytes: number;
  /** Seconds since the certificates were read; 0: there are none. */
  readonly certificateAgeSeconds: number;
  setVerbosity(level: number): void;
  /** Ends the process, cleanly when `graceful`. */
  shutdown(graceful: boolean): void;
  /** Reads the certificates again; `failed`: the old ones stay. */
  refreshCertificates(): 'refreshed' | 'failed' | 'no-tls';
  /** Returns one description per listener and per connection, for `stats conns`; the caller may pause between them. */
  describeConnections(): IterableIterator<ConnectionDescription>;
}

export interface ConnectionDescription {
  readonly id: number;
  readonly address: string;
  readonly listenAddress: string | undefined;
  readonly state: string;
  readonly idleSeconds: number;
}

/** A connection as its command handlers see it. */
export interface ConnectionControl {
  /** Watchers see it as cfd. */
  readonly id: number;
  /** Undefined: a unix socket. */
  readonly remoteAddress: string | undefined;
  admit(): void;
  destroy(): void;
  /** Number of bytes since the connection was accepted. */
  readonly bytesReceived: number;
  /** True while the server itself does not read. */
  readonly isHeldUp: boolean;
}

/** The progress of a get with many keys. */
export interface GetProgress {
  /** Some of its keys have been answered. */
  begun: boolean;
  hits: number;
  /** The get has been answered by an error and gets no further replies. */
  failed: boolean;
  /** Start of its answer in the tail section, valid as long as the connection's `bytesWritten` is the one below. */
  start: number;
  bytesWritten: number;
}

export function newGetProgress(): GetProgress {
  return { begun: false, hits: 0, failed: false, start: 0, bytesWritten: 0 };
}

/** The keys of one get that the store looks up at the same time; they are answered in their order. */
interface GetAhead {
  readonly section: ReplySection;
  readonly progress: GetProgress;
  /** Settles when every key so far has been answered. */
  answered: Promise<void>;
  /** Number of keys that have not been answered. */
  waiting: number;
}

/** An incoming large value (commands/large-upload.ts). */
export interface ValueUpload {
  piece(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
  abort(): Promise<void>;
}

export class Session {
  readonly services: Services;
  readonly store: Store;
  readonly counters: Counters;
  readonly trace: Trace;
  /** True when requests are timed. A plain field, because it is read for every request. */
  readonly isTimed: boolean;
  readonly replies: Replies;
  /** The progress of the get whose keys are arriving, maybe in parts. */
  readonly getProgress = newGetProgress();
  /** The same get when the store answers later, in call order (commands/retrieval-ahead.ts). */
  getAhead: GetAhead | undefined;
  /** Bytes of the values that such a store is storing. */
  bytesAhead = 0;
  upload: ValueUpload | undefined;
  isAuthenticated: boolean;
  /** The login that is being checked. */
  login: Login | undefined;
  /** A handler sets this to close the connection after the replies so far. */
  closing = false;
  /** A request has moved many bytes, so the next look at the clock is due. */
  isClockDue = false;
  /** Functions to call when the connection is closed. */
  readonly cleanups: (() => void)[] = [];
  #writtenSeq = 0;
  #guest: LoginClient | undefined;
  readonly #connection: ConnectionControl;

  constructor(services: Services, replies: Replies, connection: ConnectionControl) {
    this.services = services;
    this.store = services.store;
    this.counters = services.counters;
    this.trace = services.trace;
    this.isTimed = services.latencies !== undefined;
    this.replies = replies;
    this.#connection = connection;
    this.isAuthenticated = services.logins === undefined;
  }

  get id(): number {
    return this.#connection.id;
  }

  /** The facts about this connection that logins use. */
  get guest(): LoginClient {
    return (this.#guest ??= { address: this.#connection.remoteAddress, failures: 0 });
  }

  /** Highest seq on which an answer of this connection depended; a barrier waits for it. */
  get writtenSeq(): number {
    return this.#writtenSeq;
  }

  answer(form: ReplyForm, reply: Reply, after = 0): void {
    if (after > this.#writtenSeq) this.#writtenSeq = after;
    if (this.trace.level > 0) this.trace.reply(this.id, form, reply);
    this.replies.send(form, reply, after);
  }

  /** Answers a change, and counts changes without a reply. `section` holds the place of the reply; default: the end. */
  answerChange(form: ReplyForm, reply: Reply, after: number, section?: ReplySection): void {
    if (form.quiet && isSilenced(form, reply)) {
      this.counters.noreply_writes += 1;
      if (reply.kind === 'error') this.counters.noreply_failed += 1;
    }
    if (after > this.#writtenSeq) this.#writtenSeq = after;
    if (this.trace.level > 0) this.trace.reply(this.id, form, reply);
    this.replies.send(form, reply, form.wire === 'meta' && form.async ? 0 : after, section);
  }

  fail(form: ReplyForm, error: ErrorName): void {
    this.answer(form, errorReply(error));
  }

  /** Records the login: all commands are parsed from now on. */
  admit(): void {
    this.isAuthenticated = true;
    this.#connection.admit();
  }

  /** Gives up the incoming large value, if there is one. */
  dropUpload(): Promise<void> | undefined {
    const { upload } = this;
    this.upload = undefined;
    return upload?.abort();
  }

  get bytesReceived(): number {
    return this.#connection.bytesReceived;
  }

  get isHeldUp(): boolean {
    return this.#connection.isHeldUp;
  }

  /** Drops the connection, whose replies can no longer match its requests. */
  abandon(): void {
    this.#connection.destroy();
  }
}

const SUCCESSES: ReadonlySet<string> = new Set(['stored', 'deleted', 'touched', 'ok']);

/** noreply hides all replies; quiet commands of meta and binary hide only success. */
function isSilenced({ wire }: ReplyForm, reply: Reply): boolean {
  if (wire === 'text' || wire === 'plain') return true;
  return reply.kind === 'number' || (reply.kind === 'result' && SUCCESSES.has(reply.status));
}
