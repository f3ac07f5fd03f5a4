// The live page at `/` (docs/metrics.md, "The page"): the routes of the page and their handlers.

import type { Config } from '../../config/config.js';
import type { Clock } from '../../env/env.js';
import { Gate } from '../../server/gate.js';
import { storeText } from '../../config/store-place.js';
import type { Store } from '../../store/store.js';
import { readFields } from '../body.js';
import type { Exchange } from '../exchange.js';
import type { Health } from '../health.js';
import type { Metrics } from '../metrics.js';
import type { Access, Route, Routes } from '../routes.js';
import { runBackup } from './backup.js';
import { deleteKey, setKey } from './changes.js';
import { assetRoutes } from './assets.js';
import { listConnections } from './connections.js';
import { listKeys, showValue } from './keys.js';
import { Jobs } from './jobs.js';
import { Live } from './live.js';
import type { ServerView, Serving } from './serving.js';
import { Sizes } from './sizes.js';
import type { ChangeAnswer, JobName } from './wire.js';

type Answer = (exchange: Exchange, serving: Serving) => void | Promise<void>;

export class Page {
  readonly #clock: Clock;
  readonly #config: Config;
  readonly #metrics: Metrics;
  readonly #health: Health;
  readonly #sizes: Sizes;
  readonly #startedAt: number;
  #serving: Serving | undefined;
  #live: Live | undefined;
  readonly routes: Routes;

  constructor(clock: Clock, config: Config, metrics: Metrics, health: Health) {
    this.#clock = clock;
    this.#config = config;
    this.#metrics = metrics;
    this.#health = health;
    this.#sizes = new Sizes(clock);
    this.#startedAt = clock.wallMs();
    this.routes = new Map([...assetRoutes(), ...this.#watching(), ...this.#keys()]);
  }

  /** Called when the log is replayed. */
  serves(store: Store, server: ServerView): void {
    const { segmentBytes, httpWrites, httpBackupDir, prefixDelimiter, store: place } = this.#config;
    const dataDir = place === undefined ? this.#config.dataDir : storeText(place);
    const gate = new Gate(store.durability);
    const jobs = new Jobs(this.#clock, store, () => runBackup(dataDir, httpBackupDir ?? ''));
    const troubles = (): readonly string[] =>
      this.#health.readiness().flatMap(({ failure }) => failure ?? []);
    this.#serving = { store, gate, server, jobs, segmentBytes, troubles };
    this.#live = new Live(this.#clock, this.#metrics, this.#serving, {
      version: String(new Map(server.statLines()).get('kv_version') ?? ''),
      pid: process.pid,
      startedAt: this.#startedAt,
      dataDir,
      mayWrite: httpWrites,
      mayBackUp: httpBackupDir !== undefined,
      delimiter: prefixDelimiter,
    });
  }

  #watching(): Routes {
    const backup: Answer = (exchange, serving) => {
      if (this.#config.httpBackupDir !== undefined) return starting('backup')(exchange, serving);
      exchange.refuse(403, 'The page may not back up: start the server with --http-backup <dir>');
      return undefined;
    };
    return new Map([
      ['/page/live', this.#route('GET', 'watch', (exchange) => this.#live?.watch(exchange))],
      ['/page/connections', this.#route('GET', 'watch', listConnections)],
      ['/page/compact', this.#route('POST', 'data', starting('compaction'))],
      ['/page/snapshot', this.#route('POST', 'data', starting('snapshot'))],
      ['/page/backup', this.#route('POST', 'data', backup)],
    ]);
  }

  #keys(): Routes {
    const keyed = (method: Route['method'], answer: Answer): Route =>
      this.#route(method, 'data', (exchange, serving) => {
        if (this.#config.dumpEnabled) return answer(exchange, serving);
        exchange.refuse(403, 'Listing keys is disabled (-X)');
        return undefined;
      });
    const writing = (answer: Answer): Route =>
      this.#route('POST', 'data', (exchange, serving) => {
        if (this.#config.httpWrites) return answer(exchange, serving);
        exchange.refuse(403, 'The page may not change keys: start the server with --http-write');
        return undefined;
      });
    const list: Answer = (exchange, serving) => listKeys(exchange, serving, this.#clock);
    return new Map([
      ['/page/keys', keyed('GET', list)],
      ['/page/value', this.#route('POST', 'data', showValue)],
      ['/page/sizes', keyed('GET', (exchange, serving) => this.#sizes.answer(exchange, serving))],
      ['/page/set', writing((exchange, serving) => setKey(exchange, serving, this.#config))],
      ['/page/delete', writing(deleteKey)],
    ]);
  }

  #route(method: Route['method'], access: Access, answer: Answer): Route {
    return {
      method,
      access,
      answer: (exchange) => {
        if (this.#serving !== undefined) return answer(exchange, this.#serving);
        exchange.refuse(503, `Not ready: ${this.#health.opening}`);
        return undefined;
      },
    };
  }
}

/** Returns the answer that starts a job. The live events report its result. */
function starting(name: JobName): Answer {
  return async (exchange, { jobs }) => {
    const fields = await readFields(exchange);
    if (fields === undefined) return;
    if (jobs.start(name)) exchange.sayJson({ status: 'started' } satisfies ChangeAnswer);
    else exchange.refuse(409, `A ${name} is under way already`);
  };
}
