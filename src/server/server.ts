// Everything that listens and every connection: limits, idle clients, the end.
// Invariant: `reserved` descriptors are never given to clients, so that the log can always go on.

import type { Socket } from 'node:net';

import type { Config, Endpoint } from '../config.js';
import type { Env } from '../env/env.js';
import { openParser } from '../protocol/open-parser.js';
import { INLINE_VALUE_BYTES_MAX } from '../limits.js';
import type { ParserOptions } from '../protocol/parser.js';
import type { Store } from '../store/store.js';
import { isKvError } from '../errors.js';
import { Connection } from './connection.js';
import { newCounters, type Counters } from './counters.js';
import { connectionsWithin, descriptorLimit } from './descriptors.js';
import { Gate } from './gate.js';
import { listen, plainServer, writePortFile, type Listener } from './listeners.js';
import type { ConnectionDescription, ServerControl, Services } from './session.js';
import { PrefixStats } from './stats/detail.js';
import type { TlsListeners } from './tls.js';
import { Turns } from './turns.js';
import { Users } from './users.js';
import { Watchers } from './watchers.js';

const TOO_MANY = 'ERROR Too many open connections\r\n';
const CLIENT_CHECK_MS = 1000;
/** Clients that are being told that there are too many; within what descriptors.ts keeps back. */
const REFUSALS_MAX = 16;
/** Clients that do not read keep a clean stop waiting no longer than this. */
const DRAIN_MS_MAX = 5000;

export interface ServerHooks {
  /** Of this program. */
  readonly version: string;
  /** A client asked for the end (shutdown). */
  readonly onShutdown: (graceful: boolean) => void;
  readonly onVerbosity: (level: number) => void;
}

export class Server implements ServerControl {
  readonly counters: Counters = newCounters();
  readonly startedMs: number;
  readonly connectionsMax: number;
  readonly #config: Config;
  readonly #env: Env;
  readonly #hooks: ServerHooks;
  readonly #services: Services;
  readonly #connections = new Set<Connection>();
  #listeners: readonly Listener[] = [];
  #tls: TlsListeners | undefined;
  #isStopping = false;
  #nextId = 1;
  verbosity: number;
  #onEmpty: (() => void) | undefined;

  constructor(env: Env, config: Config, store: Store, hooks: ServerHooks) {
    this.#env = env;
    this.#config = config;
    this.#hooks = hooks;
    this.verbosity = config.verbosity;
    this.startedMs = env.clock.monotonicMs();
    this.connectionsMax = connectionsWithin(config.connectionsMax, descriptorLimit());
    const { counters } = this;
    const { clock, logger } = env;
    const gate = new Gate(store);
    const watchers = new Watchers(counters, () => store.nowMs(), clock.defer.bind(clock));
    store.onEvicted((item) => {
      if (watchers.count > 0) watchers.emitEviction(item, store.nowMs(), store.lastSeq);
    });
    const detail = new PrefixStats(config.prefixDelimiter);
    const users = config.authFile === undefined ? undefined : new Users(config.authFile);
    const { version } = hooks;
    const turns = new Turns(clock);
    const shared = { config, store, gate, counters, clock, logger };
    this.#services = { ...shared, control: this, version, detail, watchers, turns, users };
  }

