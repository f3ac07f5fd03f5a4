// A Redis cluster of Debian's redis-server on loopback, for tests and benchmarks: n masters, each with m replicas, every
// node with a log that is synced at each write, in a fresh directory.
//
// Invariants: nodes listen on free ports of 127.0.0.1 alone. It is ready when every node knows every other, all slots are
// served and every replica is connected. Whoever starts it calls close(), which kills the nodes and removes the directory.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

interface RedisClusterOptions {
  /** From findProgram or requireProgram. */
  readonly program: string;
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: number;
  /** After so long without a sign a node is taken for dead; a failover lasts about twice that. */
  readonly nodeTimeoutMs?: number;
  /** More settings for each node, as on redis-server's command line. */
  readonly settings?: readonly string[];
}

const SLOTS = 16_384;
const READY_MS_MAX = 30_000;
const POLL_MS = 50;

/** Two free ports for each node, all different. */
async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  const ports = listeners.map((listener) => (listener.address() as net.AddressInfo).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** One node; it keeps its port and its directory when it is started again. */
class RedisNode {
  readonly port: number;
  /** Where nodes speak with each other. */
  readonly busPort: number;
  readonly #dir: string;
  readonly #options: RedisClusterOptions;
  #child: ChildProcess | undefined;

  constructor(port: number, busPort: number, dir: string, options: RedisClusterOptions) {
    this.port = port;
    this.busPort = busPort;
    this.#dir = dir;
    this.#options = options;
    mkdirSync(dir);
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Of the running process; undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { program, nodeTimeoutMs = 2000, settings = [] } = this.#options;
    const base = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#dir];
    const log = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    // A shard that is down takes none of the others with it.
    const coverage = ['--cluster-require-full-coverage', 'no'];
    const cluster = [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      String(this.busPort),
      ...coverage,
    ];
    // A replica that is far behind would otherwise wait five seconds for others before it is sent anything.
    const times = [
      '--cluster-node-timeout',
      String(nodeTimeoutMs),
      '--repl-diskless-sync-delay',
      '0',
    ];
    const args = [
      ...base,
      ...log,
      ...cluster,
      ...times,
      '--logfile',
      join(this.#dir, 'log'),
      ...settings,
    ];
    this.#child = spawn(program, args, { stdio: 'ignore' });
  }

  /** As by kill -9; nothing when it is down. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** SIGSTOP and SIGCONT: it is there and does not answer. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Runs one command; the connection is made for it. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const redis = await this.connect();
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** A connection of the caller's; waits until the node accepts one. */
  async connect(): Promise<Redis> {
    const untilMs = Date.now() + READY_MS_MAX;
    for (;;) {
      const redis = new Redis({
        host: '127.0.0.1',
        port: this.port,
        protocol: 2,
        lazyConnect: true,
        retryStrategy: () => null,
        enableReadyCheck: false,
      });
      redis.on('error', () => undefined);
      try {
        await redis.connect();
        return redis;
      } catch (error: unknown) {
        redis.disconnect();
        if (Date.now() > untilMs) throw error;
        await delay(POLL_MS);
      }
    }
  }
}

export class RedisCluster {
  /** The masters of the beginning first, then the replicas in the order of their masters. */
  readonly nodes: readonly RedisNode[];
  readonly #masters: number;
  readonly #dir: string;

  private constructor(options: RedisClusterOptions, ports: readonly number[]) {
    const { masters = 3, replicas = 0 } = options;
    this.#masters = masters;
    this.#dir = mkdtempSync(join(tmpdir(), 'cairn-redis-cluster-'));
    this.nodes = Array.from({ length: masters * (1 + replicas) }, (_, at) => {
      const dir = join(this.#dir, String(at));
      return new RedisNode(ports[2 * at]!, ports[2 * at + 1]!, dir, options);
    });
  }

  /** Resolves when the cluster takes writes and every replica follows. */
  static async start(options: RedisClusterOptions): Promise<RedisCluster> {
    const { masters = 3, replicas = 0 } = options;
    const cluster = new RedisCluster(options, await freePorts(2 * masters * (1 + replicas)));
    try {
      for (const node of cluster.nodes) node.start();
      await cluster.#join();
      return cluster;
    } catch (error: unknown) {
      await cluster.close();
      throw error;
    }
  }

  get masters(): readonly RedisNode[] {
    return this.nodes.slice(0, this.#masters);
  }

  get replicas(): readonly RedisNode[] {
    return this.nodes.slice(this.#masters);
  }

  get hosts(): string[] {
    return this.nodes.map((node) => node.host);
  }

  /** The node that serves the slot now, by what the living ones agree on. */
  async masterOf(slot: number): Promise<RedisNode> {
    for (const node of this.nodes) {
      if (node.pid === undefined) continue;
      const ranges = (await node.command('CLUSTER', 'SLOTS')) as [
        number,
        number,
        [string, number],
      ][];
      const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
      const found = this.nodes.find((one) => one.port === port);
      if (found?.pid !== undefined) return found;
    }
    throw new Error(`No node serves slot ${slot}`);
  }

  /** Moves a slot with its keys, as redis-cli --cluster reshard does; `pauseMs` between keys keeps it half moved. */
  async moveSlot(slot: number, from: RedisNode, to: RedisNode, pauseMs = 0): Promise<void> {
    const [source, target] = await Promise.all([from.connect(), to.connect()]);
    try {
      const [sourceId, targetId] = await Promise.all([
        source.cluster('MYID'),
        target.cluster('MYID'),
      ]);
      await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
      await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
      for (;;) {
        const keys = (await source.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as Buffer[];
        if (keys.length === 0) break;
        for (const key of keys) {
          await source.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', key);
          if (pauseMs > 0) await delay(pauseMs);
        }
      }
      await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
      await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
    } finally {
      source.disconnect();
      target.disconnect();
    }
  }

  /** Waits until every living node says that all slots are served and every replica follows. */
  async settled(): Promise<void> {
    const untilMs = Date.now() + READY_MS_MAX;
    while (!(await this.#isSettled())) {
      if (Date.now() > untilMs) throw new Error('The cluster did not settle');
      await delay(POLL_MS);
    }
  }

  /** Kills what runs and removes the directories. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #join(): Promise<void> {
    const { masters } = this;
    const links = await Promise.all(this.nodes.map((node) => node.connect()));
    try {
      for (const [at, link] of links.entries()) {
        await link.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
        if (at >= masters.length) continue;
        const first = Math.floor((at * SLOTS) / masters.length);
        const next = Math.floor(((at + 1) * SLOTS) / masters.length);
        await link.call('CLUSTER', 'ADDSLOTSRANGE', first, next - 1);
      }
      // Each meets each: gossip alone would take seconds.
      for (const link of links) {
        for (const node of this.nodes)
          await link.call('CLUSTER', 'MEET', '127.0.0.1', node.port, node.busPort);
      }
      await this.#allKnown(links);
      const ids = await Promise.all(links.map((link) => link.cluster('MYID')));
      for (const [at, link] of links.slice(masters.length).entries()) {
        const replicasEach = this.replicas.length / masters.length;
        await link.call('CLUSTER', 'REPLICATE', ids[Math.floor(at / replicasEach)]!);
      }
      await this.settled();
    } finally {
      for (const link of links) link.disconnect();
    }
  }

  async #allKnown(links: readonly Redis[]): Promise<void> {
    const untilMs = Date.now() + READY_MS_MAX;
    for (const link of links) {
      for (;;) {
        const info = await link.cluster('INFO');
        if (info.includes(`cluster_known_nodes:${this.nodes.length}\r`)) break;
        if (Date.now() > untilMs) throw new Error('The nodes did not meet');
        await delay(POLL_MS);
      }
    }
  }

  async #isSettled(): Promise<boolean> {
    for (const node of this.nodes) {
      if (node.pid === undefined) continue;
      const info = String(await node.command('CLUSTER', 'INFO'));
      if (!info.includes('cluster_state:ok')) return false;
      const role = (await node.command('ROLE')) as [string, unknown, unknown, string];
      if (role[0] === 'slave' && role[3] !== 'connected') return false;
    }
    const ranges = (await this.nodes
      .find((node) => node.pid !== undefined)!
      .command('CLUSTER', 'SLOTS')) as unknown[][];
    const living = this.nodes.filter((node) => node.pid !== undefined).length;
    const ports = new Set(
      ranges.flatMap((range) => range.slice(2).map((node) => (node as [string, number])[1])),
    );
    return ports.size >= living;
  }
}
