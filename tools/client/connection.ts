// One connection to a server: TCP, TLS or a unix socket, with the login of the text protocol.
// Invariants:
// - One request is sent at a time.
// - Bytes that no request asked for (`watch`, replies of quiet meta commands) go to `onUnasked`.
// - Every failure of the wire is a ToolError with exit code 69. An answer that no memcached server gives is one with
//   76.

import { stat } from 'node:fs/promises';
import net from 'node:net';

import { requireWholeSocketPath } from '../../src/env/socket-path.js';
import { systemCode } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from '../terminal/program.js';
import { describeEndpoint, type Endpoint } from './endpoint.js';
import { LINE_BYTES_MAX, ReplyReader, type Reply, type ReplyKind } from './reply-reader.js';

export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
  readonly insecure: boolean;
}

export interface ConnectionOptions {
  /** Longest wait for the connection, and for the next byte while a reply is due; 0 waits for ever. */
  readonly timeoutMs: number;
  readonly tls?: TlsOptions;
  readonly login?: { readonly user: string; readonly password: string };
}

interface Waiting {
  readonly kind: ReplyKind;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class Connection {
  readonly #socket: net.Socket;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #reader = new ReplyReader();
  #waiting: Waiting | undefined;
  #failure: ToolError | undefined;
  /** Called when bytes have come for which lines() waits, or when the connection failed. */
  #wake: () => void = () => {};
  /** Called with bytes that no request waits for. */
  onUnasked: (bytes: Buffer) => void = () => {};

  private constructor(socket: net.Socket, name: string, timeoutMs: number) {
    this.#socket = socket;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(`The connection broke: ${error.message}`, error));
    socket.on('timeout', () => this.#fail(`No answer within ${timeoutMs / 1000} s`));
    socket.on('close', () => this.#fail('The server closed the connection'));
  }

  /** Connects and logs in. Rejects with a ToolError: 69 unreachable, 77 login refused. */
  static async open(endpoint: Endpoint, options: ConnectionOptions): Promise<Connection> {
    const name = describeEndpoint(endpoint);
    if (endpoint.kind === 'unix') requireWholeSocketPath(endpoint.path);
    const socket = await connect(endpoint, options).catch(async (error: unknown) => {
      const why = await reasonOf(error, endpoint);
      throw new ToolError(EXIT.unreachable, `No server at ${name}: ${why}`, error);
    });
    const connection = new Connection(socket, name, options.timeoutMs);
    if (options.login !== undefined) await connection.#logIn(options.login);
    return connection;
  }

  get closed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Sends the pieces and resolves with the reply; with kind `none` it resolves when they are sent. With `barrier` it
   * sends an `mn` after them, and takes the `MN` off the reply.
   */
  async request(pieces: readonly Buffer[], kind: ReplyKind): Promise<Reply> {
    if (this.#failure !== undefined) throw this.#failure;
    if (kind === 'none') {
      for (const piece of pieces) await this.#send(piece);
      return { raw: [], items: [], rows: [], last: '' };
    }
    const reply = new Promise<Reply>((resolve, reject) => {
      this.#waiting = { kind, resolve, reject };
    });
    this.#socket.setTimeout(this.#timeoutMs);
    for (const piece of pieces) this.#socket.write(piece);
    if (kind === 'barrier') this.#socket.write('mn\r\n');
    try {
      const { raw, ...rest } = await reply;
      return { ...rest, raw: rest.last === 'MN' && kind === 'barrier' ? raw.slice(0, -1) : raw };
    } finally {
      this.#socket.setTimeout(0);
    }
  }

  /**
   * Sends a request and yields the answer line by line, as latin1 and without line ends: for listings of any length.
   * The server is held back while nobody takes the lines. The caller has to recognise the last line.
   */
  async *lines(request: Buffer): AsyncGenerator<string, never> {
    if (this.#failure !== undefined) throw this.#failure;
    let arrived: Buffer[] = [];
    this.onUnasked = (bytes) => {
      arrived.push(bytes);
      this.#socket.pause();
      this.#wake();
    };
    try {
      this.#socket.write(request);
      let rest = '';
      for (;;) {
        while (arrived.length === 0) await this.#arrival();
        const lines = (rest + Buffer.concat(arrived).toString('latin1')).split('\n');
        arrived = [];
        rest = lines.pop() ?? '';
        if (rest.length > LINE_BYTES_MAX) this.#fail('The server sends no line end');
        for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
      }
    } finally {
      this.onUnasked = () => {};
      this.#socket.resume();
    }
  }

  /** Resolves when more bytes have come. Throws when none will come. */
  async #arrival(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#socket.setTimeout(this.#timeoutMs);
    this.#socket.resume();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#socket.setTimeout(0);
  }

  /** Resolves when either side has ended the connection. */
  ended(): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
    });
  }

  /** Ends the connection after the sent bytes, and resolves when it is closed. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.end(() => this.#socket.destroy());
    await closed;
  }

  #send(piece: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(piece, () => {
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      });
    });
  }

  /** A server that wants no login would store the password as a value: so a command that it refuses comes first. */
  async #logIn(login: { readonly user: string; readonly password: string }): Promise<void> {
    const first = await this.request([Buffer.from('version\r\n')], 'reply');
    if (first.last !== 'CLIENT_ERROR unauthenticated') return;
    const token = Buffer.from(`${login.user} ${login.password}`);
    const head = Buffer.from(`set auth 0 0 ${token.length}\r\n`);
    const reply = await this.request([head, token, Buffer.from('\r\n')], 'reply');
    if (reply.last === 'STORED') return;
    await this.close();
    const code = reply.last.startsWith('SERVER_ERROR') ? EXIT.io : EXIT.noPermission;
    throw new ToolError(code, `The server refused the login: ${reply.last}`);
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      const reply = this.#nextReply(waiting.kind);
      if (reply === undefined) return;
      this.#waiting = undefined;
      waiting.resolve(reply);
    }
    const rest = this.#reader.takeRest();
    if (rest.length > 0) this.onUnasked(rest);
  }

  #nextReply(kind: ReplyKind): Reply | undefined {
    try {
      return this.#reader.next(kind);
    } catch (error: unknown) {
      this.#fail(error instanceof Error ? error.message : String(error), error);
      return undefined;
    }
  }

  #fail(message: string, cause?: unknown): void {
    const code = cause instanceof ToolError ? cause.exitCode : EXIT.unreachable;
    this.#failure ??= new ToolError(code, `${message} (${this.#name})`, cause);
    this.#socket.destroy();
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
    this.#wake();
  }
}