  /** Listens everywhere; throws ListenError when one address cannot be had, with the others closed. */
  async start(): Promise<readonly string[]> {
    const { endpoints, backlog, portFile } = this.#config;
    const listeners: Listener[] = [];
    this.#listeners = listeners;
    const { tls } = this.#config;
    if (tls !== undefined) {
      const { TlsListeners } = await import('./tls.js');
      this.#tls = new TlsListeners(tls, this.#env.logger);
    }
    const make = this.#tls?.make ?? plainServer;
    try {
      for (const endpoint of endpoints) {
        const accept = this.#accept.bind(this);
        const listener = await listen(endpoint, backlog, accept, make);
        this.#boundDescriptors(listener);
        listeners.push(listener);
      }
    } catch (error) {
      for (const { server } of listeners) server.close();
      throw error;
    }
    if (portFile !== undefined) await writePortFile(portFile, listeners);
    const { idleTimeoutMs, stallTimeoutMs } = this.#config;
    if (idleTimeoutMs > 0 || stallTimeoutMs > 0) this.#watchClients();
    return this.addresses;
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Stops accepting, answers what was received, closes all connections. */
  async stop(): Promise<void> {
    for (const { server } of this.#listeners) server.close();
    this.#isStopping = true;
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const timer = this.#env.clock.setTimer(DRAIN_MS_MAX, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    for (const connection of this.#connections) connection.drain();
    await empty;
    timer.cancel();
  }

  /** Users and certificates are read again; what cannot be used leaves the old ones in force. */
  reload(): void {
    const { logger } = this.#env;
    try {
      this.#services.users?.reload();
      this.#tls?.reload();
      logger.info('Users and certificates were read again');
    } catch (error) {
      if (!isKvError(error)) throw error;
      logger.error(error.message);
    }
  }

  get tcpPort(): number {
    const found = this.#listeners.find(({ endpoint }) => endpoint.kind === 'tcp');
    return found === undefined
      ? 0
      : Number(found.address.slice(found.address.lastIndexOf(':') + 1));
  }

  setVerbosity(level: number): void {
    this.verbosity = level;
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

  describeConnections(): readonly ConnectionDescription[] {
    const listeners = this.#listeners.map(({ endpoint, address }, index) => ({
      id: index,
      address: `${endpoint.kind}:${address}`,
      listenAddress: undefined,
      state: 'conn_listening',
      idleSeconds: 0,
    }));
    return [...listeners, ...[...this.#connections].map((connection) => connection.describe())];
  }

  #accept(socket: Socket, endpoint: Endpoint, address: string): void {
    if (this.#isStopping) {
      socket.destroy();
      return;
    }
    if (this.#connections.size >= this.connectionsMax) {
      this.counters.rejected_connections += 1;
      socket.on('error', () => socket.destroy());
      socket.end(TOO_MANY, () => socket.destroy());
      return;
    }
    this.counters.total_connections += 1;
    const listenAddress = `${endpoint.kind}:${address}`;
    const connection: Connection = new Connection(
      this.#nextId++,
      socket,
      openParser(this.#parserOptions(endpoint)),
      this.#services,
      listenAddress,
      () => this.#forget(connection),
    );
    this.#connections.add(connection);
    this.#tellConnection('conn_new', socket, connection.id);
    socket.once('close', () => this.#tellConnection('conn_close', socket, connection.id));
  }

  /** Those who are refused politely take a descriptor as well: beyond a few they are dropped unheard. */
  #boundDescriptors({ server }: Listener): void {
    server.maxConnections = this.connectionsMax + REFUSALS_MAX;
    server.on('drop', () => (this.counters.rejected_connections += 1));
  }

  #tellConnection(type: 'conn_new' | 'conn_close', socket: Socket, id: number): void {
    const { watchers } = this.#services;
    const { remoteAddress, remotePort } = socket;
    if (watchers.count === 0) return;
    const where = remoteAddress === undefined ? 'local' : 'tcp';
    const fields = `rip=${remoteAddress ?? 'unix'} rport=${remotePort ?? 0} transport=${where}`;
    const reason =
      type === 'conn_new' ? '' : ` reason=${socket.errored === null ? 'normal' : 'error'}`;
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
      // With -S binary comes in by SASL, and text not at all, as with memcached.
      asciiAuthentication: authFile !== undefined && !sasl,
    };
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Drops clients that are idle for too long, or stalled. */
  #watchClients(): void {
    const { idleTimeoutMs, stallTimeoutMs } = this.#config;
    this.#env.clock.setTimer(CLIENT_CHECK_MS, () => {
      if (this.#isStopping) return;
      const nowMs = this.#env.clock.monotonicMs();
      for (const connection of this.#connections) {
        if (idleTimeoutMs > 0 && connection.idleMs(nowMs) >= idleTimeoutMs) {
          this.counters.idle_kicks += 1;
        } else if (stallTimeoutMs > 0 && connection.isStalled(nowMs, stallTimeoutMs)) {
          this.counters.stall_kicks += 1;
        } else {
          continue;
        }
        connection.destroy();
      }
      this.#watchClients();
    });
  }
}
