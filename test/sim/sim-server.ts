// The real server logic (connections, parsers, commands, replies, gate) on a simulated machine. Sockets are streams in
// memory whose bytes arrive late and in pieces. The bytes that leave a socket are checked: no reply may reveal a record
// that is not on the disk (oracles O1 and O2, as a client sees them).

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

import { readConfig } from '../../src/config/config.js';
import { DEFAULT_PARSER_OPTIONS } from '../../src/protocol/parser.js';
import { Connection } from '../../src/server/connection.js';
import { newCounters } from '../../src/server/counters.js';
import { Gate } from '../../src/server/gate.js';
import type { ServerControl, Services } from '../../src/server/session.js';
import { Receipts } from '../../src/server/receipts.js';
import { Slices } from '../../src/server/slices.js';
import { PrefixStats } from '../../src/server/stats/detail.js';
import { Turns } from '../../src/server/turns.js';
import { Trace } from '../../src/server/trace.js';
import { Watchers } from '../../src/server/watchers.js';
import type { Store } from '../../src/store/store.js';
import { Violation } from './history.js';
import type { SimProcess } from './sim-world.js';

/** The tokens in the first lines of meta replies; values must not look like them. */
const TOKENS = /^(?:HD|VA \d+)(?: [^\r\n]*)? c(\d+)/gm;
const MEAN_LATENCY_MS = 0.2;

const CONTROL: ServerControl = {
  connectionCount: 0,
  silentCount: 0,
  connectionsMax: 1024,
  startedMs: 0,
  verbosity: 0,
  memoryLimitBytes: 0,
  certificateAgeSeconds: 0,
  tcpPort: 0,
  setVerbosity() {},
  shutdown() {},
  refreshCertificates: () => 'no-tls',
  describeConnections: () => [].values(),
};

export class SimServer {
  readonly #process: SimProcess;
  readonly #store: Store;
  readonly #services: Services;
  readonly #connections = new Set<Connection>();
  #ids = 1;
  /** The seq of the newest record that any bytes revealed. */
  toldSeq = 0;

  constructor(process: SimProcess, store: Store) {
    this.#process = process;
    this.#store = store;
    const config = readConfig(['-p', '-1'], {}, '0.0.0');
    if ('code' in config) throw new Error(config.stderr);
    const { clock, logger } = process;
    const counters = newCounters();
    this.#services = {
      config,
      store,
      gate: new Gate(store.durability),
      counters,
      clock,
      logger,
      control: CONTROL,
      version: '0.0.0',
      detail: new PrefixStats(':'),
      turns: new Turns(clock),
      latencies: undefined,
      httpUrl: undefined,
      trace: new Trace(0, logger),
      watchers: new Watchers(counters, () => store.nowMs(), clock.defer.bind(clock)),
      logins: undefined,
      receipts: new Receipts(
        { claimsMax: 2 ** 26, reserveMax: 0, waitingMax: 2 ** 26 },
        clock,
        () => undefined,
      ),
      uploads: new Receipts(
        { claimsMax: 16, reserveMax: 0, waitingMax: 2 ** 26 },
        clock,
        () => undefined,
      ),
      slices: new Slices(clock.defer.bind(clock)),
    };
  }

  /** Opens a connection; calls `receive` with what comes back, in pieces. */
  connect(receive: (bytes: Buffer) => void): SimLink {
    const link = new SimLink(this.#process, receive, (bytes) => this.#check(bytes));
    const id = this.#ids++;
    const socket = link as unknown as Socket;
    const connection: Connection = new Connection(
      id,
      socket,
      DEFAULT_PARSER_OPTIONS,
      this.#services,
      'tcp:simulated',
      {
        spoke: () => this.#store.durability.serve(this.#connections.size),
        gone: () => {
          this.#connections.delete(connection);
          this.#store.durability.serve(this.#connections.size);
        },
      },
    );
    this.#connections.add(connection);
    return link;
  }

  #check(bytes: Buffer): void {
    for (const [line, token] of bytes.toString('latin1').matchAll(TOKENS)) {
      const seq = Number(token);
      this.toldSeq = Math.max(this.toldSeq, seq);
      if (seq <= this.#store.durability.watermark) continue;
      throw new Violation(
        `"${line}" left while only ${this.#store.durability.watermark} was on the disk`,
      );
    }
  }
}

/** A socket as the server sees it; `send` and `receive` are the client's end. */
export class SimLink extends Duplex {
  readonly #process: SimProcess;
  readonly #receive: (bytes: Buffer) => void;
  readonly #leaving: (bytes: Buffer) => void;
  /** Bytes that have left the server and have not arrived yet. */
  #onTheWay: Buffer[] = [];
  #lastMs = 0;

  constructor(
    process: SimProcess,
    receive: (bytes: Buffer) => void,
    leaving: (bytes: Buffer) => void,
  ) {
    super();
    this.#process = process;
    this.#receive = receive;
    this.#leaving = leaving;
  }

  /** Sends bytes to the server, cut anywhere. */
  send(bytes: Buffer): void {
    const { random, scheduler } = this.#process.world;
    for (let from = 0; from < bytes.length;) {
      const to = random.chance(0.3) ? random.between(from + 1, bytes.length) : bytes.length;
      const piece = bytes.subarray(from, to);
      this.#lastMs = Math.max(this.#lastMs, scheduler.nowMs + this.#latencyMs());
      this.#process.later(this.#lastMs - scheduler.nowMs, () => void this.push(piece));
      from = to;
    }
  }

  /** Delivers what had left the process before it died: the network still works. */
  arrive(): void {
    for (const bytes of this.#onTheWay.splice(0)) this.#receive(bytes);
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    // The bytes come by send().
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    const bytes = Buffer.from(chunk);
    this.#leaving(bytes);
    this.#onTheWay.push(bytes);
    const { scheduler } = this.#process.world;
    scheduler.after(this.#latencyMs(), () => {
      const arriving = this.#onTheWay.shift();
      if (arriving !== undefined) this.#receive(arriving);
    });
    this.#process.later(this.#latencyMs(), done);
  }

  #latencyMs(): number {
    return MEAN_LATENCY_MS * 2 * this.#process.world.random.fraction();
  }
}
