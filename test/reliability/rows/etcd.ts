// Faults of an etcd cluster below two servers: nodes and servers are killed, and parted from each other.

import {
  drillPart,
  Results,
  roundsOf,
  withEtcd,
  type ClusterLife,
  type Part,
} from '../../cluster/life.js';
import { leaderOf } from '../../support/cluster/etcd-nodes.js';
import { killAll, startAll, type ClusterNode, type Place } from '../../support/cluster/node.js';
import { Network, networkNeeds } from '../../support/cluster/network.js';
import { missingPackages } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

/** Writers, spread in turn over both servers. */
const TAGS = ['w0', 'w1', 'w2', 'w3'];
/** The writers over the second server. */
const OVER_SECOND = ['w1', 'w3'];
/** This many errors make sure that a server which reaches no node says so. */
const CLIENTS_TOLD = 10;
const NODE_PLACES = [0, 1, 2];
const SERVER_PLACES = [3, 4];
const REQUIRED =
  'Nothing acknowledged or seen is gone, nothing refused is there, each history has an order, counters are exact; ' +
  'every request is answered, writes go on by themselves';

export const etcdKills: FaultRow = {
  name: 'etcd-kill',
  fault: 'kill -9 under load of a follower, the leader, a server, and all nodes at once',
  required: REQUIRED,
  injection: 'SIGKILL; two servers over three nodes of etcd',
  try: tryKills,
};

export const etcdPartitions: FaultRow = {
  name: 'etcd-partition',
  fault: 'The leader is cut off from the other nodes, or from everybody; a server from all nodes',
  required: REQUIRED,
  injection: 'network namespaces on a bridge, routes into a black hole',
  try: tryPartitions,
};

async function mustLead(life: ClusterLife): Promise<ClusterNode> {
  const leader = await leaderOf(life.cluster);
  if (leader === undefined) throw new Error('No node leads');
  return leader;
}

async function tryKills(budget: Budget): Promise<Tried | Skipped> {
  const needs = missingPackages({ etcd: 'etcd-server' });
  if (needs !== undefined) return { needs };
  const results = new Results();
  await withEtcd({}, async (life) => {
    for (let round = 0; round < roundsOf(budget); round++) {
      const { nodes } = life.cluster;
      const leader = await mustLead(life);
      const follower = nodes.find((node) => node !== leader)!;
      const server = life.servers[0]!.node;
      const kill = (name: string, goOn: readonly string[], who: readonly ClusterNode[]) => ({
        name,
        tags: TAGS,
        goOn,
        strike: () => killAll(who),
        heal: () => startAll(who),
      });
      for (const part of [
        kill('follower', TAGS, [follower]),
        kill('leader', TAGS, [leader]),
        kill('server', OVER_SECOND, [server]),
        kill('all nodes', [], nodes),
      ]) {
        results.add(part.name, await drillPart(life, part, budget.seed, round));
      }
    }
  });
  return results.tried(budget.seed);
}

async function tryPartitions(budget: Budget): Promise<Tried | Skipped> {
  const needs = missingPackages({ etcd: 'etcd-server' }) ?? networkNeeds();
  if (needs !== undefined) return { needs };
  const results = new Results();
  const network = new Network(NODE_PLACES.length + SERVER_PLACES.length);
  const placesOf = (indexes: readonly number[]): Place[] =>
    indexes.map((at) => network.places[at]!);
  try {
    const options = { places: placesOf(NODE_PLACES), serverPlaces: placesOf(SERVER_PLACES) };
    await withEtcd(options, async (life) => {
      for (let round = 0; round < roundsOf(budget); round++) {
        for (const part of cutsOf(life, network)) {
          results.add(part.name, await drillPart(life, part, budget.seed, round));
        }
      }
    });
  } finally {
    network.remove();
  }
  return results.tried(budget.seed);
}

function cutsOf(life: ClusterLife, network: Network): Part[] {
  const cutLeader = async (others: readonly number[]): Promise<void> => {
    const leader = network.places.indexOf((await mustLead(life)).place);
    const parted = others.filter((other) => other !== leader);
    network.cut(leader, parted);
  };
  const whole = { tags: TAGS, heal: () => Promise.resolve(network.heal()) };
  return [
    { ...whole, name: 'leader from nodes', strike: () => cutLeader(NODE_PLACES) },
    {
      ...whole,
      name: 'leader from all',
      strike: () => cutLeader([...NODE_PLACES, ...SERVER_PLACES]),
    },
    {
      ...whole,
      name: 'server from nodes',
      goOn: OVER_SECOND,
      errors: CLIENTS_TOLD,
      strike: () => Promise.resolve(network.cut(SERVER_PLACES[0]!, NODE_PLACES)),
    },
  ];
}
