// The server: owns all listeners and connections, with their limits, the checks for idle clients and the stop.
// Invariant: some descriptors are never given to clients, so that the log can always go on (descriptors.ts).

import type { Socket } from 'node:net';

import { tlsModeOf } from '../config/addresses.js';
import type { Config, Endpoint } from '../config/config.js';
import type { Env } from '../env/env.js';
import { INLINE_VALUE_BYTES_MAX } from '../limits.js';
import type { ParserOptions } from '../protocol/parser.js';
import type { Store } from '../store/store.js';
import { isKvError } from '../errors.js';
import { Admission, type Guest } from './admission.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { newCounters, type Counters } from './counters.js';
import { connectionsWithin, descriptorLimit } from './descriptors.js';
import { Gate } from './gate.js';
import { Handshake } from './handshake.js';
import {
  listenAll,
  plainServer,
  writePortFile,
  type Door,
  type HandshakeDoor,
  type Listener,
  type ServerMaker,
} from './listeners.js';
import type { Latencies } from './latencies.js';
import { Logins } from './login/logins.js';
import { idleSecondsOf, remoteOf } from './peer.js';
import { Receipts } from './receipts.js';
import type { ConnectionDescription, ServerControl, Services } from './session.js';
import { Slices } from './slices.js';
import { measuredLines } from './stats/measured.js';
import type { StatLines } from './stats/lines.js';
import { PrefixStats } from './stats/detail.js';
import type { TlsListeners } from './tls.js';
import { Trace } from './trace.js';
import { Turns } from './turns.js';
import { Users } from './users.js';
import { Watchers } from './watchers.js';

const TOO_MANY = 'ERROR Too many open connections\r\n';
const CLIENT_CHECK_MS = 1000;
/** A TLS handshake must be done within this time. */
const HANDSHAKE_MS_MAX = 10_000;
const MIB = 1024 * 1024;
const RECEIPT_BYTES = { claimsMax: 64 * MIB, reserveMax: 16 * MIB, waitingMax: 64 * MIB };
/** These files use descriptors that descriptors.ts reserves. A connection that waits has only one piece in memory. */
const UPLOAD_FILES = { claimsMax: 16, reserveMax: 0, waitingMax: Number.POSITIVE_INFINITY };
/** Clients that are getting the error for too many connections, on descriptors that descriptors.ts reserves. */
const REFUSALS_MAX = 16;
/** A clean stop waits no longer for clients that do not read. A request over a cluster takes less, about 5 s. */
const DRAIN_MS_MAX = 7000;

interface ServerHooks {
  /** Version of this program. */
  readonly version: string;
  /** A client sent the shutdown command. */
  readonly onShutdown: (graceful: boolean) => void;
  readonly onVerbosity: (level: number) => void;
  /** Undefined: requests are not timed. */
  readonly latencies?: Latencies | undefined;
  /** URL of the server's HTTP listener; undefined: there is none. */
  readonly httpUrl?: string | undefined;
}

export class Server implements ServerControl, ConnectionOwner {
  readonly counters: Counters = newCounters();
  readonly startedMs: number;
  readonly #descriptorLimit = descriptorLimit();
  #segments = 0;
  readonly #config: Config;
  readonly #env: Env;
  readonly #hooks: ServerHooks;
  readonly #services: Services;
  readonly #admission: Admission;
  /** The guests that are connections already. */
  readonly #connections = new Set<Connection>();
  readonly #handshakes = new Set<Handshake>();
  #refusals = 0;
  #listeners: readonly Listener[] = [];
  #tls: TlsListeners | undefined;
  #isStopping = false;
  #nextId = 1;
  verbosity: number;
  memoryLimitBytes: number;

