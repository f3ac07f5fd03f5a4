// A Redis cluster for tests of the store (test/support/cluster/redis-nodes.ts starts it): sends commands to its nodes, moves
// slots, and waits until all is settled.
//
// Invariant: whoever starts it calls close(), which kills the nodes and removes the directory.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { ClusterNode } from './cluster/node.js';
import { startRedisCluster } from './cluster/redis-nodes.js';
import { removeFolder } from './remove-folder.js';

interface RedisClusterOptions {
  /** The path of redis-server, from findProgram or requireProgram. */
  readonly program: string;
  readonly masters?: number;
  /** The number of replicas of each master. */
  readonly replicas?: number;
  /** A node without a sign for this long counts as dead; a failover lasts about twice as long. */
  readonly nodeTimeoutMs?: number;
  /** More settings for each node, as on redis-server's command line. */
  readonly settings?: readonly string[];
}

const READY_MS_MAX = 30_000;
const POLL_MS = 50;

/** One node; it keeps its port and its directory when it is started again. */
class RedisNode {
  readonly #node: ClusterNode;

  constructor(node: ClusterNode) {
    this.#node = node;
  }

  get port(): number {
    return this.#node.port;
  }

  get host(): string {
    return this.#node.address;
  }

  /** The pid of the running process; undefined while the node is down. */
  get pid(): number | undefined {
    return this.#node.isRunning ? this.#node.pid : undefined;
  }

  /** Starts the node; resolves when it accepts connections. */
  start(): Promise<void> {
    return this.#node.start();
  }

  /** Kills the node as kill -9 does; does nothing when it is down. */
  kill(): Promise<void> {
    return this.#node.kill();
  }

  /** Sends SIGSTOP, and SIGCONT later: meanwhile the node exists and does not answer. */
  pause(): void {
    this.#node.signal('SIGSTOP');
  }

  resume(): void {
    this.#node.signal('SIGCONT');
  }

  /** Runs one command on a connection of its own. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const redis = await this.connect();
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** Opens a connection, which the caller closes; waits until the node accepts it. */
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
  /** The first masters, then the replicas in the order of their masters. */
  readonly nodes: readonly RedisNode[];
  readonly #masters: number;
  readonly #dir: string;

  private constructor(nodes: readonly ClusterNode[], masters: number, dir: string) {
    this.nodes = nodes.map((node) => new RedisNode(node));
    this.#masters = masters;
    this.#dir = dir;
  }

  /** Starts the cluster; resolves when it takes writes and every replica follows. */
  static async start(options: RedisClusterOptions): Promise<RedisCluster> {
    const { program, masters = 3, replicas = 0, nodeTimeoutMs = 2000, settings = [] } = options;
    const dir = mkdtempSync(join(tmpdir(), 'cairn-redis-cluster-'));
    try {
      const nodes = { program, dir, masters, replicas, nodeTimeoutMs, args: settings };
      return new RedisCluster((await startRedisCluster(nodes)).nodes, masters, dir);
    } catch (error: unknown) {
      removeFolder(dir);
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

  /** Returns the node that serves the slot now, by what the running nodes agree on. */
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

  /** Waits until every running node says that all slots are served and every replica follows. */
  async settled(): Promise<void> {
    const untilMs = Date.now() + READY_MS_MAX;
    while (!(await this.#isSettled())) {
      if (Date.now() > untilMs) throw new Error('The cluster did not settle');
      await delay(POLL_MS);
    }
  }

  /** Kills the running nodes and removes the directories. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    removeFolder(this.#dir);
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
