// One node of a cluster: a process of etcd or redis-server that is started, killed and started again on its directory.
//
// Invariants:
// - start() settles when the node has printed that it serves, or rejects with what it printed last.
// - A node is ended by kill(), or with the process that started it: no node is left behind. Ctrl-C does not reach it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';

/** The place where a process runs. */
export interface Place {
  readonly host: string;
  /** The words before a command that runs there, such as `ip netns exec one`; empty for this machine itself. */
  readonly inside: readonly string[];
}

export const LOOPBACK: Place = { host: '127.0.0.1', inside: [] };

interface NodeLaunch {
  readonly name: string;
  readonly place: Place;
  /** The port for clients. */
  readonly port: number;
  readonly program: string;
  readonly args: readonly string[];
  /** The text that the node prints as soon as it serves. */
  readonly ready: string;
  /** Everything that the node prints is added to this file. */
  readonly logFile: string;
}

const START_TIMEOUT_MS = 30_000;
const TAIL_CHARS = 1500;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ClusterNode {
  readonly #launch: NodeLaunch;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  /** The node runs only after start(). */
  constructor(launch: NodeLaunch) {
    this.#launch = launch;
  }

  get name(): string {
    return this.#launch.name;
  }

  get place(): Place {
    return this.#launch.place;
  }

  get port(): number {
    return this.#launch.port;
  }

  /** The node's address as clients write it: `host:port`. */
  get address(): string {
    return `${this.place.host}:${this.port}`;
  }

  /** The pid of the running process; 0 before the first start. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && running.has(this.#child);
  }

  /** Starts the node, also after kill(). A node of etcd serves only when most of its cluster runs. */
  async start(): Promise<void> {
    const { place, program, args, ready, logFile } = this.#launch;
    const [command = '', ...words] = [...place.inside, program, ...args];
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    running.add(child);
    this.#exited = once(child, 'exit').then(
      () => running.delete(child),
      () => running.delete(child),
    );
    await new Promise<void>((resolve, reject) => {
      let tail = '';
      const fail = (what: string): void => {
        child.kill('SIGKILL');
        reject(new Error(`${this.name} ${what} (${program}, log in ${logFile}): ${tail}`));
      };
      const deadline = setTimeout(() => fail('does not serve'), START_TIMEOUT_MS);
      const collect = (chunk: Buffer): void => {
        appendFileSync(logFile, chunk);
        const said = tail + chunk.toString();
        tail = said.slice(-TAIL_CHARS);
        if (!said.includes(ready)) return;
        clearTimeout(deadline);
        resolve();
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      child.once('error', (error) => fail(`cannot be started (${error.message})`));
      child.once('exit', (code, signal) => {
        clearTimeout(deadline);
        fail(`ended (${code ?? signal})`);
      });
    });
  }

  /** Kills the node as kill -9 does; safe to call again. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Sends SIGSTOP, after which the process hangs, or SIGCONT, after which it goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }
}

/** Nodes that form one cluster, over directories of their own below `dir`. */
export interface Cluster {
  readonly engine: 'etcd' | 'redis';
  readonly nodes: readonly ClusterNode[];
  /** The URL of the cluster for a server's --store. */
  readonly storeUrl: string;
  /** Kills whatever still runs; the directories stay. */
  end(): Promise<void>;
}

export async function startAll(nodes: readonly ClusterNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()));
}

export async function killAll(nodes: readonly ClusterNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()));
}
