// The HTTP listener (--http): health and metrics for whoever watches the server (docs/metrics.md), and its changes for
// whoever follows it (docs/feed.md). Loaded only when it is asked for.
//
// Invariants:
// - It is bounded (guests.ts): headers too, and a request has no body. Whoever asks costs the server one short answer.
// - It listens before the log is replayed, so that /readyz can say so, and until the very end.
// - On loopback it speaks plain HTTP; elsewhere TLS with the certificate of -Z, when that is given.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';

import { isLoopback } from '../config/addresses.js';
import type { Config } from '../config/config.js';
import type { Env } from '../env/env.js';
import { isKvError } from '../errors.js';
import { listenAll } from '../server/listeners.js';
import type { Door, HandshakeDoor, Listener, ServerMaker } from '../server/listeners.js';
import type { StatLines } from '../server/stats/lines.js';
import type { TlsListeners } from '../server/tls.js';
import type { Store } from '../store/store.js';
import { sayChanges } from './changes.js';
import { Guard, type Refusal } from './guard.js';
import { Exchange } from './exchange.js';
import { Guests } from './guests.js';
import { Health, healthText, isWell, type HealthCheck } from './health.js';
import { Metrics } from './metrics.js';

const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_MAX = 64;
const BACKLOG = 64;

/** Accepted sockets go to the door as they are. */
const plainMaker: ServerMaker = (options, door) =>
  net.createServer(options, (socket) => door.accept(socket));

export class HttpListener {
  readonly #env: Env;
  readonly #guard: Guard;
  readonly #guests: Guests;
  readonly #health = new Health();
  readonly #http: Server;
  /** Who measures what it serves. */
  readonly metrics: Metrics;
  #stats: (() => StatLines) | undefined;
  #store: Store | undefined;
  #tls: TlsListeners | undefined;
  #listeners: readonly Listener[] = [];

  private constructor(env: Env, guard: Guard) {
    this.#env = env;
    this.#guard = guard;
    this.#guests = new Guests(env.clock);
    this.metrics = new Metrics(env.clock, () => isWell(this.#health.readiness()));
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES_MAX });
    this.#http.maxHeadersCount = HEADERS_MAX;
    this.#http.on('request', (request, response) => void this.#answer(request, response));
    this.#http.on('checkContinue', (request, response) => void this.#answer(request, response));
  }

  /** Requires --http. Throws ListenError, and KV_BAD_OPTION for a token or a certificate that cannot be used. */
  static async listen(env: Env, config: Config): Promise<HttpListener> {
    const { http = { host: '127.0.0.1', port: 0 }, httpTokenFile, tls, authFile } = config;
    const guard = new Guard(http.host, httpTokenFile, authFile !== undefined);
    const listener = new HttpListener(env, guard);
    if (tls !== undefined && !isLoopback(http.host)) {
      const { TlsListeners } = await import('../server/tls.js');
      listener.#tls = new TlsListeners(tls, env);
    }
    await listener.metrics.warmUp();
    const make = listener.#tls?.makerOf('unverified') ?? plainMaker;
    const endpoint = { kind: 'tcp', plain: false, ...http } as const;
    const door = listener.#door();
    listener.#listeners = await listenAll(
      [endpoint],
      BACKLOG,
      () => door,
      () => make,
    );
    return listener;
  }

  /** Where it listens, as URLs. */
  get addresses(): readonly string[] {
    const scheme = this.#tls === undefined ? 'http' : 'https';
    return this.#listeners.map(({ address }) => `${scheme}://${address}`);
  }

  /** The log was replayed, and clients are served. */
  serves(store: Store, stats: () => StatLines): void {
    this.#health.serves(store);
    this.#store = store;
    this.#stats = stats;
  }

  /** From now on it says that it is not ready. */
  drain(): void {
    this.#health.isDraining = true;
  }

  /** Token and certificate are read again; what cannot be used leaves the old ones in force. */
  reload(): void {
    try {
      this.#guard.reload();
      this.#tls?.reload();
    } catch (error) {
      if (!isKvError(error)) throw error;
      this.#env.logger.error(error.message);
    }
  }

  /** Drops everybody at once. */
  close(): void {
    for (const { server } of this.#listeners) server.close();
    this.#guests.destroyAll();
  }

  #door(): Door {
    const begin = (accepted: Duplex): HandshakeDoor => {
      const guest = this.#guests.enter(accepted);
      const accept = (socket: Duplex): void => {
        this.#guests.speak(guest, socket);
        this.#http.emit('connection', socket);
      };
      return { accept };
    };
    return {
      accept: (socket) => begin(socket).accept(socket),
      begin,
      handshakeFailed: () => undefined,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const guest = this.#guests.of(request.socket);
    if (guest === undefined || guest.isBusy) {
      request.socket.destroy();
      return;
    }
    guest.isBusy = true;
    response.once('close', () => guest.answered());
    const exchange = new Exchange(request, response, this.#guests, guest);
    const { method = '', headers } = request;
    const refusal = this.#guard.refusalOf(request);
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      // It is not read: the connection ends with the answer.
      response.shouldKeepAlive = false;
      exchange.say(413, 'A request has no body here\n');
    } else if (refusal !== undefined) {
      sayRefusal(exchange, refusal);
    } else if (method === 'GET' || method === 'HEAD') {
      await this.#get(exchange);
    } else {
      response.setHeader('Allow', 'GET, HEAD');
      exchange.say(405, 'Only GET is answered\n');
    }
  }

  async #get(exchange: Exchange): Promise<void> {
    switch (exchange.path) {
      case '/livez':
        sayHealth(exchange, this.#health.liveness());
        return;
      case '/readyz':
      case '/healthz':
        sayHealth(exchange, this.#health.readiness());
        return;
      case '/metrics':
        await this.#sayMetrics(exchange);
        return;
      case '/changes':
        await this.#sayChanges(exchange);
        return;
      default:
        exchange.say(404, 'There are /metrics, /changes, /livez, /readyz and /healthz\n');
    }
  }

  async #sayChanges(exchange: Exchange): Promise<void> {
    const store = this.#store;
    const refusal = this.#guard.dataRefusalOf(exchange.request);
    if (refusal !== undefined) sayRefusal(exchange, refusal);
    else if (store === undefined) exchange.say(503, 'The log is being read\n');
    else await sayChanges(exchange, store, this.#env.clock);
  }

  async #sayMetrics(exchange: Exchange): Promise<void> {
    const { metrics } = this;
    if (this.#stats === undefined) exchange.say(503, 'The log is being read\n');
    else exchange.say(200, await metrics.text(this.#stats), metrics.contentType);
  }
}

function sayRefusal(exchange: Exchange, { status, why }: Refusal): void {
  if (status === 401) exchange.response.setHeader('WWW-Authenticate', 'Bearer');
  exchange.say(status, `${why}\n`);
}

function sayHealth(exchange: Exchange, checks: readonly HealthCheck[]): void {
  const text = healthText(checks, exchange.query.has('verbose'));
  exchange.say(isWell(checks) ? 200 : 503, text);
}
