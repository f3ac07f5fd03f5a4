// A cluster of Debian's redis-server: three masters that share the slots, each with its replicas, every write synced.
// The nodes read their roles from files that are written before the start, so they need not negotiate.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { run } from '../programs.js';
import { ClusterNode, killAll, LOOPBACK, startAll, type Cluster, type Place } from './node.js';
import { freePorts } from './ports.js';

export interface RedisSetup {
  /** The path from requireProgram() or findProgram(); it is in Debian's package redis-server, and redis-cli comes with it. */
  readonly program: string;
  /** An empty directory: each node makes its own in it. */
  readonly dir: string;
  readonly masters?: number;
  /** The number of replicas per master (default: 1). */
  readonly replicas?: number;
  /** Returns where a master runs, or a replica of it; both are counted from 0 (default: the loopback). */
  readonly placeOf?: (master: number, replica: number | undefined) => Place;
  /** A node that does not answer for this long counts as failed. */
  readonly nodeTimeoutMs?: number;
  /** More flags for each node. */
  readonly args?: readonly string[];
}

interface Member {
  readonly id: string;
  readonly name: string;
  readonly place: Place;
  readonly port: number;
  readonly busPort: number;
  /** The index of the master that the node follows; undefined for a master. */
  readonly master: number | undefined;
}

const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 2000;
const SERVES_TIMEOUT_MS = 30_000;
const LOOK_MS = 100;

/** Starts the cluster; resolves when every slot is served and every replica follows its master. */
export async function startRedisCluster(setup: RedisSetup): Promise<Cluster> {
  const members = await membersOf(setup);
  const nodes = members.map((member, at) => {
    const dir = join(setup.dir, member.name);
    mkdirSync(dir);
    writeFileSync(join(dir, 'nodes.conf'), nodesFile(members, at));
    return redisNode(setup, member, dir);
  });
  const urlNodes = nodes.filter((_, at) => members[at]?.master === undefined);
  try {
    await startAll(nodes);
    await redisServes(nodes, setup.program);
  } catch (error) {
    await killAll(nodes);
    throw error;
  }
  const addresses = urlNodes.map(({ address }) => address).join(',');
  return {
    engine: 'redis',
    nodes,
    storeUrl: `redis://${addresses}?replicas=${Math.min(1, setup.replicas ?? 1)}`,
    end: () => killAll(nodes),
  };
}

async function membersOf(setup: RedisSetup): Promise<Member[]> {
  const masters = setup.masters ?? 3;
  const replicas = setup.replicas ?? 1;
  const count = masters * (1 + replicas);
  const ports = await freePorts(2 * count);
  return Array.from({ length: count }, (_, at) => {
    const isMaster = at < masters;
    const number = isMaster ? at : Math.floor((at - masters) / replicas);
    const replica = isMaster ? undefined : (at - masters) % replicas;
    return {
      id: (at + 1).toString(16).padStart(40, 'c'),
      name: `redis-${number + 1}${replica === undefined ? '' : `-replica-${replica + 1}`}`,
      place: setup.placeOf?.(number, replica) ?? LOOPBACK,
      port: ports[2 * at]!,
      busPort: ports[2 * at + 1]!,
      master: isMaster ? undefined : number,
    };
  });
}

/** Returns the file that a node would have written itself after CLUSTER MEET, ADDSLOTS and REPLICATE. */
function nodesFile(members: readonly Member[], self: number): string {
  const masters = members.filter(({ master }) => master === undefined).length;
  const lines = members.map((member, at) => {
    const address = `${member.place.host}:${member.port}@${member.busPort}`;
    const myself = at === self ? 'myself,' : '';
    if (member.master !== undefined) {
      const { id } = members[member.master]!;
      return `${member.id} ${address} ${myself}slave ${id} 0 0 ${member.master + 1} connected`;
    }
    const [first, behind] = [at, at + 1].map((part) => Math.floor((SLOTS * part) / masters));
    return `${member.id} ${address} ${myself}master - 0 0 ${at + 1} connected ${first}-${behind! - 1}`;
  });
  return `${lines.join('\n')}\nvars currentEpoch ${masters} lastVoteEpoch 0\n`;
}

function redisNode(setup: RedisSetup, member: Member, dir: string): ClusterNode {
  const args = Object.entries({
    port: String(member.port),
    bind: member.place.host,
    'protected-mode': 'no',
    dir,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    'cluster-enabled': 'yes',
    'cluster-port': String(member.busPort),
    // When a shard has no master, only this shard stops.
    'cluster-require-full-coverage': 'no',
    'cluster-node-timeout': String(setup.nodeTimeoutMs ?? NODE_TIMEOUT_MS),
    // A replica follows at once, instead of after the five seconds in which other replicas might come.
    'repl-diskless-sync-delay': '0',
    // The other nodes count a replica as one only when it has something of its master, for example this ping.
    'repl-ping-replica-period': '1',
  }).flatMap(([flag, value]) => [`--${flag}`, value]);
  return new ClusterNode({
    name: member.name,
    place: member.place,
    port: member.port,
    program: setup.program,
    args: [...args, ...(setup.args ?? [])],
    ready: 'eady to accept connections',
    logFile: join(setup.dir, `${member.name}.log`),
  });
}

/** Returns what redis-cli prints for a command to one node; empty when the node does not answer. */
async function askRedis(
  node: ClusterNode,
  program: string,
  words: readonly string[],
): Promise<string> {
  const cli = join(dirname(program), 'redis-cli');
  const address = ['-h', node.place.host, '-p', String(node.port)];
  const [command = '', ...rest] = [...node.place.inside, cli, ...address, ...words];
  return (await run(command, rest)).stdout;
}

/** Resolves when each of `nodes` reports that it serves, that every slot is served, and that all other nodes take part. */
export async function redisServes(nodes: readonly ClusterNode[], program: string): Promise<void> {
  const deadlineMs = performance.now() + SERVES_TIMEOUT_MS;
  for (const node of nodes) {
    const ask = (...words: string[]): Promise<string> => askRedis(node, program, words);
    const serves = async (): Promise<boolean> => {
      if (!(await ask('cluster', 'info')).includes('cluster_state:ok')) return false;
      if (!/^master|^connected$/m.test(await ask('role'))) return false;
      // CLUSTER SLOTS names a replica only once it follows.
      const ports = new Set((await ask('cluster', 'slots')).split(/\s+/));
      return nodes.every(({ port }) => ports.has(String(port)));
    };
    while (!(await serves())) {
      if (performance.now() > deadlineMs) throw new Error(`${node.name} does not serve`);
      await setTimeout(LOOK_MS);
    }
  }
}

/** Returns the current masters and replicas among the running nodes. */
export async function redisRoles(
  { nodes }: Cluster,
  program: string,
): Promise<{ readonly masters: ClusterNode[]; readonly replicas: ClusterNode[] }> {
  const masters: ClusterNode[] = [];
  const replicas: ClusterNode[] = [];
  for (const node of nodes.filter(({ isRunning }) => isRunning)) {
    const role = await askRedis(node, program, ['role']);
    if (role.startsWith('master')) masters.push(node);
    if (role.startsWith('slave')) replicas.push(node);
  }
  return { masters, replicas };
}
