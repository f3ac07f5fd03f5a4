// A cluster with Cairn's servers over it, for a few drills; all of it ends with the body that uses it.

import { findProgram } from '../support/programs.js';
import { temporaryFolder } from '../support/servers.js';
import { startEtcd } from '../support/cluster/etcd-nodes.js';
import { killAll, LOOPBACK, startAll, type Cluster, type Place } from '../support/cluster/node.js';
import { startRedisCluster, type RedisSetup } from '../support/cluster/redis-nodes.js';
import type { Budget, Tried } from '../reliability/row.js';
import { drillFigure, runDrill, type DrillReport } from './drill.js';
import { drillServer, type DrillServer } from './servers.js';
import { removeFolder } from '../support/remove-folder.js';

export interface ClusterLife {
  readonly cluster: Cluster;
  /** Two running servers. */
  readonly servers: readonly DrillServer[];
}

interface LifeOptions {
  /** The places where the two servers run (default: the loopback). */
  readonly serverPlaces?: readonly Place[];
  /** The query of --store, instead of the cluster's own. */
  readonly query?: string;
}

const SERVERS = [0, 1] as const;

/** Returns the path of etcd or redis-server. Called only after missingPackages() found that it is installed. */
export function engineProgram(name: 'etcd' | 'redis-server'): string {
  const program = findProgram(name);
  if (program === undefined) throw new Error(`There is no ${name}`);
  return program;
}

/** Starts three nodes of etcd, each in a place of its own (default: the loopback). */
export function withEtcd<T>(
  options: LifeOptions & { readonly places?: readonly Place[] },
  body: (life: ClusterLife) => Promise<T>,
): Promise<T> {
  const { places } = options;
  const program = engineProgram('etcd');
  const start = (dir: string): Promise<Cluster> =>
    startEtcd({ program, dir, ...(places === undefined ? {} : { places }) });
  return withCluster(start, options, body);
}

export function withRedis<T>(
  options: LifeOptions & Omit<RedisSetup, 'program' | 'dir'>,
  body: (life: ClusterLife) => Promise<T>,
): Promise<T> {
  const program = engineProgram('redis-server');
  return withCluster((dir) => startRedisCluster({ ...options, program, dir }), options, body);
}

async function withCluster<T>(
  start: (dir: string) => Promise<Cluster>,
  { serverPlaces, query }: LifeOptions,
  body: (life: ClusterLife) => Promise<T>,
): Promise<T> {
  const dir = temporaryFolder();
  let cluster: Cluster | undefined;
  const servers: DrillServer[] = [];
  try {
    cluster = await start(dir);
    const [base = '', asked = ''] = cluster.storeUrl.split('?');
    const words = query ?? asked;
    const url = words === '' ? base : `${base}?${words}`;
    for (const at of SERVERS) {
      const place = serverPlaces?.[at] ?? LOOPBACK;
      servers.push(drillServer(dir, `server-${at}`, ['--store', url], place));
    }
    await startAll(servers.map(({ node }) => node));
    return await body({ cluster, servers });
  } finally {
    await killAll(servers.map(({ node }) => node));
    await cluster?.end();
    removeFolder(dir);
  }
}

/** A fault, and how it is undone. */
export interface Part {
  readonly name: string;
  readonly tags: readonly string[];
  /** The tags that go on while the fault lasts (default: all). */
  readonly goOn?: readonly string[];
  /** The fault lasts until the clients got this many errors (default: 0). */
  readonly errors?: number;
  strike(): Promise<void>;
  heal(): Promise<void>;
}

const WRITES = 40;
const LONG_ROUNDS = 20;

/** Returns how often to repeat the parts. */
export function roundsOf({ tier }: Budget): number {
  return tier === 'long' ? LONG_ROUNDS : 1;
}

/** Runs one drill per part over both servers of a life. */
export async function drillPart(
  { servers }: ClusterLife,
  { name, ...part }: Part,
  seed: number,
  round: number,
): Promise<DrillReport> {
  return runDrill({
    name: `${name.replaceAll(' ', '-')}-${round}`,
    places: servers.map(({ socket }) => socket),
    seed: seed + round,
    writes: WRITES,
    ...part,
  });
}

/** The results of the drills of a row, for the table; figures of the same part are combined into their worst. */
export class Results {
  readonly #reports: { readonly name: string; readonly report: DrillReport }[] = [];

  add(name: string, report: DrillReport): void {
    this.#reports.push({ name, report });
  }

  tried(seed: number): Tried {
    const names = [...new Set(this.#reports.map(({ name }) => name))];
    return {
      tried: this.#reports.length,
      failures: this.#reports.flatMap(({ name, report }) =>
        report.failures.map((line) => `seed ${seed}: ${name}: ${line}`),
      ),
      figure: names
        .map((name) => {
          const reports = this.#reports.filter((one) => one.name === name);
          return `${name}: ${drillFigure(reports.map(({ report }) => report))}`;
        })
        .join('; '),
    };
  }
}
