// An etcd cluster of Debian's etcd on free ports of loopback, in fresh directories: one node or three. It ends with the
// test; a node can be killed and started again with what it had on its disk.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface EtcdNode {
  readonly name: string;
  /** 127.0.0.1:port for clients. */
  readonly host: string;
  readonly pid: number | undefined;
  /** As by kill -9; safe to call again. */
  kill(): Promise<void>;
  /** Sends a signal, as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Starts it again after kill(); resolves when it serves clients. */
  start(): Promise<void>;
}

export interface EtcdCluster {
  readonly nodes: readonly EtcdNode[];
  readonly hosts: readonly string[];
  /** Kills every node and removes the directories. */
  stop(): Promise<void>;
}

/** So many ports that were free at one moment. */
async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  const ports = listeners.map((listener) => (listener.address() as net.AddressInfo).port);
  for (const listener of listeners) listener.close();
  await Promise.all(listeners.map((listener) => once(listener, 'close')));
  return ports;
}

class Node implements EtcdNode {
  readonly name: string;
  readonly host: string;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(name: string, host: string, program: string, args: readonly string[]) {
    this.name = name;
    this.host = host;
    this.#program = program;
    this.#args = args;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const child = spawn(this.#program, this.#args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#exited = once(child, 'exit');
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      if (line.includes('serving client traffic')) {
        child.stderr.resume();
        return;
      }
    }
    throw new Error(`etcd did not start:\n${said.slice(-20).join('\n')}`);
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
}

/**
 * Starts one node or three; `program` from requireProgram(context, 'etcd', 'etcd-server'). `args` are for each node, as
 * `--quota-backend-bytes=…`. Resolves when all of them serve clients.
 */
export async function startEtcd(
  program: string,
  count: 1 | 3,
  args: readonly string[] = [],
): Promise<EtcdCluster> {
  const root = mkdtempSync(join(tmpdir(), 'cairn-etcd-'));
  const ports = await freePorts(2 * count);
  const names = Array.from({ length: count }, (_, at) => `n${at}`);
  const peerUrl = (at: number): string => `http://127.0.0.1:${ports[count + at]}`;
  const members = names.map((name, at) => `${name}=${peerUrl(at)}`).join(',');
  const nodes = names.map((name, at) => {
    const host = `127.0.0.1:${ports[at]}`;
    return new Node(name, host, program, [
      `--name=${name}`,
      `--data-dir=${join(root, name)}`,
      `--listen-client-urls=http://${host}`,
      `--advertise-client-urls=http://${host}`,
      `--listen-peer-urls=${peerUrl(at)}`,
      `--initial-advertise-peer-urls=${peerUrl(at)}`,
      `--initial-cluster=${members}`,
      '--initial-cluster-state=new',
      '--logger=zap',
      ...args,
    ]);
  });
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(root, { recursive: true, force: true });
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, hosts: nodes.map(({ host }) => host), stop };
}