async function reasonOf(error: unknown, endpoint: Endpoint): Promise<string> {
  if (systemCode(error) === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'what answers there does not speak TLS (--tls, --cacert, --cert, --key, --servername and --insecure ask for it)';
  const found =
    endpoint.kind === 'unix' ? await stat(endpoint.path).catch(() => undefined) : undefined;
  if (found?.isSocket() === false)
    return `it is a ${found.isDirectory() ? 'directory' : 'file'}, and a server is named by its port, host:port or socket`;
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

async function connect(endpoint: Endpoint, options: ConnectionOptions): Promise<net.Socket> {
  const tls = options.tls === undefined ? undefined : await import('node:tls');
  return new Promise((resolve, reject) => {
    const place =
      endpoint.kind === 'unix'
        ? { path: endpoint.path }
        : { host: endpoint.host, port: endpoint.port };
    const socket =
      tls === undefined || options.tls === undefined
        ? net.connect(place)
        : tls.connect({ ...place, ...tlsDetails(options.tls) });
    socket.setTimeout(options.timeoutMs);
    socket.once('timeout', () => {
      socket.destroy();
      reject(new Error(`no connection within ${options.timeoutMs / 1000} s`));
    });
    socket.once('error', reject);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.removeAllListeners('timeout');
      socket.removeListener('error', reject);
      socket.setTimeout(0);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function tlsDetails(tls: TlsOptions): object {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: !tls.insecure,
  };
}
