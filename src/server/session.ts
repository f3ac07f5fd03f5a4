// The session of a connection, which a command handler works with: the services that all connections share, and what this connection
// has been through so far (authentication, the get or the large value it is in the middle of).

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

/** Shared by all connections. */
export interface Services {
  readonly config: Config;
  readonly store: Store;
  readonly gate: Gate;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly control: ServerControl;
  /** Of this program. */
  readonly version: string;
  readonly detail: PrefixStats;
  readonly watchers: Watchers;
  /** What -v and -vv show of clients. */
  readonly trace: Trace;
  readonly slices: Slices;
  /** Memory of the values that come in. */
  readonly receipts: Receipts;
  /** Files of the large values that come in. */
  readonly uploads: Receipts;
  readonly turns: Turns;
  /** Undefined: nobody measures. */
  readonly latencies: Latencies | undefined;
  /** Where health, metrics and changes are; undefined: nowhere. */
  readonly httpUrl: string | undefined;
  /** Undefined: everyone may come in. */
  readonly logins: Logins | undefined;
}

/** What commands may ask of the server as a whole. */
export interface ServerControl {
  readonly connectionCount: number;
  /** Of these: who has not made a request, or not logged in, yet. */
  readonly silentCount: number;
  readonly connectionsMax: number;
  /** Monotonic ms of the start. */
  readonly startedMs: number;
  readonly verbosity: number;
  /** The first that was had; 0: none. */
  readonly tcpPort: number;
  /** What -m says, until cache_memlimit says something else. */
  memoryLimitBytes: number;
  /** Since the certificates were read; 0: there are none. */
  readonly certificateAgeSeconds: number;
  setVerbosity(level: number): void;
  /** Ends the process, cleanly when `graceful`. */
  shutdown(graceful: boolean): void;
  /** Reads the certificates again; `failed`: the old ones stay. */
  refreshCertificates(): 'refreshed' | 'failed' | 'no-tls';
  /** `stats conns`: one description a listener and a connection, in any pace. */
  describeConnections(): IterableIterator<ConnectionDescription>;
}

export interface ConnectionDescription {
  readonly id: number;
  readonly address: string;
  readonly listenAddress: string | undefined;
  readonly state: string;
  readonly idleSeconds: number;
}

/** What a handler may ask of its own connection. */
export interface ConnectionControl {
  /** For watchers, who know it as cfd. */
  readonly id: number;
  /** Undefined: a unix socket. */
  readonly remoteAddress: string | undefined;
  admit(): void;
  destroy(): void;
  /** Since it was accepted. */
  readonly bytesReceived: number;
  /** It is the server that does not read at the moment. */
  readonly isHeldUp: boolean;
}

/** How far a get with many keys has come. */
export interface GetProgress {
  /** Keys of it have been answered. */
  begun: boolean;
  hits: number;
  /** It has been answered by an error: nothing more of it is said. */
  failed: boolean;
  /** Where its answer begins, in the section that held the output of `bytesWritten` then. */
  start: number;
  bytesWritten: number;
}

export function newGetProgress(): GetProgress {
  return { begun: false, hits: 0, failed: false, start: 0, bytesWritten: 0 };
}

/** Keys of one get that the store was asked for at once; they are answered in their order. */
interface GetAhead {
  readonly section: ReplySection;
  readonly progress: GetProgress;
  /** Settles when every key so far has been answered. */
  answered: Promise<void>;
  /** Keys that have not been. */
  waiting: number;
}

/** A large value on its way in (commands/large-upload.ts). */
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
  /** Requests are timed. A plain field: read for every request. */
  readonly isTimed: boolean;
  readonly replies: Replies;
  /** The get whose keys are arriving, maybe in parts. */
  readonly getProgress = newGetProgress();
  /** The same where the store answers later, in call order (commands/retrieval-ahead.ts). */
  getAhead: GetAhead | undefined;
  /** Of the values that such a store is storing. */
  bytesAhead = 0;
  upload: ValueUpload | undefined;
  isAuthenticated: boolean;
  /** The login that is being checked. */
  login: Login | undefined;
  /** The handler asks to close after what has been answered. */
  closing = false;
  /** A request has moved many bytes: the next look at the clock is due. */
  isClockDue = false;
  /** Calls when the connection is gone. */
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

  /** What is known of it for logins. */
  get guest(): LoginClient {
    return (this.#guest ??= { address: this.#connection.remoteAddress, failures: 0 });
  }

  /** Highest seq that an answer of this connection depended on: what a barrier waits for. */
  get writtenSeq(): number {
    return this.#writtenSeq;
  }

  answer(form: ReplyForm, reply: Reply, after = 0): void {
    if (after > this.#writtenSeq) this.#writtenSeq = after;
    if (this.trace.level > 0) this.trace.reply(this.id, form, reply);
    this.replies.send(form, reply, after);
  }

  /** The answer to a change: counts those whose client does not want to know. `section`: where its place is kept, else at the end. */
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

  /** Authenticated: all commands are parsed from now on. */
  admit(): void {
    this.isAuthenticated = true;
    this.#connection.admit();
  }

  /** A large value that was on its way is not any more. */
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

  /** Drops the connection: it cannot be kept in step any more. */
  abandon(): void {
    this.#connection.destroy();
  }
}

const SUCCESSES: ReadonlySet<string> = new Set(['stored', 'deleted', 'touched', 'ok']);

/** noreply silences everything; quiet commands of meta and binary only success. */
function isSilenced({ wire }: ReplyForm, reply: Reply): boolean {
  if (wire === 'text' || wire === 'plain') return true;
  return reply.kind === 'number' || (reply.kind === 'result' && SUCCESSES.has(reply.status));
}