  constructor(env: Env, config: Config, store: Store, hooks: ServerHooks) {
    this.#env = env;
    this.#config = config;
    this.#hooks = hooks;
    this.verbosity = config.verbosity;
    this.memoryLimitBytes = config.cacheBytes;
    this.startedMs = env.clock.monotonicMs();
    this.#countSegments(store);
    this.#admission = new Admission(() => this.connectionsMax);
    const { counters } = this;
    const { clock, logger } = env;
    const gate = new Gate(store.durability);
    const watchers = new Watchers(counters, () => store.nowMs(), clock.defer.bind(clock));
    store.onEvicted((item) => {
      if (watchers.count > 0) watchers.emitEviction(item, store.nowMs(), store.durability.lastSeq);
    });
    const detail = new PrefixStats(config.prefixDelimiter);
    const logins =
      config.authFile === undefined ? undefined : new Logins(new Users(config.authFile), env);
    const { version, latencies, httpUrl } = hooks;
    const facts = { version, latencies, httpUrl };
    const slices = new Slices(clock.defer.bind(clock));
    const onDropped = (): void => void (counters.receipt_kicks += 1);
    const receipts = new Receipts(RECEIPT_BYTES, clock, onDropped);
    const uploads = new Receipts(UPLOAD_FILES, clock, onDropped);
    const turns = new Turns(clock);
    const trace = new Trace(config.verbosity, logger);
    const shared = { config, trace, slices, receipts, uploads, store, gate, counters, clock };
    this.#services = {
      ...shared,
      ...facts,
      logger,
      control: this,
      detail,
      watchers,
      turns,
      logins,
    };
  }

  /** Listens on all endpoints. When one fails, closes the others and throws ListenError. */
  async start(): Promise<readonly string[]> {
    const { endpoints, backlog, portFile } = this.#config;
    const { tls } = this.#config;
    if (tls !== undefined) {
      const { TlsListeners } = await import('./tls.js');
      this.#tls = new TlsListeners(tls, this.#env);
    }
    const makerOf = (endpoint: Endpoint): ServerMaker => {
      const mode = tlsModeOf(endpoint, tls);
      return (mode === 'none' ? undefined : this.#tls?.makerOf(mode)) ?? plainServer;
    };
    const listeners = await listenAll(endpoints, backlog, this.#doorOf.bind(this), makerOf);
    this.#listeners = listeners;
    if (portFile !== undefined) await writePortFile(this.#env, portFile, listeners);
    this.#watchClients();
    return this.addresses;
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address);
  }

  get connectionCount(): number {
    return this.#admission.count;
  }

  /** Number of connections that the free descriptors allow now, at most -c. */
  get connectionsMax(): number {
    return connectionsWithin(this.#config.connectionsMax, this.#descriptorLimit, this.#segments);
  }

  get silentCount(): number {
    return this.#admission.silentCount;
  }

  get certificateAgeSeconds(): number {
    if (this.#tls === undefined) return 0;
    return Math.floor((this.#env.clock.monotonicMs() - this.#tls.readMs) / 1000);
  }

  /** Stops accepting, answers the received requests, closes all connections. */
  async stop(): Promise<void> {
    for (const { server } of this.#listeners) server.close();
    this.#isStopping = true;
    this.#services.logins?.close();
    const empty = new Promise<void>((resolve) => this.#admission.whenEmpty(resolve));
    const timer = this.#env.clock.setTimer(DRAIN_MS_MAX, () => {
      for (const guest of this.#admission) guest.destroy();
    });
    for (const handshake of this.#handshakes) handshake.destroy();
    for (const connection of this.#connections) connection.drain();
    await empty;
    timer.cancel();
  }

  /** Reads users and certificates again. A bad file is logged, and the old ones stay in force. */
  reload(): void {
    const { logger } = this.#env;
    try {
      this.#services.logins?.reload();
      this.#tls?.reload();
      logger.info('Users and certificates were read again');
    } catch (error) {
      if (!isKvError(error)) throw error;
      logger.error(error.message);
    }
  }

  /** Returns the lines of `stats`, `stats slabs` and `stats items`. */
  statLines(): StatLines {
    return measuredLines(this.#services);
  }

  get tcpPort(): number {
    const found = this.#listeners.find(({ endpoint }) => endpoint.kind === 'tcp');
    return found === undefined
      ? 0
      : Number(found.address.slice(found.address.lastIndexOf(':') + 1));
  }

  setVerbosity(level: number): void {
    this.verbosity = level;
    this.#services.trace.level = level;
    this.#hooks.onVerbosity(level);
  }

  shutdown(graceful: boolean): void {
    this.#hooks.onShutdown(graceful);
  }

  refreshCertificates(): 'refreshed' | 'failed' | 'no-tls' {
    if (this.#tls === undefined) return 'no-tls';
    try {
      this.#tls.reload();
      return 'refreshed';
    } catch (error) {
      if (!isKvError(error)) throw error;
      this.#env.logger.error(error.message);
      return 'failed';
    }
  }

  /** Describes all connections, one at a time as the caller goes on, because there may be many. */
  *describeConnections(): IterableIterator<ConnectionDescription> {
    const idleSeconds = idleSecondsOf(this.#env.clock.monotonicMs() - this.startedMs);
    for (const [id, { endpoint, address }] of this.#listeners.entries()) {
      const listening = { listenAddress: undefined, state: 'conn_listening', idleSeconds };
      yield { id, address: `${endpoint.kind}:${address}`, ...listening };
    }
    // Clients that connect during the iteration are left out, so that it ends.
    const idEnd = this.#nextId;
    for (const guests of [this.#handshakes, this.#connections]) {
      for (const guest of guests) {
        if (guest.id < idEnd) yield guest.describe(this.#env.clock.monotonicMs());
      }
    }
  }

  #countSegments(store: Store): void {
    this.#segments = Number(store.stats().get('kv_segments') ?? 0);
  }

  #doorOf(endpoint: Endpoint, address: () => string): Door {
    const options = this.#parserOptions(endpoint);
    const listenAddress = (): string => `${endpoint.kind}:${address()}`;
    return {
      accept: (socket) => {
        if (this.#admits(socket, true)) this.#open(socket, options, listenAddress());
      },
      begin: (socket) => this.#begin(socket, options, listenAddress()),
      handshakeFailed: () => (this.counters.ssl_handshake_errors += 1),
    };
  }

  /** Checks whether there is room, if necessary after dropping a silent guest; refuses the socket if not. */
  #admits(socket: Socket, isHeard: boolean): boolean {
    if (this.#isStopping) {
      socket.destroy();
      return false;
    }
    const room = this.#admission.makeRoom();
    if (room === 'none') {
      this.#refuse(socket, isHeard);
      return false;
    }
    if (room === 'made') this.counters.silent_kicks += 1;
    this.counters.total_connections += 1;
    return true;
  }

  /** Sends an error before closing. The error keeps a descriptor in use, so beyond a few clients are just dropped. */
  #refuse(socket: Socket, isHeard: boolean): void {
    this.counters.rejected_connections += 1;
    if (!isHeard || this.#refusals >= REFUSALS_MAX) {
      socket.destroy();
      return;
    }
    this.#refusals += 1;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => (this.#refusals -= 1));
    socket.end(TOO_MANY, () => socket.destroy());
  }

  #begin(socket: Socket, options: ParserOptions, listenAddress: string): HandshakeDoor | undefined {
    if (!this.#admits(socket, false)) return undefined;
    const nowMs = this.#env.clock.monotonicMs();
    const handshake = new Handshake(this.#nextId++, socket, listenAddress, nowMs);
    this.#handshakes.add(handshake);
    this.#admission.enter(handshake);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#handshakes.delete(handshake);
      this.#admission.leave(handshake);
    });
    return {
      accept: (secure) => {
        this.#handshakes.delete(handshake);
        if (this.#isStopping) secure.destroy();
        else this.#open(secure, options, listenAddress, handshake);
      },
    };
  }

  /** Begins the client's connection. `before` is the guest that it was so far. */
  #open(socket: Socket, options: ParserOptions, listenAddress: string, before?: Guest): void {
    const connection = new Connection(
      this.#nextId++,
      socket,
      options,
      this.#services,
      listenAddress,
      this,
    );
    this.#connections.add(connection);
    if (before === undefined) this.#admission.enter(connection);
    else this.#admission.become(before, connection);
    this.#services.trace.opened(connection.id, remoteOf(socket));
    this.#reportConnection('conn_new', connection, '');
  }

  spoke(connection: Connection): void {
    this.#admission.spoke(connection);
    this.#countSpeakers();
  }

  gone(connection: Connection, isBroken: boolean): void {
    this.#connections.delete(connection);
    this.#admission.leave(connection);
    this.#countSpeakers();
    this.#services.trace.closed(connection.id, isBroken);
    this.#reportConnection('conn_close', connection, ` reason=${isBroken ? 'error' : 'normal'}`);
  }

  #countSpeakers(): void {
    const { count, silentCount } = this.#admission;
    this.#services.store.durability.serve(count - silentCount);
  }

  #reportConnection(type: string, { id, socket }: Connection, reason: string): void {
    const { watchers } = this.#services;
    if (watchers.count === 0) return;
    const { remoteAddress, remotePort } = socket;
    const where = remoteAddress === undefined ? 'local' : 'tcp';
    const fields = `rip=${remoteAddress ?? 'unix'} rport=${remotePort ?? 0} transport=${where}`;
    watchers.emit('connevents', `type=${type} ${fields}${reason} cfd=${id}`);
  }

  #parserOptions(endpoint: Endpoint): ParserOptions {
    const { protocol, shortForms, keyBytesMax, valueBytesMax, authFile, sasl } = this.#config;
    const isPlain = endpoint.kind === 'tcp' && endpoint.plain;
    return {
      protocol,
      textWire: isPlain ? 'plain' : 'text',
      shortForms: shortForms || isPlain,
      keyBytesMax,
      valueBytesMax,
      inlineValueBytesMax: Math.min(INLINE_VALUE_BYTES_MAX, valueBytesMax),
      // With -S, binary clients log in by SASL, and text clients cannot log in, as with memcached.
      asciiAuthentication: authFile !== undefined && !sasl,
    };
  }

  /** Drops clients that are idle for too long, stalled, or too late with their handshake or their login. */
  #watchClients(): void {
    const { idleTimeoutMs, stallTimeoutMs } = this.#config;
    const { counters } = this;
    this.#env.clock.setTimer(CLIENT_CHECK_MS, () => {
      if (this.#isStopping) return;
      const nowMs = this.#env.clock.monotonicMs();
      for (const handshake of this.#handshakes) {
        // tls.ts counts this failure, as it counts all failed handshakes.
        if (handshake.ageMs(nowMs) >= HANDSHAKE_MS_MAX) handshake.destroy();
      }
      for (const connection of this.#connections) {
        connection.look(nowMs);
        if (idleTimeoutMs > 0 && connection.idleMs(nowMs) >= idleTimeoutMs) {
          counters.idle_kicks += 1;
        } else if (stallTimeoutMs > 0 && connection.isStalled(nowMs, stallTimeoutMs)) {
          counters.stall_kicks += 1;
        } else if (connection.isLoginOverdue(nowMs)) {
          counters.login_kicks += 1;
        } else {
          continue;
        }
        connection.destroy();
      }
      this.#countSegments(this.#services.store);
      this.#watchClients();
    });
  }
}
