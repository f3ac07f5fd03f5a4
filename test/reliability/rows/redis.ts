// Faults of a Redis cluster below two servers: nodes and servers are killed, a master is cut off from its replicas. The
// control is the same cut with promises given up: it has to lose writes, otherwise the rows before it prove nothing.

import {
  drillPart,
  engineProgram,
  Results,
  roundsOf,
  withRedis,
  type ClusterLife,
  type Part,
} from '../../cluster/life.js';
import { redisRoles, redisServes } from '../../support/cluster/redis-nodes.js';
import { killAll, startAll, type ClusterNode, type Place } from '../../support/cluster/node.js';
import { Network, networkNeeds } from '../../support/cluster/network.js';
import { missingPackages } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

/** Hash tags in the first, second and third of three shards. */
const TAGS = ['b', 'c', 'a'];
/** The tags of the writers over the second server. */
const OVER_SECOND = ['c'];
const REQUIRED =
  'Nothing acknowledged or seen is gone, nothing refused is there, each history has an order, counters are exact; ' +
  'every request is answered, writes go on by themselves';
const PACKAGES = { 'redis-server': 'redis-server', 'redis-cli': 'redis-tools' };
const MASTERS = 3;
const NODE_PLACES = [0, 1, 2];
const SERVER_PLACES = [3, 4];

export const redisKills: FaultRow = {
  name: 'redis-kill',
  fault: 'kill -9 under load of a replica, a master, a server, and all nodes at once',
  required: REQUIRED,
  injection: 'SIGKILL; two servers over three masters with two replicas each, WAIT 1',
  try: tryKills,
};

export const redisPartitions: FaultRow = {
  name: 'redis-partition',
  fault: 'A master is cut off from the other nodes, or from everybody',
  required: REQUIRED,
  injection:
    'network namespaces on a bridge, routes into a black hole; two replicas, WAIT 1 (from everybody: long tier)',
  try: tryPartitions,
};

export const redisControl: FaultRow = {
  name: 'redis-control',
  fault: 'The same cut, with durability=memory&replicas=0',
  required: 'Acknowledged writes are lost: otherwise the rows above would prove nothing',
  injection: 'as redis-partition',
  try: tryControl,
};

async function tryKills(budget: Budget): Promise<Tried | Skipped> {
  const needs = missingPackages(PACKAGES);
  if (needs !== undefined) return { needs };
  const program = engineProgram('redis-server');
  const results = new Results();
  await withRedis({ replicas: 2 }, async (life) => {
    const { nodes } = life.cluster;
    for (let round = 0; round < roundsOf(budget); round++) {
      const roles = await redisRoles(life.cluster, program);
      const kill = (name: string, goOn: readonly string[], who: readonly ClusterNode[]): Part => ({
        name,
        tags: TAGS,
        goOn,
        strike: () => killAll(who),
        heal: async () => {
          await startAll(who);
          await redisServes(nodes, program);
        },
      });
      for (const part of [
        kill('replica', TAGS, roles.replicas.slice(0, 1)),
        kill('master', TAGS, roles.masters.slice(0, 1)),
        kill('server', OVER_SECOND, [life.servers[0]!.node]),
        kill('all nodes', [], nodes),
      ]) {
        results.add(part.name, await drillPart(life, part, budget.seed, round));
      }
    }
  });
  return results.tried(budget.seed);
}

interface CutOptions {
  readonly name: string;
  /** The places that the master of the first shard does not reach. */
  readonly from: readonly number[];
  /** The query of --store, when it is not the cluster's own. */
  readonly query?: string;
}

/** Starts a cluster whose first master is alone in its place and is cut off there until the others have gone on without it. */
async function cutMaster(
  { name, from, query }: CutOptions,
  budget: Budget,
  round: number,
  results: Results,
): Promise<void> {
  const network = new Network(5);
  const program = engineProgram('redis-server');
  const place = (at: number): Place => network.places[at]!;
  const placeOf = (master: number, replica: number | undefined): Place =>
    replica === undefined ? place(master === 0 ? 0 : 1) : place(2);
  const serverPlaces = SERVER_PLACES.map(place);
  const options = { replicas: 2, placeOf, serverPlaces, ...(query === undefined ? {} : { query }) };
  try {
    await withRedis(options, async (life) => {
      const part: Part = {
        name,
        tags: TAGS,
        strike: async () => {
          network.cut(0, from);
          await anotherMaster(life, program);
        },
        heal: async () => {
          network.heal();
          await redisServes(life.cluster.nodes, program);
        },
      };
      results.add(name, await drillPart(life, part, budget.seed, round));
    });
  } finally {
    network.remove();
  }
}

/** Resolves when a replica of the first shard was elected. */
async function anotherMaster({ cluster }: ClusterLife, program: string): Promise<void> {
  while ((await redisRoles(cluster, program)).masters.length <= MASTERS) {
    // Each look takes some time by itself.
  }
}

async function tryPartitions(budget: Budget): Promise<Tried | Skipped> {
  const needs = missingPackages(PACKAGES) ?? networkNeeds();
  if (needs !== undefined) return { needs };
  const results = new Results();
  for (let round = 0; round < roundsOf(budget); round++) {
    await cutMaster({ name: 'master from nodes', from: [1, 2] }, budget, round, results);
    // The servers notice this cut sooner: the first one is harder.
    if (budget.tier === 'fast') continue;
    const everybody = [...NODE_PLACES.slice(1), ...SERVER_PLACES];
    await cutMaster({ name: 'master from all', from: everybody }, budget, round, results);
  }
  return results.tried(budget.seed);
}

async function tryControl(budget: Budget): Promise<Tried | Skipped> {
  const needs = missingPackages(PACKAGES) ?? networkNeeds();
  if (needs !== undefined) return { needs };
  const results = new Results();
  const query = 'replicas=0&durability=memory&reads=fast';
  await cutMaster({ name: 'control', from: [1, 2], query }, budget, 0, results);
  const { tried, failures, figure } = results.tried(budget.seed);
  const isLossFound = failures.some((line) => line.includes('acknowledged and gone'));
  return { tried, failures: isLossFound ? [] : ['the control lost nothing'], figure };
}
