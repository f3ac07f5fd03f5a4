// A real server as a child process: started on an ephemeral port, stopped, killed, started again on the same data
// directory. It waits for events (the port file, an exit), never for a fixed time.
//
// Invariants:
// - start() settles only when connections are accepted, or rejects with everything the process printed.
// - A started process is ended by stop() or kill(), or ends with its parent process: it is never left behind.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Variables added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Longest time until the server listens. */
  readonly startTimeoutMs?: number;
  /**
   * With a process group of its own the server does not get Ctrl-C at the terminal: its parent decides when it ends.
   */
  readonly ownGroup?: boolean;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The server did not start, or ended by itself: the message holds its output. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure';
  /** The exit code; undefined when a signal ended the server, or when it did not listen in time. */
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined) {
    super(message);
    this.code = code;
  }
}

/** Shorter than the timeout of a test, so that the output is shown. */
const START_TIMEOUT_MS = 15_000;

const kvServer = join(import.meta.dirname, '../kv-server.js');

/** Launches Cairn on an ephemeral port of the loopback; `args` are appended. */
export function cairnLaunch(dataDir: string, args: readonly string[] = []): Launch {
  return {
    command: process.execPath,
    args: [kvServer, '-l', '127.0.0.1', '-p', '-1', '--data', dataDir, ...args],
  };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Returns the TCP port in a port file (`TCP INET: 40123`); undefined while there is none. */
function portIn(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const found = /^TCP INET6?: (\d+)$/m.exec(text);
  return found === null ? undefined : Number(found[1]);
}

export class ServerProcess {
  readonly #launch: Launch;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> | undefined;
  #output = '';
  #port = 0;

  private constructor(launch: Launch) {
    this.#launch = launch;
  }

  /** Starts the server and waits until it listens. Rejects with its output when it exits before that. */
  static async start(launch: Launch): Promise<ServerProcess> {
    const server = new ServerProcess(launch);
    await server.restart();
    return server;
  }

  /** The port of the present process. An ephemeral port changes with every restart. */
  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** The id of the started process. Below a tracer it is the id of the tracer. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The output on stdout and stderr since the last start. */
  get output(): string {
    return this.#output;
  }

  /** Settles when the present process is gone. */
  get exited(): Promise<Exit> {
    if (this.#exited === undefined) throw new Error('The server was never started');
    return this.#exited;
  }

  /** Starts the server once more with the same arguments, after kill() or stop(). */
  async restart(): Promise<void> {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-port-'));
    const portFile = join(dir, 'port');
    const watcher = watch(dir);
    let deadline: NodeJS.Timeout | undefined;
    try {
      const child = spawn(this.#launch.command, this.#launch.args, {
        env: { ...process.env, ...this.#launch.env, MEMCACHED_PORT_FILENAME: portFile },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: this.#launch.ownGroup === true,
      });
      this.#adopt(child);
      this.#port = await new Promise<number>((resolve, reject) => {
        const check = (): void => {
          const port = portIn(portFile);
          if (port !== undefined) resolve(port);
        };
        const fail = (what: string, code?: number): void => {
          child.kill('SIGKILL');
          reject(new ServerFailure(`The server ${what}: ${this.output}`, code));
        };
        watcher.on('change', check);
        child.on('error', reject);
        child.on('close', (code, signal) =>
          fail(`ended early (${code ?? signal})`, code ?? undefined),
        );
        const patienceMs = this.#launch.startTimeoutMs ?? START_TIMEOUT_MS;
        deadline = setTimeout(() => fail('does not listen'), patienceMs);
        check();
      });
    } finally {
      clearTimeout(deadline);
      watcher.close();
      rmSync(dir, { recursive: true, force: true });
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.#child?.kill(signal);
    return this.exited;
  }

  /** Sends SIGKILL: the process flushes nothing that it still holds. */
  async kill(): Promise<Exit> {
    return this.stop('SIGKILL');
  }

  #adopt(child: ChildProcess): void {
    this.#child = child;
    this.#output = '';
    running.add(child);
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    // The event is 'exit' and not 'close': a grandchild that keeps the pipes open must not hold up the test.
    this.#exited = once(child, 'exit').then(([code, signal]: unknown[]) => {
      running.delete(child);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    this.#exited.catch(() => running.delete(child));
  }
}
