// A cluster of Debian's etcd: three nodes, or one, whose directories are made in one directory.

import { join } from 'node:path';

import { run } from '../programs.js';
import { ClusterNode, killAll, LOOPBACK, startAll, type Cluster, type Place } from './node.js';
import { freePorts } from './ports.js';

interface EtcdSetup {
  /** The path from requireProgram() or findProgram(); it is in Debian's package etcd-server. */
  readonly program: string;
  /** An empty directory: each node makes its own in it. */
  readonly dir: string;
  /** A place for each node (default: three on the loopback). */
  readonly places?: readonly Place[];
  /** More flags for each node. */
  readonly args?: readonly string[];
}

/** Starts the cluster; resolves when it has a leader and serves. */
export async function startEtcd(setup: EtcdSetup): Promise<Cluster> {
  const places = setup.places ?? [LOOPBACK, LOOPBACK, LOOPBACK];
  const ports = await freePorts(2 * places.length);
  const members = places.map((place, at) => ({
    name: `etcd-${at + 1}`,
    place,
    port: ports[2 * at]!,
    client: `http://${place.host}:${ports[2 * at]}`,
    peer: `http://${place.host}:${ports[2 * at + 1]}`,
  }));
  const everybody = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const nodes = members.map(({ name, place, port, client, peer }) => {
    const args = Object.entries({
      name,
      'data-dir': join(setup.dir, name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': everybody,
      'initial-cluster-state': 'new',
      'log-level': 'info',
      logger: 'zap',
    }).flatMap(([flag, value]) => [`--${flag}`, value]);
    return new ClusterNode({
      name,
      place,
      port,
      program: setup.program,
      args: [...args, ...(setup.args ?? [])],
      ready: 'serving client traffic',
      logFile: join(setup.dir, `${name}.log`),
    });
  });
  try {
    await startAll(nodes);
  } catch (error) {
    await killAll(nodes);
    throw error;
  }
  return {
    engine: 'etcd',
    nodes,
    storeUrl: `etcd://${nodes.map(({ address }) => address).join(',')}`,
    end: () => killAll(nodes),
  };
}

/** One HTTP request, written in bash: bash starts ten times as fast as Node and exists in each namespace. */
const ASK = `
  exec 3<>/dev/tcp/$0/$1
  printf 'POST /v3/maintenance/status HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n' $0 >&3
  printf 'Content-Length: 2\\r\\n\\r\\n{}' >&3
  cat <&3
`;

async function leads({ place, port }: ClusterNode): Promise<boolean> {
  const asking = [...place.inside, 'bash', '-c', ASK, place.host, String(port)];
  const { stdout } = await run(asking[0]!, asking.slice(1));
  const [member, leader] = ['member_id', 'leader'].map(
    (name) => new RegExp(`"${name}":"(\\d+)"`).exec(stdout)?.[1],
  );
  return member !== undefined && member === leader;
}

/** Returns the node that leads now; undefined while no node does. */
export async function leaderOf({ nodes }: Cluster): Promise<ClusterNode | undefined> {
  const alive = nodes.filter(({ isRunning }) => isRunning);
  const leading = await Promise.all(alive.map(leads));
  return alive.find((_, at) => leading[at]);
}
