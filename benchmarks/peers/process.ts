// A server process that the harness started: with a port of its own on loopback, and its output in a file. It is
// stopped by its pid. Invariant: however the harness ends, no process and no directory is left.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

const STOP_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 5;
const KIB = 1024;

const running = new Set<ChildProcess>();

/** Kills all servers that still run; for the harness' exit and for signals. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Checks whether a program is on the PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name], { stdio: 'ignore' }).status === 0;
}

/** Returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Makes one exchange on a new connection. Returns the reply up to `ending`, or undefined when that does not come. */
export async function exchange(
  port: number,
  request: string,
  ending = '',
  timeoutMs = 1000,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ host: '127.0.0.1', port });
    const end = (reply: string | undefined): void => {
      socket.destroy();
      resolve(reply);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      if (received.endsWith(ending)) end(received);
    });
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
  });
}

export interface StartOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly dir: string;
  readonly port: number;
  /** The request is sent until the reply starts with `reply`: the server is ready when it answers a request. */
  readonly probe: { readonly request: string; readonly reply: string };
  readonly readyTimeoutMs: number;
}

export class ServerProcess {
  readonly port: number;
  readonly dir: string;
  /** Time from the start of the process to its first good answer. */
  readonly readyAfterMs: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(
    options: StartOptions,
    child: ChildProcess,
    ended: Promise<void>,
    readyAfterMs: number,
  ) {
    this.port = options.port;
    this.dir = options.dir;
    this.#child = child;
    this.#ended = ended;
    this.readyAfterMs = readyAfterMs;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Starts a server and waits until it answers. Throws with the end of its log when it does not. */
  static async start(options: StartOptions): Promise<ServerProcess> {
    mkdirSync(options.dir, { recursive: true });
    const logPath = join(options.dir, '..', `server-${options.port}.log`);
    const log = openSync(logPath, 'a');
    const startedAt = performance.now();
    const child = spawn(options.command, options.args, { stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    let failure: Error | undefined;
    const ended = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
      child.once('exit', () => resolve());
    });
    void ended.then(() => running.delete(child));
    const { request, reply } = options.probe;
    for (;;) {
      if ((await exchange(options.port, request))?.startsWith(reply) === true) break;
      const overdue = performance.now() - startedAt > options.readyTimeoutMs;
      if (failure !== undefined || child.exitCode !== null || overdue) {
        child.kill('SIGKILL');
        const tail = readFileSync(logPath, 'utf8').trim().split('\n').slice(-3).join(' | ');
        throw new Error(`${options.command} did not start: ${failure?.message ?? tail}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, READY_POLL_MS);
      });
    }
    return new ServerProcess(options, child, ended, performance.now() - startedAt);
  }

  /** Sends SIGTERM (or another signal), and SIGKILL when that does not help. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Returns the resident memory in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * KIB;
  }
}
