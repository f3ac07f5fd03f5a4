// A real server on a loopback port over a MemoryStore, and a client that speaks in raw bytes. Tests of the server wait for
// bytes, never for time.

import { once } from 'node:events';
import net from 'node:net';

import { readConfig, type Config } from '../../src/config/config.js';
import type { Clock, Env, Logger } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import type { Latencies } from '../../src/server/latencies.js';
import { Server } from '../../src/server/server.js';
import type { Store } from '../../src/store/store.js';
import type { AheadStore } from './ahead-store.js';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

export interface TestServer<S extends Store = MemoryStore> {
  readonly server: Server;
  readonly store: S;
  readonly port: number;
  readonly shutdowns: boolean[];
  readonly connect: () => Promise<TestClient>;
  readonly stop: () => Promise<void>;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface TestServerOptions extends MemoryStoreOptions {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Partial<Clock>;
  readonly latencies?: Latencies;
  readonly logger?: Logger;
}

function testConfig(options: TestServerOptions): Config {
  const config = readConfig(['-p', '-1', ...(options.argv ?? [])], options.env ?? {}, '0.0.0');
  if ('code' in config) throw new Error(config.stderr);
  return config;
}

export function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  return serve(new MemoryStore(options), options, (store) => store.commits.release());
}

/** Starts the same server over a store that answers later, in call order. */
export function startServerAhead(
  store: AheadStore,
  options: TestServerOptions = {},
): Promise<TestServer<AheadStore>> {
  return serve(store, options, () => store.close());
}

async function serve<S extends Store>(
  store: S,
  options: TestServerOptions,
  letGo: (store: S) => void | Promise<void>,
): Promise<TestServer<S>> {
  const config = testConfig(options);
  const real = nodeEnv(options.logger ?? silent);
  const env: Env = { ...real, clock: { ...real.clock, ...options.clock } };
  const shutdowns: boolean[] = [];
  const server = new Server(env, config, store, {
    version: '0.0.0',
    onShutdown: (graceful) => shutdowns.push(graceful),
    onVerbosity: () => undefined,
    latencies: options.latencies,
  });
  const [address = ''] = await server.start();
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const clients: TestClient[] = [];
  return {
    server,
    store,
    port,
    shutdowns,
    connect: async () => {
      const client = await TestClient.open(port);
      clients.push(client);
      return client;
    },
    stop: async () => {
      await letGo(store);
      for (const client of clients) client.socket.destroy();
      await server.stop();
    },
  };
}

/** A client that speaks latin1, so that one character is one byte. */
export class TestClient {
  readonly socket: net.Socket;
  #received = '';
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  static async open(port: number): Promise<TestClient> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new TestClient(socket);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** The text that has arrived and has not been taken yet. */
  get received(): string {
    return this.#received;
  }

  /** Waits until that many bytes have come, and returns them. */
  async take(bytes: number): Promise<string> {
    while (this.#received.length < bytes && !this.#ended) await this.#more();
    const text = this.#received.slice(0, bytes);
    this.#received = this.#received.slice(bytes);
    return text;
  }

  /** Sends a text, waits for a reply of the expected length and returns it: `expect(await ask(…, x)).to.equal(x)`. */
  async ask(text: string, expected: string): Promise<string> {
    this.send(text);
    return this.take(expected.length);
  }

  /** Waits until a text has arrived and takes everything up to its end. */
  async until(mark: string): Promise<string> {
    while (!this.#received.includes(mark) && !this.#ended) await this.#more();
    const at = this.#received.indexOf(mark);
    return this.take(at < 0 ? this.#received.length : at + mark.length);
  }

  /** Takes whatever has come, at least one byte; returns an empty text when the server has closed. */
  async some(): Promise<string> {
    while (this.#received === '' && !this.#ended) await this.#more();
    return this.take(this.#received.length);
  }

  /** Takes everything until the server closes. */
  async rest(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.take(this.#received.length);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
