// The HTTP listener (--http): health, metrics and the live page for people and programs that watch the server
// (docs/metrics.md), and the change feed (docs/feed.md). It is loaded only when --http is given.
//
// Invariants:
// - It is bounded (guests.ts). Headers are bounded too, and so are bodies, which only some requests have (routes.ts).
//   A request costs the server one short answer, or slices of a long one.
// - It listens before the log is replayed, so that /readyz can say so, and until the process ends.
// - On loopback it speaks plain HTTP. On other addresses it speaks TLS when -Z is given, with that certificate.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';

import { isLoopback } from '../config/addresses.js';
import type { Config } from '../config/config.js';
import { storeText } from '../config/store-place.js';
import type { Env } from '../env/env.js';
import { failureText, isKvError } from '../errors.js';
import { listenAll } from '../server/listeners.js';
import type { Door, HandshakeDoor, Listener, ServerMaker } from '../server/listeners.js';
import type { StatLines } from '../server/stats/lines.js';
import type { TlsListeners } from '../server/tls.js';
import type { Store } from '../store/store.js';
import { sayChanges } from './changes.js';
import { Guard } from './guard.js';
import { Exchange } from './exchange.js';
import { Guests } from './guests.js';
import { Health, healthText, isWell, type HealthCheck } from './health.js';
import { Metrics } from './metrics.js';
import { Page } from './page/page.js';
import type { ServerView } from './page/serving.js';
import type { Route, Routes } from './routes.js';

const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_MAX = 64;
const BACKLOG = 64;
const PATHS = '/, /metrics, /changes, /livez, /readyz and /healthz';

/** The door gets accepted sockets as they are. */
const plainMaker: ServerMaker = (options, door) =>
  net.createServer(options, (socket) => door.accept(socket));

export class HttpListener {
  readonly #env: Env;
  readonly #guard: Guard;
  readonly #guests: Guests;
  readonly #health: Health;
  readonly #http: Server;
  /** The metrics in which the server counts what it measures. */
  readonly metrics: Metrics;
  readonly #page: Page;
  readonly #routes: Routes;
  #stats: (() => StatLines) | undefined;
  #store: Store | undefined;
  #tls: TlsListeners | undefined;
  #listeners: readonly Listener[] = [];

  private constructor(env: Env, config: Config, guard: Guard) {
    this.#env = env;
    this.#guard = guard;
    this.#guests = new Guests(env.clock);
    this.#health = new Health(config.store && storeText(config.store));
    this.metrics = new Metrics(
      env.clock,
      () => isWell(this.#health.readiness()),
      config.store !== undefined,
    );
    this.#page = new Page(env.clock, config, this.metrics, this.#health);
    this.#routes = new Map([...this.#ownRoutes(), ...this.#page.routes]);
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES_MAX });
    this.#http.maxHeadersCount = HEADERS_MAX;
    this.#http.on('request', (request, response) => void this.#answer(request, response));
    this.#http.on('checkContinue', (request, response) => void this.#answer(request, response));
  }

  /** Requires --http. Throws ListenError, or KV_BAD_OPTION for a token or a certificate that cannot be used. */
  static async listen(env: Env, config: Config): Promise<HttpListener> {
    const { http = { host: '127.0.0.1', port: 0 }, httpTokenFile, tls } = config;
    const guard = new Guard(http.host, httpTokenFile, clientsLogIn(config));
    const listener = new HttpListener(env, config, guard);
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

  /** The URLs that it listens on. */
  get addresses(): readonly string[] {
    const scheme = this.#tls === undefined ? 'http' : 'https';
    return this.#listeners.map(({ address }) => `${scheme}://${address}`);
  }

  /** Called when the log is replayed and the server serves clients. */
  serves(store: Store, server: ServerView): void {
    this.#health.serves(store);
    this.#store = store;
    this.#stats = () => server.statLines();
    this.#page.serves(store, server);
  }

  /** From now on /readyz answers that the server is not ready. */
  drain(): void {
    this.#health.isDraining = true;
  }

  /** Reads the token and the certificate again. A file that cannot be used leaves the old one in force. */
  reload(): void {
    try {
      this.#guard.reload();
      this.#tls?.reload();
    } catch (error) {
      if (!isKvError(error)) throw error;
      this.#env.logger.error(error.message);
    }
  }

  /** Drops all connections at once. */
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
    const route = this.#routes.get(exchange.path);
    const refusal = this.#guard.refusalOf(request, route?.access ?? 'watch');
    const takesBody =
      refusal === undefined && request.method === 'POST' && route?.method === 'POST';
    const isUnread = hasBody(request) && !takesBody;
    // The connection ends with the answer.
    if (isUnread) response.shouldKeepAlive = false;
    if (refusal !== undefined) {
      if (refusal.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
      exchange.say(refusal.status, `${refusal.why}\n`);
    } else if (isUnread) {
      exchange.say(413, 'A request has no body here\n');
    } else {
      await answerBy(route, exchange);
    }
  }

  async #sayChanges(exchange: Exchange): Promise<void> {
    if (this.#store === undefined) exchange.say(503, this.#notYet());
    else await sayChanges(exchange, this.#store, this.#env.clock);
  }

  async #sayMetrics(exchange: Exchange): Promise<void> {
    const { metrics } = this;
    if (this.#stats === undefined) exchange.say(503, this.#notYet());
    else exchange.say(200, await metrics.text(this.#stats), metrics.contentType);
  }

  #notYet(): string {
    return `Not ready: ${this.#health.opening}\n`;
  }

  #ownRoutes(): Routes {
    const readiness = watch((exchange) => sayHealth(exchange, this.#health.readiness()));
    return new Map([
      ['/livez', watch((exchange) => sayHealth(exchange, this.#health.liveness()))],
      ['/readyz', readiness],
      ['/healthz', readiness],
      ['/metrics', watch((exchange) => this.#sayMetrics(exchange))],
      ['/changes', { ...watch((exchange) => this.#sayChanges(exchange)), access: 'data' }],
    ]);
  }
}

function watch(answer: Route['answer']): Route {
  return { method: 'GET', access: 'watch', answer };
}

/** Checks whether clients log in, by name and password or by certificate. */
function clientsLogIn({ authFile, tls }: Config): boolean {
  return authFile !== undefined || tls?.clientsNeedCertificates === true;
}

function sayHealth(exchange: Exchange, checks: readonly HealthCheck[]): void {
  const text = healthText(checks, exchange.query.has('verbose'));
  exchange.say(isWell(checks) ? 200 : 503, text);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

async function answerBy(route: Route | undefined, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const allowed = route?.method ?? 'GET';
  if (method !== allowed) {
    response.setHeader('Allow', allowed === 'GET' ? 'GET, HEAD' : allowed);
    exchange.say(405, `Only ${allowed} is answered\n`);
  } else if (route === undefined) {
    exchange.say(404, `There are ${PATHS}\n`);
  } else {
    await answerOrFail(route, exchange);
  }
}

/**
 * Answers a failure of the world with its text, so that it does not end the process. Any other error is a bug, and is
 * thrown again.
 */
async function answerOrFail(route: Route, exchange: Exchange): Promise<void> {
  try {
    await route.answer(exchange);
  } catch (error) {
    if (!isKvError(error)) throw error;
    if (exchange.response.headersSent) exchange.response.destroy();
    else exchange.refuse(500, failureText(error));
  }
}
